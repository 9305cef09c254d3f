import ControlClient
import SeededRandom
import Testing

@Suite("Reading a reply of HTTP/1.1")
struct ResponseParserTests {
  /// Feeds the text in pieces of these sizes (then all the rest) and gives what came out, the body joined.
  private func parse(_ text: String, pieces: [Int] = [], close: Bool = false) throws -> (ResponseHead?, String, Bool) {
    var parser = ResponseParser()
    var head: ResponseHead?
    var body: [UInt8] = []
    var isEnd = false
    func take() throws {
      while !isEnd, let part = try parser.next() {
        switch part {
        case .head(let found): head = found
        case .body(let bytes): body += bytes
        case .end: isEnd = true
        }
      }
    }
    var rest = Array(text.utf8)[...]
    for size in pieces + [Int.max] where !rest.isEmpty {
      parser.feed(Array(rest.prefix(size)))
      rest = rest.dropFirst(size)
      try take()
    }
    if close {
      try parser.close()
      try take()
    }
    return (head, String(decoding: body, as: UTF8.self), isEnd)
  }

  private static let replies = [
    ("HTTP/1.1 201 Created\r\nContent-Length: 5\r\nX: y \r\n\r\nhello", 201, "hello"),
    (
      "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhello\r\n1;x=y\r\n!\r\n0\r\nTrailer: t\r\n\r\n", 200,
      "hello!"
    ),
    ("HTTP/1.1 204 No Content\r\n\r\n", 204, ""),
    ("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", 200, "ok"),
    ("HTTP/1.1 200\nContent-Length: 2\n\nok", 200, "ok"),
    ("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", 200, ""),
    ("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n00A\r\n0123456789\r\n0\r\n\r\n", 200, "0123456789"),
  ]

  @Test("a reply is the same in whatever pieces it comes", arguments: replies)
  func pieces(text: String, status: Int, body: String) throws {
    let seed = testSeed()
    var random = SplitMix(seed: seed)
    for round in 0..<200 {
      let pieces = round == 0 ? [] : (0..<200).map { _ in Int.random(in: 1...(round % 20 + 1), using: &random) }
      let (head, found, isEnd) = try parse(text, pieces: pieces)
      #expect(head?.status == status && found == body && isEnd, "seed \(seed), pieces \(pieces)")
    }
  }

  @Test("a reply that is cut short anywhere is no reply", arguments: replies)
  func cut(text: String, status: Int, body: String) {
    for length in 0..<text.utf8.count {
      let error = #expect(throws: ClientError.self, "at \(length)") {
        try parse(String(decoding: text.utf8.prefix(length), as: UTF8.self), close: true)
      }
      #expect(error?.code == .lost)
    }
  }

  @Test("without a length the body ends with the connection")
  func untilClose() throws {
    let (_, body, isEnd) = try parse("HTTP/1.1 200 OK\r\n\r\nall of it", close: true)
    #expect(body == "all of it" && isEnd)
    #expect(try parse("HTTP/1.1 200 OK\r\n\r\nall of it").2 == false)
  }

  @Test(
    "what is not HTTP is said at once",
    arguments: [
      "SSH-2.0-OpenSSH\r\n", "hello", "HTTP/2 200\r\n\r\n", "HTTP/1.1 OK\r\n\r\n",
      "HTTP/1.1 200 OK\r\nno colon\r\n\r\n",
      "HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n", "HTTP/1.1 200 OK\r\nContent-Length: +1\r\n\r\n",
      "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\n",
      "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n",
      "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nfffffffffffffffffff\r\n",
      "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nab\r\n",
      "HTTP/1.1 200 OK\r\nX: " + String(repeating: "x", count: 70_000),
    ])
  func garbage(text: String) {
    let error = #expect(throws: ClientError.self) { try parse(text) }
    #expect(error?.code == .badReply && error?.exitCode == 69)
  }
}
