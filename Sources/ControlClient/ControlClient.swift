import FoundationEssentials
package import JobModel

/// Asks jobqd over its Unix socket. Blocking, one request at a time, one connection that is kept for the next; no threads.
/// Not for more than one task.
package final class ControlClient {
  package let socket: SocketLocation
  private var idle: Connection?
  /// Told once of each outage that is waited out, so that a person knows why nothing happens.
  package var onOutage: ((ClientError) -> Void)?

  /// Does not connect yet.
  package init(_ socket: SocketLocation) { self.socket = socket }

  /// Connects, where there is no connection yet.
  /// - Returns: the user id of whoever listens at the socket; nil where the kernel does not tell.
  /// - Throws: `.unreachable`, `.notPermitted`.
  @discardableResult
  package func connect() throws(ClientError) -> UInt32? {
    let connection = try connected()
    idle = connection
    return connection.peerUserID
  }

  /// Sends the request and returns the body of a reply in the 200s.
  /// - Parameters:
  ///   - deadline: for the whole; nil waits without end.
  ///   - patience: where the connection breaks after it was made, or the daemon is starting or stopping, how long to connect and send again. Only
  ///     for requests that may be done twice. That nobody answers at all is thrown at once, unless the connection was up before.
  ///   - evenAtFirst: nobody who listens at a socket that is there is waited for, too: the daemon may be restarting just now.
  package func send(
    _ request: HTTPRequest, until deadline: Deadline? = nil, patience: TimeSpan? = nil, evenAtFirst: Bool = false
  ) throws(ClientError) -> [UInt8] {
    var hadConnection = idle != nil
    var left: Patience?
    while true {
      do throws(ClientError) {
        let stream = try open(request, until: deadline) {
          hadConnection = true
          left?.noteAnswer()
        }
        return try finish(stream, until: deadline)
      } catch {
        guard let patience, error.isPassing, hadConnection || (evenAtFirst && error.code == .refused) else {
          throw error
        }
        // A 503 at the first try is the answer; at a later one the daemon is coming up.
        if left == nil, error.problem != nil { throw error }
        if left == nil {
          left = Patience(patience)
          onOutage?(error)
        }
        guard left?.pauseForNextTry() == true, deadline?.hasPassed != true else { throw error }
      }
    }
  }

  /// Sends the request and hands over the reply as it comes, on a connection of its own from here on.
  /// Throws what the reply's status says where it is not in the 200s.
  package func stream(_ request: HTTPRequest) throws(ClientError) -> ReplyStream {
    let stream = try open(request, until: nil) {}
    guard (200..<300).contains(stream.head.status) else {
      throw ClientError(stream.head, try stream.all(until: nil))
    }
    return stream
  }

  /// Sends the request and waits for the reply's head; nil where the descriptor can be read first.
  func ask(_ request: HTTPRequest, until deadline: Deadline, or descriptor: Int32) throws(ClientError) -> ReplyStream? {
    let connection = try connected()
    idle = nil
    try connection.send(request.head + request.body)
    let ready = try Connection.waitForAny([connection.descriptor, descriptor], until: deadline)
    if ready == [descriptor] { return nil }
    return try ReplyStream(answering: connection, until: deadline)
  }

  /// The body of a reply in the 200s; the connection is kept for the next request.
  func finish(_ stream: ReplyStream, until deadline: Deadline?) throws(ClientError) -> [UInt8] {
    let body = try stream.all(until: deadline)
    if stream.isReusable { idle = stream.connection }
    guard (200..<300).contains(stream.head.status) else { throw ClientError(stream.head, body) }
    return body
  }

  private func connected() throws(ClientError) -> Connection {
    if let idle, idle.isOpen { return idle }
    return try Connection(to: socket)
  }

  private func open(_ request: HTTPRequest, until deadline: Deadline?, onConnect: () -> Void) throws(ClientError)
    -> ReplyStream
  {
    let connection = try connected()
    idle = nil
    onConnect()
    return try ReplyStream(request, on: connection, until: deadline)
  }

  // MARK: JSON

  package static func encode(_ value: some Encodable) -> [UInt8] {
    // What this encodes are our own requests: strings, numbers that are finite, dictionaries with string keys. None of that can fail.
    guard let data = try? JSONEncoder().encode(value) else { fatalError("\(type(of: value)) cannot be encoded") }
    return Array(data)
  }

  /// Throws `.badReply` where the body is not what it should be: the daemon is of another version, or is no jobqd.
  package static func decode<Value: Decodable>(_ body: [UInt8], as _: Value.Type = Value.self) throws(ClientError)
    -> Value
  {
    let decoder = JSONDecoder()
    decoder.userInfo[JSONDocument.key] = JSONDocument(body)
    do {
      return try decoder.decode(Value.self, from: Data(body))
    } catch {
      throw ClientError(
        .badReply,
        "jobqd's reply is not understood (\(ClientError.brief(error))); is it of another version? This is jobq "
          + JobQVersion.current)
    }
  }
}
