import JobModel
import NIOHTTP1
import Supervisor

/// The daemon: its status, its health, its numbers, and the flags that hold for all queues.
enum DaemonRoutes {
  static let all = [
    Route(.GET, "/v1/status") { call throws(Problem) in
      try call.noParameters()
      return try .json(try await call.service.status())
    },
    Route(.POST, "/v1/pause") { call throws(Problem) in
      try call.noParameters()
      try await call.service.pause(try call.jsonIfAny() ?? PauseRequest())
      return try .json(try await call.service.status())
    },
    Route(.POST, "/v1/resume") { call throws(Problem) in
      try call.noParameters()
      try await call.service.resume()
      return try .json(try await call.service.status())
    },
    Route(.POST, "/v1/drain") { call throws(Problem) in
      try call.noParameters()
      try await call.service.drain()
      return try .json(try await call.service.status())
    },
    Route(.GET, "/healthz") { call throws(Problem) in
      try call.noParameters()
      try await call.service.health()
      return try .json(["status": "ok"])
    },
    Route(.GET, "/metrics") { call throws(Problem) in
      try call.noParameters()
      let text = Metrics.text(try await call.service.status(), await call.service.counters())
      return .text(text, contentType: "text/plain; version=0.0.4; charset=utf-8")
    },
  ]
}
