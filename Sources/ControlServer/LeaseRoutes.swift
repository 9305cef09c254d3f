import JobModel
import NIOHTTP1
import Supervisor

/// Payload jobs for outside workers, and what they say of them.
enum LeaseRoutes {
  static let all = [
    Route(.POST, "/v1/queues/{name}/lease", kind: .long) { call throws(Problem) in
      try call.noParameters()
      let grant = try await call.service.lease(try call.json(), queue: call.captures[0], viewer: call.viewer)
      // Payloads may be large, but few are: a small answer is not worth another thread.
      return grant.jobs.count > 64 ? try await .largeJSON(grant) : try .json(grant)
    },
    Route(.POST, "/v1/leases") { call throws(Problem) in
      try call.noParameters()
      return try .json(try await call.service.settle(try call.json()))
    },
  ]
}
