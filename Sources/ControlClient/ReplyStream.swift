/// A reply as it comes in. One reader. The connection is closed with the object, unless the reply was read to its end and the
/// connection went back to its client.
package final class ReplyStream {
  let connection: Connection
  private var parser = ResponseParser()
  package let head: ResponseHead

  /// Sends a request and reads the reply's head. Blocks until it is there.
  /// Throws `.lost`, `.deadline` or `.badReply`.
  convenience init(_ request: HTTPRequest, on connection: Connection, until deadline: Deadline? = nil)
    throws(ClientError)
  {
    try connection.send(request.head + request.body)
    try self.init(answering: connection, until: deadline)
  }

  /// Reads the head of the reply to what was sent. Blocks and throws in the same way.
  init(answering connection: Connection, until deadline: Deadline? = nil) throws(ClientError) {
    self.connection = connection
    while true {
      if let part = try parser.next() {
        guard case .head(let head) = part else { continue }
        self.head = head
        return
      }
      try ReplyStream.more(&parser, connection, deadline)
    }
  }

  /// Bytes of the body as they come, or nil at its end. Blocks until there are some.
  package func next(until deadline: Deadline? = nil) throws(ClientError) -> [UInt8]? {
    while true {
      switch try parser.next() {
      case .body(let bytes): return bytes
      case .end: return nil
      case .head: continue
      case nil: try ReplyStream.more(&parser, connection, deadline)
      }
    }
  }

  /// What has been received and not been handed over yet, without reading more, and whether that is the end.
  package func buffered() throws(ClientError) -> (bytes: [UInt8], isEnd: Bool) {
    var bytes: [UInt8] = []
    while let part = try parser.next() {
      if case .end = part { return (bytes, true) }
      if case .body(let more) = part { bytes += more }
    }
    return (bytes, false)
  }

  /// Reads once. Blocks until something comes: after `waitForAny`, not at all.
  package func receive() throws(ClientError) { try ReplyStream.more(&parser, connection, nil) }

  /// The whole body.
  func all(until deadline: Deadline?) throws(ClientError) -> [UInt8] {
    var body: [UInt8] = []
    while let bytes = try next(until: deadline) {
      if body.isEmpty { body = bytes } else { body += bytes }
    }
    return body
  }

  /// Whether the connection may carry another request.
  var isReusable: Bool { parser.isSpent && parser.keepsAlive }

  private static func more(_ parser: inout ResponseParser, _ connection: Connection, _ deadline: Deadline?)
    throws(ClientError)
  {
    let bytes = try connection.receive(until: deadline)
    if bytes.isEmpty { try parser.close() } else { parser.feed(bytes) }
  }

  /// Blocks until one of the streams has something to read or ends, and returns their positions.
  package static func waitForAny(_ streams: [ReplyStream]) throws(ClientError) -> [Int] {
    let ready = try Connection.waitForAny(streams.map(\.connection.descriptor))
    return streams.indices.filter { ready.contains(streams[$0].connection.descriptor) }
  }
}
