import ControlServer
import Foundation
import JobModel
import Testing

/// Requests that come before the last one is answered.
@Suite("Pipelining") struct PipeliningTests {
  /// The text of a request that is answered once a job of this length has ended.
  private func slow(_ server: TestServer, _ seconds: String = "0.3") async throws -> String {
    "GET /v1/jobs/\(try await server.enqueue("{\"command\":[\"sleep\",\"\(seconds)\"]}"))/wait HTTP/1.1\r\nHost: jobq\r\n\r\n"
  }

  @Test("Thousands that are refused at once, behind a slow one, are answered one by one")
  func many() async throws {
    try await TestServer.with { server in
      let client = try RawClient(server.path)
      try await client.send(try await slow(server))
      try await client.send(String(repeating: "GET /nowhere HTTP/1.1\r\nHost: j\r\n\r\n", count: 3000))
      #expect(try await client.reply().status == 200)
      for _ in 0..<3000 { #expect(try await client.reply().status == 404) }
      #expect(try await client.ask("GET", "/healthz").status == 200)
      client.close()
    }
  }

  @Test("A client that has said all of several requests gets all of their answers, and then the end")
  func halfClosed() async throws {
    try await TestServer.with { server in
      let client = try RawClient(server.path)
      let next = "GET /healthz HTTP/1.1\r\nHost: jobq\r\n\r\n"
      try await client.send(try await slow(server) + next + next)
      try await client.endOutput()
      let replies = try await client.readToEnd()
      #expect(replies.components(separatedBy: "HTTP/1.1 200").count == 4, "\(replies)")
      client.close()
    }
  }

  @Test("What is no HTTP, behind a request that is under way, is refused after that one's answer")
  func garbage() async throws {
    try await TestServer.with { server in
      let client = try RawClient(server.path)
      try await client.send(try await slow(server) + "BREW /pot HTTP/1.1\r\n\r\n")
      #expect(try await client.reply().status == 200)
      #expect(try await client.reply().status == 400)
      #expect(try await client.readToEnd() == "")
      client.close()
    }
  }

  @Test("Who sends on and on without waiting for answers is read no further, and loses nothing")
  func flood() async throws {
    try await TestServer.with { server in
      let client = try RawClient(server.path)
      let body = "{\"command\":[\"true\"],\"name\":\"\(String(repeating: "x", count: 200))\"}"
      let request = "POST /v1/jobs HTTP/1.1\r\nHost: j\r\nContent-Length: \(body.utf8.count)\r\n\r\n\(body)"
      try await client.send(try await slow(server, "1"))
      async let flood: Void = client.send(String(repeating: request, count: 4000))
      #expect(try await client.reply().status == 200)
      for _ in 0..<4000 { #expect(try await client.reply().status == 201) }
      try await flood
      client.close()
    }
  }

  @Test("Who sends and never reads an answer is read no further, once its answers fill its socket")
  func deaf() async throws {
    try await TestServer.with { server in
      let client = try RawClient(server.path, patience: 1)
      let requests = String(repeating: "GET /healthz HTTP/1.1\r\nHost: jobq\r\n\r\n", count: 1000)
      var sent = 0
      while sent < 1000 {
        do { try await client.send(requests) } catch { break }
        sent += 1
      }
      #expect(sent < 100, "36 kB each")
      let other = try RawClient(server.path)
      #expect(try await other.ask("GET", "/healthz").status == 200)
      other.close()
      client.close()
    }
  }

  /// A request for a list that no socket's buffer takes whole.
  private func large(_ server: TestServer) async throws -> String {
    let line = #"{"command":["true"],"hold":true,"name":"\#(String(repeating: "x", count: 200))"}"# + "\n"
    for _ in 0..<3 {
      _ = try await server.ask(
        "POST", "/v1/jobs", body: String(repeating: line, count: 400),
        headers: ["Content-Type": "application/x-ndjson"])
    }
    return "GET /v1/jobs?limit=1000 HTTP/1.1\r\nHost: jobq\r\n\r\n"
  }

  /// The body of the reply whose head has been read.
  private func body(_ client: RawClient, _ head: RawReply) async throws -> String {
    String(
      decoding: try await client.read(count: try #require(head.headers["content-length"].flatMap { Int($0) })),
      as: UTF8.self)
  }

  @Test("Large answers that were asked for early are all sent whole, the last too where the client has said all")
  func largeAnswers() async throws {
    try await TestServer.with { server in
      let client = try RawClient(server.path)
      try await client.send(String(repeating: try await large(server), count: 5))
      try await client.endOutput()
      for _ in 0..<5 { #expect(try await client.reply().body.utf8.count > 500_000) }
      #expect(try await client.readToEnd() == "")
      client.close()
    }
  }

  @Test("A client that says that it has said all, with an answer half read, gets the rest of it")
  func closedWhileReading() async throws {
    try await TestServer.with { server in
      let client = try RawClient(server.path)
      try await client.send(try await large(server))
      // By then the server has written all of it, and awaits the next request.
      let head = try await client.head()
      try await client.endOutput()
      let other = try RawClient(server.path)
      for _ in 0..<2 { #expect(try await other.ask("GET", "/healthz").status == 200) }
      other.close()
      #expect(try await body(client, head).utf8.count > 500_000)
      #expect(try await client.readToEnd() == "")
      client.close()
    }
  }

  @Test("What was asked behind an answer that is not read waits until it is")
  func unread() async throws {
    try await TestServer.with { server in
      let client = try RawClient(server.path)
      let job = #"{"command":["true"],"queue":"behind","hold":true}"#
      try await client.send(
        try await large(server)
          + "POST /v1/jobs HTTP/1.1\r\nHost: j\r\nContent-Length: \(job.utf8.count)\r\n\r\n\(job)")
      let head = try await client.head()
      // The store does things in their order: had the job been asked for, it would be there before these.
      let other = try RawClient(server.path)
      for _ in 0..<5 { #expect(try await other.ask("POST", "/v1/jobs", body: #"{"command":["true"]}"#).status == 201) }
      let behind = try await other.ask("GET", "/v1/jobs?queue=behind").object()["jobs"] as? [Any]
      #expect(behind?.isEmpty == true)
      other.close()
      #expect(try await body(client, head).utf8.count > 500_000)
      #expect(try await client.reply().status == 201)
      client.close()
    }
  }

  @Test("A request of which half came before the last one was answered is waited for no longer than any other")
  func half() async throws {
    var limits = ServerLimits()
    limits.progress = .milliseconds(300)
    try await TestServer.with(limits: limits) { server in
      let client = try RawClient(server.path)
      try await client.send(try await slow(server))
      // The loop has read that before it answers this twice.
      let other = try RawClient(server.path)
      for _ in 0..<2 { #expect(try await other.ask("GET", "/healthz").status == 200) }
      other.close()
      try await client.send("GET /healthz HTT")
      #expect(try await client.reply().status == 200)
      #expect(try await client.readToEnd() == "")
      client.close()
    }
  }

  @Test("Half a request behind an answer that is not read is no one else's wait, however long that takes")
  func halfBehindUnread() async throws {
    var limits = ServerLimits()
    limits.progress = .milliseconds(50)
    try await TestServer.with(limits: limits) { server in
      let payload = String(repeating: "x", count: 1_000_000)
      let job = try await server.enqueue(#"{"queue":"work","payload":"\#(payload)"}"#)
      let client = try RawClient(server.path)
      let other = try RawClient(server.path)
      try await client.send("GET /v1/jobs/\(job)/wait HTTP/1.1\r\nHost: jobq\r\n\r\n")
      for _ in 0..<2 { #expect(try await other.ask("GET", "/healthz").status == 200) }
      // In a read of its own.
      try await client.send("GET /healthz HTT")
      for _ in 0..<2 { #expect(try await other.ask("GET", "/healthz").status == 200) }
      // Now it gets an answer that its socket does not take whole, and reads no more than the head.
      #expect(try await other.ask("POST", "/v1/jobs/\(job)/cancel").status == 200)
      let head = try await client.head()
      // Longer than a head may take.
      let slow = try await server.enqueue(#"{"command":["sleep","0.3"]}"#)
      #expect(try await other.ask("GET", "/v1/jobs/\(slow)/wait").status == 200)
      #expect(try await other.ask("GET", "/healthz").status == 200)
      #expect(try await body(client, head).utf8.count > 1_000_000)
      other.close()
      client.close()
    }
  }

  @Test("A client that has said all, the last of it cut off, gets the answers to what was whole, and a refusal")
  func cutOff() async throws {
    try await TestServer.with { server in
      let client = try RawClient(server.path)
      try await client.send(String(repeating: "GET /nowhere HTTP/1.1\r\nHost: j\r\n\r\n", count: 3000) + "GET / HT")
      try await client.endOutput()
      // All of it has been read, and no answer that the socket does not hold has been taken.
      let other = try RawClient(server.path)
      for _ in 0..<200 { #expect(try await other.ask("GET", "/healthz").status == 200) }
      other.close()
      for _ in 0..<3000 { #expect(try await client.reply().status == 404) }
      #expect(try await client.reply().status == 400)
      #expect(try await client.readToEnd() == "")
      client.close()
    }
  }

  @Test(
    "Many who ask for much at once, do not read, and go or have said all, keep no one waiting for long",
    arguments: [true, false])
  func backlogs(_ theyGo: Bool) async throws {
    try await TestServer.with { server in
      let requests = String(repeating: "GET / HTTP/1.1\r\nHost: j\r\n\r\n", count: 20_000)
      var clients: [RawClient] = []
      for _ in 0..<100 {
        let client = try RawClient(server.path)
        await client.sendWhatFits(requests)
        clients.append(client)
      }
      for client in clients { if theyGo { client.close() } else { try await client.endOutput() } }
      let other = try RawClient(server.path)
      let longest = try await other.longestWait(of: 20)
      print("PipeliningTests.backlogs: \(longest) at most")
      #expect(longest < .seconds(5))
      other.close()
      if !theyGo { for client in clients { client.close() } }
    }
  }
}
