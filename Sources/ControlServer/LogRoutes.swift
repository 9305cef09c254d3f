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
    let feed = try await call.service.log(
      try call.jobID(), attempt: wanted.attempt, stream: wanted.stream, offset: wanted.offset, tail: wanted.tail,
      follow: wanted.follow)
    return .stream(contentType: "text/plain; charset=utf-8") { stream in
      var feed = feed
      while let bytes = try await feed.next() { try await stream.write(ByteBuffer(bytes: bytes)) }
      // Cut short by a stop, the body must not look complete.
      try Task.checkCancellation()
    }
  }
}
