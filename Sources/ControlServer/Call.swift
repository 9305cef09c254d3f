import JobModel
import NIOCore
import NIOHTTP1
import Supervisor

/// One request as its route sees it.
struct Call: Sendable {
  enum Body: Sendable {
    /// All of it. Empty where there is none.
    case whole(ByteBuffer)
    /// NDJSON, as it arrives.
    case lines(BodyFeed)
  }

  let service: JobService
  let limits: ServerLimits
  let peer: PeerCredentials
  /// This one included.
  let openConnections: Int
  /// The values of the pattern's `{…}`, in order.
  let captures: [String]
  let query: Substring?
  let headers: HTTPHeaders
  let body: Body

  /// Whether the body is so large that to read it takes more than a moment: it may hold hundreds of thousands of values.
  var isLarge: Bool {
    guard case .whole(let buffer) = body else { return false }
    return buffer.readableBytes > 64 << 10
  }

  /// As whom the reply is read: environment values are for the submitter and root.
  var viewer: UInt32? { peer.uid }

  /// The job that the path names.
  func jobID() throws(Problem) -> JobID {
    guard let text = captures.first, let id = JobID(text) else {
      throw Problem(.notFound, "\"\((captures.first ?? "").printable)\" is no job's number")
    }
    return id
  }

  /// Reads the query with `read`, and refuses what `read` did not ask for.
  func parameters<Value>(_ read: (inout QueryParameters) throws(Problem) -> Value) throws(Problem) -> Value {
    var parameters = try QueryParameters(query)
    let value = try read(&parameters)
    try parameters.finish()
    return value
  }

  func noParameters() throws(Problem) { if query != nil { try QueryParameters(query).finish() } }

  /// The body as one JSON document, whatever its type is said to be: curl's `-d` calls everything a form.
  func json<Value: Decodable>(_ type: Value.Type = Value.self) throws(Problem) -> Value {
    let document = try document()
    return try JSONBody.decodeAny(type, from: document.readableBytesUInt8Span)
  }

  /// The same for what comes all the time.
  func json<Value: Decodable & JSONReadable>(_ type: Value.Type = Value.self) throws(Problem) -> Value {
    let document = try document()
    return try JSONBody.decode(type, from: document.readableBytesUInt8Span)
  }

  private func document() throws(Problem) -> ByteBuffer {
    guard case .whole(let buffer) = body else { throw Problem(.malformed, "one JSON document is expected") }
    return buffer
  }

  /// The same; nil where there is no body.
  func jsonIfAny<Value: Decodable>(_ type: Value.Type = Value.self) throws(Problem) -> Value? {
    if case .whole(let buffer) = body, buffer.readableBytes == 0 { return nil }
    return try json(type)
  }
}
