import JobModel
import NIOHTTP1
import Supervisor

/// Queues and their settings.
enum QueueRoutes {
  static let all = [
    Route(.GET, "/v1/queues") { call throws(Problem) in
      try call.noParameters()
      return try .json(QueueList(queues: try await call.service.queues()))
    },
    Route(.GET, "/v1/queues/{name}") { call throws(Problem) in
      try call.noParameters()
      return try .json(try await call.service.queue(call.captures[0]))
    },
    Route(.PATCH, "/v1/queues/{name}") { call throws(Problem) in
      try call.noParameters()
      let patch = try call.json(QueuePatch.self)
      return try .json(try await call.service.update(queue: call.captures[0], patch))
    },
  ]
}

struct QueueList: Codable, Sendable {
  var queues: [QueueInfo]
}
