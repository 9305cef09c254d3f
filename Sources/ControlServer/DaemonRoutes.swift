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
      let metrics = Metrics(
        status: try await call.service.status(), startedAt: call.service.startedAt,
        counters: await call.service.counters(), store: try await call.service.statistics(),
        connections: call.openConnections, connectionLimit: call.limits.connections)
      return .text(metrics.text, contentType: "text/plain; version=0.0.4; charset=utf-8")
    },
  ]
}
