import CLinux
import JobModel
import JobStore
import NIOHTTP1
import Supervisor

/// Jobs: adding, looking, waiting, and what a person asks of one.
enum JobRoutes {
  static let all = [
    Route(.POST, "/v1/jobs", takesLines: true) { call throws(Problem) in try await add(call) },
    Route(.GET, "/v1/jobs") { call throws(Problem) in try await list(call) },
    Route(.GET, "/v1/jobs/{id}") { call throws(Problem) in
      try call.noParameters()
      return try .json(try await call.service.job(try call.jobID(), viewer: call.viewer))
    },
    Route(.PATCH, "/v1/jobs/{id}") { call throws(Problem) in
      try call.noParameters()
      return try .json(try await call.service.edit(try call.jobID(), try call.json(), viewer: call.viewer))
    },
    Route(.DELETE, "/v1/jobs/{id}") { call throws(Problem) in
      try call.noParameters()
      try await call.service.remove(try call.jobID())
      return .noContent
    },
    Route(.GET, "/v1/jobs/{id}/graph") { call throws(Problem) in
      let range = Int64(JobGraph.limits.lowerBound)...Int64(JobGraph.limits.upperBound)
      let limit = try call.parameters { query throws(Problem) in try query.integer("limit", in: range) }
      return try .json(try await call.service.graph(try call.jobID(), limit: limit.map { Int($0) } ?? 20))
    },
    Route(.POST, "/v1/jobs/{id}/cancel") { call throws(Problem) in
      try call.noParameters()
      return try .json(try await call.service.cancel(try call.jobID(), viewer: call.viewer))
    },
    Route(.POST, "/v1/jobs/{id}/hold") { call throws(Problem) in
      try call.noParameters()
      return try .json(try await call.service.hold(try call.jobID(), viewer: call.viewer))
    },
    Route(.POST, "/v1/jobs/{id}/release") { call throws(Problem) in
      try call.noParameters()
      return try .json(try await call.service.release(try call.jobID(), viewer: call.viewer))
    },
    Route(.POST, "/v1/jobs/{id}/retry") { call throws(Problem) in
      let withDependents = try call.parameters { query throws(Problem) in try query.flag("with_dependents") }
      return try .json(
        try await call.service.retry(try call.jobID(), withDependents: withDependents, viewer: call.viewer))
    },
    Route(.GET, "/v1/jobs/{id}/why") { call throws(Problem) in
      try call.noParameters()
      return try .json(try await call.service.why(try call.jobID()))
    },
    Route(.GET, "/v1/jobs/{id}/wait", kind: .long) { call throws(Problem) in
      let timeout = try call.parameters { query throws(Problem) in try query.span("timeout_seconds") }
      return try .json(try await call.service.wait(try call.jobID(), timeout: timeout, viewer: call.viewer))
    },
  ]

  private static func add(_ call: Call) async throws(Problem) -> Reply {
    try call.noParameters()
    if case .lines(let feed) = call.body { return try await addLines(feed, call) }
    let added = try await call.service.enqueueOne(try call.json(), by: call.peer.submitter)
    return try .json(
      added.job, status: added.isNew ? .created : .ok, headers: [("location", "/v1/jobs/\(added.job.id)")])
  }

  /// All or none: the first line that is refused refuses all.
  private static func addLines(_ feed: BodyFeed, _ call: Call) async throws(Problem) -> Reply {
    let (service, submitter, limits) = (call.service, call.peer.submitter, call.limits)
    let receipt = try await offLoop { () throws(Problem) in
      var reader = BulkReader(limits: limits)
      var batch = try service.batch(by: submitter)
      while let bytes = await feed.next() {
        try reader.read(bytes) { request throws(Problem) in try batch.add(request) }
      }
      guard feed.isComplete else { throw Problem(.malformed, "the body ended early") }
      try reader.finish { request throws(Problem) in try batch.add(request) }
      guard !reader.lines.isEmpty else { throw Problem(InvalidValue("body", "there is no job in it")) }
      do throws(Problem) {
        let ids = try await service.enqueue(batch).map(\.id)
        return BulkReceipt(count: ids.count, firstID: ids.min(), lastID: ids.max())
      } catch {
        throw reader.located(error)
      }
    }
    // What so many requests took lies free between what is kept: malloc gives whole pages back only when it is asked.
    if receipt.count >= 10_000 { await offLoop { _ = malloc_trim(0) } }
    return try .json(receipt, status: .created)
  }

  private static func list(_ call: Call) async throws(Problem) -> Reply {
    let filter = try call.parameters { query throws(Problem) in try JobFilter(&query) }
    return try await .largeJSON(try await call.service.jobs(filter, viewer: call.viewer))
  }
}
