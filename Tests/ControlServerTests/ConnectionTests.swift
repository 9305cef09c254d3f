import ControlServer
import Foundation
import JobModel
import SeededRandom
import Testing

@Suite("Connections") struct ConnectionTests {
  @Test("One connection carries many requests, one after the other")
  func keepAlive() async throws {
    try await TestServer.with { server in
      let client = try RawClient(server.path)
      for _ in 0..<50 {
        let reply = try await client.ask("GET", "/healthz")
        #expect(reply.status == 200)
        #expect(reply.body == #"{"status":"ok"}"#)
        #expect(reply.headers["connection"] == nil)
      }
      client.close()
    }
  }

  @Test("Pipelined requests are answered in order, the slow first one too")
  func pipelining() async throws {
    try await TestServer.with { server in
      let id = try await server.enqueue(#"{"command":["sleep","0.3"]}"#)
      let client = try RawClient(server.path)
      var text = "GET /v1/jobs/\(id)/wait HTTP/1.1\r\nHost: jobq\r\n\r\n"
      for limit in 1...20 { text += "GET /v1/jobs?limit=\(limit) HTTP/1.1\r\nHost: jobq\r\n\r\n" }
      text += "POST /v1/jobs HTTP/1.1\r\nHost: jobq\r\nContent-Length: 22\r\n\r\n{\"command\":[\"true\"]}  "
      text += "GET /nowhere HTTP/1.1\r\nHost: jobq\r\n\r\n"
      try await client.send(text)
      #expect(try await client.reply().object()["state"] as? String == "succeeded")
      for _ in 1...20 { #expect(try await client.reply().status == 200) }
      #expect(try await client.reply().status == 201)
      #expect(try await client.reply().status == 404)
      client.close()
    }
  }

  @Test("A request may come byte by byte")
  func trickle() async throws {
    // A busy machine gives each byte its turn, but not all of them within half a minute.
    var limits = ServerLimits()
    limits.progress = .minutes(10)
    try await TestServer.with(limits: limits) { server in
      let client = try RawClient(server.path)
      for byte in Array("POST /v1/jobs HTTP/1.1\r\nHost: a\r\nContent-Length: 20\r\n\r\n{\"command\":[\"true\"]}".utf8)
      {
        try await client.send([byte])
      }
      #expect(try await client.reply().status == 201)
      client.close()
    }
  }

  @Test(
    "What is no HTTP gets 400 and the end of its connection, and harms no one else",
    arguments: [
      "\u{16}\u{03}\u{01}hello", "GET\r\n\r\n", "GET / HTTP/1.1\r\nHost jobq\r\n\r\n",
      "BREW /pot HTTP/1.1\r\nHost: j\r\n\r\n",
      "GET / HTTP/3.0\r\nHost: j\r\n\r\n", "POST /v1/jobs HTTP/1.1\r\nHost: j\r\nContent-Length: x\r\n\r\n",
      "POST /v1/jobs HTTP/1.1\r\nHost: j\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
      "POST /v1/jobs HTTP/1.1\r\nHost: j\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
      "GET /healthz HTTP/1.1\r\nHost: j\r\n: empty\r\n\r\n",
      "GET /he%zz HTTP/1.1\r\nHost: j\r\nConnection: close\r\n\r\n",
      "GET /healthz HTTP/1.1\r\nConnection: close\r\n\r\n",
      "GET /healthz HTTP/1.1\r\nHost: a\r\nHost: b\r\nConnection: close\r\n\r\n",
      "GET /\0 HTTP/1.1\r\nHost: a\r\n\r\n",
    ])
  func garbage(_ text: String) async throws {
    try await TestServer.with { server in
      let other = try RawClient(server.path)
      #expect(try await other.ask("GET", "/healthz").status == 200)
      let client = try RawClient(server.path)
      try await client.send(text)
      let reply = try await client.reply()
      #expect(reply.status == 400, "\(reply)")
      #expect(reply.headers["content-type"] == "application/problem+json")
      #expect(try reply.object()["code"] as? String == "malformed")
      #expect(reply.headers["connection"] == "close")
      #expect(try await client.readToEnd() == "")
      #expect(try await other.ask("GET", "/healthz").status == 200)
      client.close()
      other.close()
    }
  }

  @Test("Random damage to requests is always answered or closed, and harms no one else")
  func damage() async throws {
    let seed = testSeed()
    var random = SplitMix(seed: seed)
    let whole = Array(
      ("POST /v1/jobs?a=%20 HTTP/1.1\r\nHost: jobq\r\nContent-Type: application/json\r\nContent-Length: 40\r\n\r\n"
        + "{\"command\":[\"true\"],\"labels\":{\"a\":\"b\"}}GET /v1/jobs HTTP/1.1\r\nHost: a\r\n"
        + "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\nGET /metrics HTTP/1.1\r\nHost: a\r\n\r\n").utf8)
    try await TestServer.with { server in
      let other = try RawClient(server.path)
      for round in 0..<200 {
        var bytes = whole
        for _ in 0..<Int.random(in: 1...6, using: &random) {
          let index = Int.random(in: 0..<bytes.count, using: &random)
          switch Int.random(in: 0..<3, using: &random) {
          case 0: bytes[index] = UInt8.random(in: 0...255, using: &random)
          case 1: bytes.removeSubrange(index..<min(bytes.count, index + Int.random(in: 1...9, using: &random)))
          default: bytes.insert(contentsOf: bytes[index...].prefix(20), at: index)
          }
        }
        let client = try RawClient(server.path)
        // The server may close before it has all: then it has answered.
        let cut = Int.random(in: 0...bytes.count, using: &random)
        try? await client.send(Array(bytes[..<cut]))
        try? await client.send(Array(bytes[cut...]))
        try? await client.endOutput()
        let replies = try await client.readToEnd()
        #expect(replies.isEmpty || replies.hasPrefix("HTTP/1."), "seed \(seed), round \(round)")
        client.close()
      }
      #expect(try await other.ask("GET", "/healthz").status == 200)
      other.close()
    }
  }

  @Test("Garbage after a good request does not spoil that one's reply")
  func garbageAfterGood() async throws {
    try await TestServer.with { server in
      let client = try RawClient(server.path)
      try await client.send("GET /healthz HTTP/1.1\r\nHost: j\r\n\r\nwhat is this\r\n\r\n")
      #expect(try await client.reply().status == 200)
      #expect(try await client.reply().status == 400)
      #expect(try await client.readToEnd() == "")
      client.close()
    }
  }

  @Test("A head that is too large is refused with 413")
  func largeHead() async throws {
    try await TestServer.with { server in
      let client = try RawClient(server.path)
      try await client.send("GET /healthz HTTP/1.1\r\nHost: j\r\nX: \(String(repeating: "x", count: 100_000))\r\n\r\n")
      let reply = try await client.reply()
      #expect(reply.status == 413)
      client.close()
      let many = try RawClient(server.path)
      let fields = (0..<200).map { "X-\($0): 1\r\n" }.joined()
      try await many.send("GET /healthz HTTP/1.1\r\nHost: j\r\n\(fields)\r\n")
      #expect(try await many.reply().status == 413)
      many.close()
    }
  }

  @Test("A body over its bound is refused with 413 before it is read, by its length or as it grows")
  func largeBody() async throws {
    // However slowly this machine sends.
    var limits = ServerLimits()
    limits.linger = .seconds(60)
    try await TestServer.with(limits: limits) { server in
      let client = try RawClient(server.path)
      try await client.send("POST /v1/jobs HTTP/1.1\r\nHost: j\r\nContent-Length: \(3 << 20)\r\n\r\n")
      let reply = try await client.reply()
      #expect(reply.status == 413)
      #expect(reply.detail == "the body is over 2 MiB")
      #expect(reply.headers["connection"] == "close")
      // The rest is still read, so that a client that sends before it reads gets to the reply.
      try await client.send([UInt8](repeating: 0x20, count: 1 << 20))
      client.close()

      let growing = try RawClient(server.path)
      try await growing.send("POST /v1/jobs HTTP/1.1\r\nHost: j\r\nTransfer-Encoding: chunked\r\n\r\n")
      let chunk = "40000\r\n" + String(repeating: " ", count: 0x40000) + "\r\n"
      for _ in 0..<9 { try await growing.send(chunk) }
      #expect(try await growing.reply().status == 413)
      growing.close()
    }
  }

  @Test("`Expect: 100-continue` is answered before the body, and a refusal saves sending it")
  func expectContinue() async throws {
    try await TestServer.with { server in
      let client = try RawClient(server.path)
      let body = #"{"command":["true"]}"#
      try await client.send(
        "POST /v1/jobs HTTP/1.1\r\nHost: j\r\nExpect: 100-continue\r\nContent-Length: \(body.utf8.count)\r\n\r\n")
      #expect(try await client.reply().status == 100)
      try await client.send(body)
      #expect(try await client.reply().status == 201)
      try await client.send("POST /v1/nope HTTP/1.1\r\nHost: j\r\nExpect: 100-continue\r\nContent-Length: 9\r\n\r\n")
      #expect(try await client.reply().status == 404)
      #expect(try await client.readToEnd() == "")
      client.close()
    }
  }

  @Test("A client that has closed its sending side gets its answers")
  func halfClose() async throws {
    try await TestServer.with { server in
      let id = try await server.enqueue(#"{"command":["sleep","0.3"]}"#)
      let client = try RawClient(server.path)
      try await client.send(
        "GET /v1/jobs/\(id)/wait HTTP/1.1\r\nHost: j\r\n\r\nGET /healthz HTTP/1.1\r\nHost: j\r\n\r\n")
      try await client.endOutput()
      #expect(try await client.reply().object()["state"] as? String == "succeeded")
      #expect(try await client.reply().status == 200)
      #expect(try await client.readToEnd() == "")
      client.close()
    }
  }

  @Test("Half a request and the end of input gets 400")
  func halfRequest() async throws {
    try await TestServer.with { server in
      for text in ["GET /hea", "POST /v1/jobs HTTP/1.1\r\nHost: j\r\nContent-Length: 20\r\n\r\n{\"comm"] {
        let client = try RawClient(server.path)
        try await client.send(text)
        try await client.endOutput()
        #expect(try await client.reply().status == 400)
        #expect(try await client.readToEnd() == "")
        client.close()
      }
    }
  }

  @Test("HTTP/1.0 is answered, and its connection ends unless it asks to keep it")
  func http10() async throws {
    try await TestServer.with { server in
      let client = try RawClient(server.path)
      try await client.send("GET /healthz HTTP/1.0\r\nConnection: keep-alive\r\n\r\n")
      let kept = try await client.reply()
      #expect(kept.status == 200)
      #expect(kept.headers["connection"] == "keep-alive")
      try await client.send("GET /healthz HTTP/1.0\r\n\r\n")
      #expect(try await client.reply().headers["connection"] == "close")
      #expect(try await client.readToEnd() == "")
      client.close()
      let id = try await server.enqueue(#"{"command":["echo","hello"]}"#)
      _ = try await server.ask("GET", "/v1/jobs/\(id)/wait")
      let stream = try RawClient(server.path)
      try await stream.send("GET /v1/jobs/\(id)/log HTTP/1.0\r\nConnection: keep-alive\r\n\r\n")
      let log = try await stream.reply()
      #expect(log.body == "hello\n")
      #expect(log.headers["transfer-encoding"] == nil)
      stream.close()
    }
  }

  @Test("HEAD is GET without the body, and the connection goes on")
  func head() async throws {
    try await TestServer.with { server in
      let id = try await server.enqueue(#"{"command":["true"]}"#)
      let client = try RawClient(server.path)
      let reply = try await client.ask("HEAD", "/healthz")
      #expect(reply.status == 200)
      #expect(reply.headers["content-length"] == "15")
      #expect(try await client.ask("HEAD", "/v1/jobs/\(id)/log").status == 200)
      #expect(try await client.ask("HEAD", "/nowhere").status == 404)
      #expect(try await client.ask("GET", "/healthz").status == 200)
      client.close()
    }
  }

  @Test("A request that asks for an upgrade is answered as it is, and its connection ends")
  func upgrade() async throws {
    try await TestServer.with { server in
      let client = try RawClient(server.path)
      try await client.send(
        "GET /healthz HTTP/1.1\r\nHost: j\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\n"
          + "HTTP2-Settings: AA\r\n\r\n"
      )
      let reply = try await client.reply()
      #expect(reply.status == 200)
      #expect(reply.headers["connection"] == "close")
      #expect(try await client.readToEnd() == "")
      client.close()
    }
  }

  @Test("The absolute form of a request's target is understood")
  func absoluteForm() async throws {
    try await TestServer.with { server in
      for (method, target, status) in [
        ("GET", "http://jobq/healthz", 200), ("GET", "http://jobq", 404), ("OPTIONS", "*", 404),
      ] {
        let reply = try await server.ask(method, target)
        #expect(reply.status == status)
      }
    }
  }
}
