/// The head of an HTTP/1.1 response (RFC 9112), and its body as it arrives.
struct Response {
  private enum Body {
    case length(Int)
    case chunked(left: Int)
    case untilClose
    case done
  }

  let status: Int
  /// Whether the connection may carry another request once the body has been read.
  private(set) var keepsAlive = true
  private var body = Body.done
  private let connection: Connection

  /// Reads the head; interim responses (1xx) are passed over.
  init(from connection: Connection) throws(ClientError) {
    self.connection = connection
    while true {
      guard let first = try connection.line() else { throw .lost("it ended before the answer") }
      let words = first.split(separator: " ", maxSplits: 2)
      guard words.count >= 2, words[0].hasPrefix("HTTP/1."), let status = Int(words[1]), (100...599).contains(status)
      else {
        throw .foreign("it answered \"\(String(first.prefix(80)))\"")
      }
      var length: Int?
      var isChunked = false
      var closes = words[0] == "HTTP/1.0"
      while let line = try connection.line(), !line.isEmpty {
        guard let colon = line.firstIndex(of: ":") else { throw .foreign("a header without a colon") }
        let value = line[line.index(after: colon)...].drop { $0 == " " || $0 == "\t" }
        switch line[..<colon].lowercased() {
        case "content-length": length = Int(value)
        case "transfer-encoding": isChunked = value.lowercased().hasSuffix("chunked")
        case "connection": closes = value.lowercased() == "close"
        default: break
        }
      }
      if status < 200 { continue }
      self.status = status
      keepsAlive = !closes
      if status == 204 || status == 304 {
        body = .done
      } else if isChunked {
        body = .chunked(left: 0)
      } else if let length {
        body = length > 0 ? .length(length) : .done
      } else {
        body = .untilClose
        keepsAlive = false
      }
      return
    }
  }

  /// The next piece of the body; nil at its end.
  mutating func next() throws(ClientError) -> ArraySlice<UInt8>? {
    switch body {
    case .done: return nil
    case .untilClose:
      let piece = try connection.some(64 << 10)
      if piece.isEmpty { body = .done }
      return piece.isEmpty ? nil : piece
    case .length(let left):
      let piece = try connection.some(left)
      guard !piece.isEmpty else { throw .lost("it ended in the middle of an answer") }
      body = left > piece.count ? .length(left - piece.count) : .done
      return piece
    case .chunked(var left):
      if left == 0 {
        guard let line = try connection.line(), let size = Int(line.prefix { $0 != ";" }, radix: 16) else {
          throw .lost("it ended in the middle of an answer")
        }
        if size == 0 {
          while let trailer = try connection.line(), !trailer.isEmpty {}
          body = .done
          return nil
        }
        left = size
      }
      let piece = try connection.some(left)
      guard !piece.isEmpty else { throw .lost("it ended in the middle of an answer") }
      left -= piece.count
      // The line end behind each chunk.
      if left == 0 { _ = try connection.line() }
      body = .chunked(left: left)
      return piece
    }
  }
}
