import JobModel

/// The head of a reply.
package struct ResponseHead: Sendable, Hashable {
  package var status: Int
  /// Names in lower case; of a repeated one the last counts.
  package var fields: [String: String]
}

/// Reads one HTTP/1.1 reply (RFC 9112) from bytes that come in any pieces. A value: bytes in, parts out, no I/O.
///
/// Interim replies (1xx) are passed over. What follows the reply is left in the buffer: `isSpent` is then false.
package struct ResponseParser: Sendable {
  package enum Part: Sendable, Hashable {
    case head(ResponseHead)
    case body([UInt8])
    case end
  }

  private enum State: Hashable {
    case head
    /// So many bytes of the body, by Content-Length, are still to come.
    case counted(Int)
    case chunkSize
    case chunk(Int)
    /// The line end after a chunk's bytes.
    case chunkEnd
    case trailer
    /// The body ends with the connection.
    case untilClose
    case done
  }

  private var state = State.head
  private var buffer: [UInt8] = []
  private var position = 0
  /// Whether the connection may carry another request.
  private(set) var keepsAlive = true

  /// A head, or a line of a chunk's framing, may have so many bytes.
  private static let longestHead = 64 << 10

  package init() {}

  package mutating func feed(_ bytes: [UInt8]) {
    if position == buffer.count {
      buffer = bytes
    } else {
      buffer.removeFirst(position)
      buffer += bytes
    }
    position = 0
  }

  /// The reply has been read, and nothing stands behind it.
  var isSpent: Bool { state == .done && position == buffer.count }

  /// The next part; nil where more bytes are needed.
  package mutating func next() throws(ClientError) -> Part? {
    while true {
      switch state {
      case .head:
        guard let head = try head() else { return nil }
        if (100..<200).contains(head.status) { continue }
        try begin(head)
        return .head(head)
      case .counted(0):
        state = .done
        return .end
      case .counted(let left):
        guard let bytes = take(left) else { return nil }
        state = .counted(left - bytes.count)
        return .body(bytes)
      case .chunkSize:
        guard let line = try line() else { return nil }
        // RFC 9112 section 7.1: hexadecimal digits, then extensions, which nobody here sends.
        let digits = line.prefix { $0 != ";" }.filter { $0 != " " && $0 != "\t" }
        guard !digits.isEmpty, digits.allSatisfy(\.isHexDigit), let size = Int(digits, radix: 16) else {
          throw ClientError.notHTTP("a chunk begins with \"\(line.printable)\"")
        }
        state = size == 0 ? .trailer : .chunk(size)
      case .chunk(let left):
        guard let bytes = take(left) else { return nil }
        state = bytes.count == left ? .chunkEnd : .chunk(left - bytes.count)
        return .body(bytes)
      case .chunkEnd:
        guard let line = try line() else { return nil }
        guard line.isEmpty else { throw ClientError.notHTTP("a chunk is longer than it said") }
        state = .chunkSize
      case .trailer:
        guard let line = try line() else { return nil }
        guard line.isEmpty else { continue }
        state = .done
        return .end
      case .untilClose:
        guard let bytes = take(.max) else { return nil }
        return .body(bytes)
      case .done: return .end
      }
    }
  }

  /// The peer has closed. Returns where that is how the reply ends; throws `.lost` where it was cut short.
  package mutating func close() throws(ClientError) {
    keepsAlive = false
    switch state {
    case .done: return
    case .untilClose: state = .done
    default: throw ClientError(.lost, "jobqd closed the connection before its answer was whole")
    }
  }

  /// At most `count` of the bytes that are there; nil where there are none.
  private mutating func take(_ count: Int) -> [UInt8]? {
    let end = position + min(count, buffer.count - position)
    guard end > position else { return nil }
    defer { position = end }
    return position == 0 && end == buffer.count ? buffer : Array(buffer[position..<end])
  }

  /// A line without its end, CRLF or LF (RFC 9112 section 2.2).
  private mutating func line() throws(ClientError) -> String? {
    guard let end = buffer[position...].firstIndex(of: 0x0A) else {
      guard buffer.count - position <= Self.longestHead else { throw ClientError.notHTTP("a line does not end") }
      return nil
    }
    defer { position = end + 1 }
    let last = end > position && buffer[end - 1] == 0x0D ? end - 1 : end
    return String(decoding: buffer[position..<last], as: UTF8.self)
  }

  /// All lines of the head at once, or nothing is taken.
  private mutating func head() throws(ClientError) -> ResponseHead? {
    let start = position
    // What is no HTTP shows in its first bytes: say so before waiting for more.
    let seen = buffer[start...].prefix(7)
    guard seen.elementsEqual("HTTP/1.".utf8.prefix(seen.count)) else {
      throw ClientError.notHTTP("it begins with \"\(String(decoding: seen, as: UTF8.self).printable)\"")
    }
    var lines: [String] = []
    while let line = try line() {
      if line.isEmpty { return try ResponseHead(lines: lines) }
      lines.append(line)
      guard position - start <= Self.longestHead else { throw ClientError.notHTTP("its head does not end") }
    }
    position = start
    guard buffer.count - position <= Self.longestHead else { throw ClientError.notHTTP("its head does not end") }
    return nil
  }

  /// How the body ends: RFC 9112 section 6.3.
  private mutating func begin(_ head: ResponseHead) throws(ClientError) {
    keepsAlive = head.fields["connection"]?.lowercased() != "close"
    if head.status == 204 || head.status == 304 {
      state = .counted(0)
    } else if let coding = head.fields["transfer-encoding"] {
      guard coding.lowercased() == "chunked" else {
        throw ClientError.notHTTP("the transfer coding \"\(coding.printable)\" is unknown")
      }
      state = .chunkSize
    } else if let text = head.fields["content-length"] {
      guard let length = Int(text), length >= 0, text.first != "+" else {
        throw ClientError.notHTTP("its length is \"\(text.printable)\"")
      }
      state = .counted(length)
    } else {
      state = .untilClose
    }
  }
}

extension ResponseHead {
  fileprivate init(lines: [String]) throws(ClientError) {
    let words = (lines.first ?? "").split(separator: " ", maxSplits: 2)
    guard words.count >= 2, words[1].utf8.count == 3, let status = Int(words[1]), status >= 100 else {
      throw ClientError.notHTTP("its first line is \"\((lines.first ?? "").printable)\"")
    }
    self.status = status
    fields = [:]
    for line in lines.dropFirst() {
      guard let colon = line.firstIndex(of: ":") else {
        throw ClientError.notHTTP("its head holds \"\(line.printable)\"")
      }
      let value = line[line.index(after: colon)...].drop { $0 == " " || $0 == "\t" }
      let last = value.lastIndex { $0 != " " && $0 != "\t" }
      fields[line[..<colon].lowercased()] = last.map { String(value[...$0]) } ?? ""
    }
  }
}

extension ClientError {
  fileprivate static func notHTTP(_ what: String) -> ClientError {
    ClientError(.badReply, "what answers at the socket does not speak as jobqd does: \(what)")
  }
}
