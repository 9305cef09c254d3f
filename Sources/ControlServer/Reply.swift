import JobModel
import NIOCore
import NIOHTTP1

/// What a route answers.
enum Reply: Sendable {
  /// A whole document: sent with its length.
  case document(status: HTTPResponseStatus, contentType: String, body: ByteBuffer, headers: [(String, String)] = [])
  case noContent
  /// A body that comes in pieces. `write` runs once the head is out; it ends with the body, or throws where the body
  /// must be cut off. `length` where it is known, in bytes: then `write` writes as many.
  case stream(contentType: String, length: Int64? = nil, write: @Sendable (ReplyStream) async throws -> Void)

  static func json(
    _ value: some Encodable & Sendable, status: HTTPResponseStatus = .ok, headers: [(String, String)] = []
  ) throws(Problem) -> Reply {
    .document(status: status, contentType: "application/json", body: try encode(value), headers: headers)
  }

  static func json(
    _ value: some Encodable & JSONWritable & Sendable, status: HTTPResponseStatus = .ok,
    headers: [(String, String)] = []
  ) throws(Problem) -> Reply {
    .document(status: status, contentType: "application/json", body: try encode(value), headers: headers)
  }

  /// As `json`, for a value of unbounded size: it is written off the event loop.
  static func largeJSON(_ value: some Encodable & Sendable) async throws(Problem) -> Reply {
    let body = try await offLoop { () throws(Problem) in try encode(value) }
    return .document(status: .ok, contentType: "application/json", body: body)
  }

  static func largeJSON(_ value: some Encodable & JSONWritable & Sendable) async throws(Problem) -> Reply {
    let body = try await offLoop { () throws(Problem) in try encode(value) }
    return .document(status: .ok, contentType: "application/json", body: body)
  }

  static func text(_ text: String, contentType: String) -> Reply {
    .document(status: .ok, contentType: contentType, body: ByteBuffer(string: text))
  }

  /// RFC 9457.
  static func problem(_ problem: Problem, allow: [HTTPMethod] = []) -> Reply {
    // A problem holds strings and whole numbers: there is nothing in it that JSON cannot say.
    let body = (try? JSONWriter.bytes(problem)) ?? ByteBuffer()
    return .document(
      status: HTTPResponseStatus(statusCode: problem.status), contentType: "application/problem+json", body: body,
      headers: allow.isEmpty ? [] : [("allow", allow.map(\.rawValue).joined(separator: ", "))])
  }

  private static func encode(_ value: some Encodable) throws(Problem) -> ByteBuffer {
    do { return try JSONWriter.bytes(value) } catch { throw unwritable(error) }
  }

  private static func encode(_ value: some Encodable & JSONWritable) throws(Problem) -> ByteBuffer {
    do { return try JSONWriter.bytes(value) } catch { throw unwritable(error) }
  }

  private static func unwritable(_ error: any Error) -> Problem {
    Problem(.fault, "the answer cannot be written as JSON: \(error)")
  }
}
