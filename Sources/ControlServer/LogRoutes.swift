import JobModel
import JobProcess
import NIOCore
import NIOHTTP1
import Supervisor

/// What attempts wrote.
enum LogRoutes {
  static let all = [
    Route(.GET, "/v1/jobs/{id}/log", kind: .long) { call throws(Problem) in try await log(call) }
  ]

  private static func log(_ call: Call) async throws(Problem) -> Reply {
    let wanted = try call.parameters { query throws(Problem) in
      (
        attempt: try query.integer("attempt", in: 1...Int64(Int32.max)).map(Int.init),
        stream: try query.word("stream", LogStream.self), follow: try query.flag("follow"),
        offset: try query.integer("offset", in: 0...Int64.max) ?? 0,
        tail: try query.integer("tail", in: 0...Int64(Int32.max)).map(Int.init)
      )
    }
    if wanted.tail != nil, wanted.offset > 0 {
      throw Problem(InvalidValue("offset", "a log is read from an offset or from a tail, not both"))
    }
    let (service, id) = (call.service, try call.jobID())
    let feed = try await service.log(
      id, attempt: wanted.attempt, stream: wanted.stream, offset: wanted.offset, tail: wanted.tail,
      follow: wanted.follow)
    return .stream(contentType: "text/plain; charset=utf-8") { stream in
      var feed = feed
      while let bytes = try await feed.next() { try await stream.write(ByteBuffer(bytes: bytes)) }
      // Cut short by a stop, the body must not look complete.
      try Task.checkCancellation()
      // A job that has been removed meanwhile had ended.
      if wanted.follow, let job = try? await service.job(id, viewer: nil), goesOn(job, wanted.attempt) {
        throw ReplyStream.Closed()
      }
    }
  }

  /// Whether there may be more to come from what is followed: the job, or one attempt of it.
  private static func goesOn(_ job: Job, _ attempt: Int?) -> Bool {
    guard let attempt else { return !job.state.hasEnded }
    return job.state == .running && job.attempt == attempt
  }
}
