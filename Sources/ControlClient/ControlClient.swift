package import FoundationEssentials
import JobModel

/// A blocking client of the control API over one Unix socket. One caller at a time; the connection is kept
/// between calls.
package final class ControlClient {
  package let socket: String
  private var connection: Connection?

  package init(socket: String) { self.socket = socket }

  /// The user as whom the daemon runs. Connects if need be.
  package func daemonUID() throws(ClientError) -> UInt32? { try connected().peerUID }

  private func connected() throws(ClientError) -> Connection {
    if let connection { return connection }
    let made = try Connection(path: socket)
    connection = made
    return made
  }

  // MARK: Calls

  /// One call with an answer of JSON.
  /// - Throws: `.refused` with the daemon's problem document; see `ClientError` for the rest.
  package func call<Answer: Decodable>(
    _ method: String, _ target: String, body: Data? = nil, as type: Answer.Type = Answer.self
  ) throws(ClientError) -> Answer {
    try decode(type, try data(method, target, body: body))
  }

  /// One call whose answer is handed on as it is.
  package func data(
    _ method: String, _ target: String, body: Data? = nil, contentType: String = "application/json"
  ) throws(ClientError) -> Data {
    var response = try begin(method, target, body, contentType)
    return try whole(&response)
  }

  /// A GET whose body is handed on piece by piece as it arrives.
  package func stream(_ target: String, _ take: (ArraySlice<UInt8>) throws(ClientError) -> Void) throws(ClientError) {
    var response = try begin("GET", target, nil, "")
    guard response.status < 300 else {
      _ = try whole(&response)
      return
    }
    do throws(ClientError) {
      while let piece = try response.next() { try take(piece) }
    } catch {
      connection = nil
      throw error
    }
    if !response.keepsAlive { connection = nil }
  }

  private func begin(_ method: String, _ target: String, _ body: Data?, _ contentType: String) throws(ClientError)
    -> Response
  {
    let isReused = connection != nil
    let request = Self.request(method, target, body, contentType)
    do throws(ClientError) {
      return try exchange(request)
    } catch {
      connection = nil
      // The daemon closes connections that are idle: a kept one may be gone. Only what can be asked twice is
      // asked again.
      guard isReused, case .lost = error, method == "GET" else { throw error }
      return try exchange(request)
    }
  }

  private func exchange(_ request: [UInt8]) throws(ClientError) -> Response {
    let connection = try connected()
    do throws(ClientError) {
      try connection.send(request)
    } catch {
      // A server that refuses a body may answer and close before it has read all of it: the answer says more
      // than the broken pipe.
      guard let response = try? Response(from: connection) else { throw error }
      self.connection = nil
      return response
    }
    return try Response(from: connection)
  }

  private static func request(_ method: String, _ target: String, _ body: Data?, _ contentType: String) -> [UInt8] {
    var head = "\(method) \(target) HTTP/1.1\r\nHost: jobq\r\n"
    if let body { head += "Content-Type: \(contentType)\r\nContent-Length: \(body.count)\r\n" }
    head += "\r\n"
    var bytes = Array(head.utf8)
    if let body { bytes += body }
    return bytes
  }

  private func whole(_ response: inout Response) throws(ClientError) -> Data {
    var body = Data()
    do throws(ClientError) {
      while let piece = try response.next() { body += piece }
    } catch {
      connection = nil
      throw error
    }
    if !response.keepsAlive { connection = nil }
    guard response.status < 300 else {
      guard let problem = try? JSONDecoder().decode(Problem.self, from: body) else {
        throw .foreign("it answered with status \(response.status)")
      }
      throw .refused(problem)
    }
    return body
  }

  package func decode<Answer: Decodable>(_ type: Answer.Type, _ data: Data) throws(ClientError) -> Answer {
    do {
      return try JSONDecoder().decode(type, from: data)
    } catch {
      throw .foreign("its answer cannot be read (\(error))")
    }
  }

  /// Encodes a request's body.
  package static func encode(_ value: some Encodable) throws(ClientError) -> Data {
    do { return try JSONEncoder().encode(value) } catch { throw .foreign("the request cannot be written (\(error))") }
  }

  /// A query's value, percent-encoded: RFC 3986.
  package static func escaped(_ text: String) -> String {
    var escaped = ""
    for byte in text.utf8 {
      switch byte {
      case 0x30...0x39, 0x41...0x5A, 0x61...0x7A, 0x2D, 0x2E, 0x5F, 0x7E:
        escaped.unicodeScalars.append(Unicode.Scalar(byte))
      default: escaped += "%" + (byte < 16 ? "0" : "") + String(byte, radix: 16, uppercase: true)
      }
    }
    return escaped
  }
}
