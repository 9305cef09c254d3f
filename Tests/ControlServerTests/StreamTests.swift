import ControlServer
import Foundation
import JobModel
import Supervisor
import Testing

@Suite("Streams") struct StreamTests {
  /// Opens an event stream and waits until it is there.
  private func events(_ server: TestServer, after id: String? = nil) async throws -> RawClient {
    let client = try RawClient(server.path)
    let header = id.map { "Last-Event-ID: \($0)\r\n" } ?? ""
    try await client.send("GET /v1/events HTTP/1.1\r\nHost: j\r\n\(header)\r\n")
    let head = try await client.head()
    guard head.status == 200, head.headers["content-type"] == "text/event-stream" else { throw TestFault("\(head)") }
    return client
  }

  /// The next event: its id, its kind and its data. Chunks' frames lie between, and are skipped.
  private func next(_ client: RawClient) async throws -> (id: String, kind: String, data: [String: Any]) {
    _ = try await client.read(through: "id: ")
    let text = try await client.read(through: "\n\n")
    let lines = text.split(separator: "\n")
    guard lines.count == 3, lines[1].hasPrefix("event: "), lines[2].hasPrefix("data: "),
      let data = try JSONSerialization.jsonObject(with: Data(lines[2].dropFirst(6).utf8)) as? [String: Any]
    else { throw TestFault("no event: \(text)") }
    return (String(lines[0]), String(lines[1].dropFirst(7)), data)
  }

  @Test("Every change of a job is told once, in order; a reader that comes back goes on where it was")
  func events() async throws {
    try await TestServer.with { server in
      let client = try await events(server)
      let id = try await server.enqueue(#"{"command":["true"]}"#)
      var ids: [String] = []
      for to in ["queued", "running", "succeeded"] {
        let event = try await next(client)
        ids.append(event.id)
        #expect(event.kind == "change")
        #expect(event.data["id"] as? Int == id)
        #expect(event.data["to"] as? String == to)
      }
      client.close()
      let again = try await events(server, after: ids[0])
      #expect(try await next(again).id == ids[1])
      #expect(try await next(again).id == ids[2])
      again.close()
      // From another daemon's life: what was missed cannot be told.
      let late = try await events(server, after: "elsewhere-7")
      #expect(try await next(late).kind == "reset")
      _ = try await server.enqueue(#"{"command":["true"],"hold":true}"#)
      #expect(try await next(late).data["to"] as? String == "held")
      late.close()
    }
  }

  @Test("A quiet event stream says a comment now and then, so that a client that has gone is noticed")
  func heartbeat() async throws {
    var limits = ServerLimits()
    limits.heartbeat = .milliseconds(50)
    try await TestServer.with(limits: limits) { server in
      let client = try await events(server)
      for _ in 0..<3 { #expect(try await client.chunk() == ":\n\n") }
      client.close()
    }
  }

  @Test("A log is followed as it is written, over the end of the job, and ends with it")
  func follow() async throws {
    try await TestServer.with { server in
      let gate = server.directory + "/gate"
      #expect(mkfifo(gate, 0o600) == 0)
      let id = try await server.enqueue(
        #"{"command":["sh","-c","echo one; read line < \#(gate); echo two $line; echo err >&2"]}"#)
      let client = try RawClient(server.path)
      try await client.send("GET /v1/jobs/\(id)/log?follow=true HTTP/1.1\r\nHost: j\r\n\r\n")
      let head = try await client.head()
      #expect(head.headers["content-type"] == "text/plain; charset=utf-8")
      #expect(head.headers["transfer-encoding"] == "chunked")
      #expect(try await client.chunk() == "one\n")
      try Data("go\n".utf8).write(to: URL(fileURLWithPath: gate))
      var rest = ""
      while case let chunk = try await client.chunk(), !chunk.isEmpty { rest += chunk }
      #expect(rest == "two go\nerr\n")
      // The connection is as good as before.
      #expect(try await client.ask("GET", "/healthz").status == 200)
      client.close()
    }
  }

  @Test("A log is read from an offset or from its last lines, and by stream where they are apart")
  func parts() async throws {
    try await TestServer.with { server in
      let id = try await server.enqueue(
        #"{"command":["sh","-c","echo 1; echo 2; echo 3; echo e >&2"],"split_output":true}"#)
      _ = try await server.ask("GET", "/v1/jobs/\(id)/wait")
      for (query, body) in [
        ("", "1\n2\n3\ne\n"), ("?stream=stdout", "1\n2\n3\n"), ("?stream=stderr", "e\n"),
        ("?stream=stdout&offset=2", "2\n3\n"), ("?stream=stdout&tail=1", "3\n"), ("?stream=stdout&offset=99", ""),
        ("?attempt=1&stream=stderr", "e\n"),
      ] {
        let reply = try await server.ask("GET", "/v1/jobs/\(id)/log\(query)")
        #expect(reply.body == body, "\(query)")
      }
      for (query, status) in [
        ("attempt=2", 404), ("attempt=0", 422), ("stream=both", 422), ("offset=-1", 422), ("tail=x", 422),
        ("offset=1&tail=1", 422), ("follow=maybe", 422),
      ] {
        let reply = try await server.ask("GET", "/v1/jobs/\(id)/log?\(query)")
        #expect(reply.status == status, "\(query)")
      }
    }
  }

  @Test("Bytes of a log that are no text are passed on as they are")
  func bytes() async throws {
    try await TestServer.with { server in
      let id = try await server.enqueue(#"{"command":["printf","\\000\\377\\r\\n\\033"]}"#)
      _ = try await server.ask("GET", "/v1/jobs/\(id)/wait")
      let client = try RawClient(server.path)
      try await client.send("GET /v1/jobs/\(id)/log HTTP/1.1\r\nHost: j\r\n\r\n")
      _ = try await client.head()
      #expect(try await client.read(count: 10) == Array("5\r\n".utf8) + [0, 255, 13, 10, 27] + Array("\r\n".utf8))
      client.close()
    }
  }

  @Test("A wait answers at the end, in time, or at once where the job has ended")
  func wait() async throws {
    try await TestServer.with { server in
      let id = try await server.enqueue(#"{"command":["true"],"hold":true}"#)
      let early = try await server.ask("GET", "/v1/jobs/\(id)/wait?timeout_seconds=0.05")
      #expect(early.status == 200)
      #expect(try early.object()["state"] as? String == "held")
      let now = try await server.ask("GET", "/v1/jobs/\(id)/wait?timeout_seconds=0")
      #expect(try now.object()["state"] as? String == "held")
      let client = try RawClient(server.path)
      try await client.send("GET /v1/jobs/\(id)/wait HTTP/1.1\r\nHost: j\r\n\r\n")
      _ = try await server.ask("POST", "/v1/jobs/\(id)/release")
      #expect(try await client.reply().object()["state"] as? String == "succeeded")
      client.close()
    }
  }

  @Test("Clients that go in the middle of a stream, a wait or an upload leave nothing behind")
  func clientsGo() async throws {
    var limits = ServerLimits()
    limits.connections = 8
    try await TestServer.with(limits: limits) { server in
      let id = try await server.enqueue(#"{"command":["true"],"hold":true}"#)
      for _ in 0..<100 {
        for target in ["/v1/events", "/v1/jobs/\(id)/wait", "/v1/jobs/\(id)/log?follow=true"] {
          let client = try RawClient(server.path)
          try await client.send("GET \(target) HTTP/1.1\r\nHost: j\r\n\r\n")
          // 503 where the server has not yet seen that those before have gone.
          if target == "/v1/events" { #expect([200, 503].contains(try await client.head().status)) }
          client.close()
        }
        let client = try RawClient(server.path)
        try await client.send(
          "POST /v1/jobs HTTP/1.1\r\nHost: j\r\nContent-Type: application/x-ndjson\r\nContent-Length: 999\r\n\r\n"
            + "{\"command\":"
        )
        client.close()
      }
      var served = false
      for _ in 0..<1000 where !served { served = try await server.ask("GET", "/v1/jobs").status == 200 }
      #expect(served)
      // And the stop that follows returns only once every task has ended.
    }
  }
}

@Suite("The stop") struct StopTests {
  @Test("A stop ends streams and idle connections at once, answers waits as the job is, and takes the path away")
  func stop() async throws {
    try await TestServer.with { server in
      let id = try await server.enqueue(#"{"command":["true"],"hold":true}"#)
      let idle = try RawClient(server.path)
      #expect(try await idle.ask("GET", "/healthz").status == 200)
      let events = try RawClient(server.path)
      try await events.send("GET /v1/events HTTP/1.1\r\nHost: j\r\n\r\n")
      #expect(try await events.head().status == 200)
      let follower = try RawClient(server.path)
      try await follower.send("GET /v1/jobs/\(id)/log?follow=true HTTP/1.1\r\nHost: j\r\n\r\n")
      #expect(try await follower.head().status == 200)
      let waiter = try RawClient(server.path)
      // The second request tells that the server is at the first: it is refused only when that is answered.
      try await waiter.send("GET /v1/jobs/\(id)/wait HTTP/1.1\r\nHost: j\r\n\r\n")
      while await server.server.answers(), try await server.ask("GET", "/healthz").status != 200 {}
      let started = ContinuousClock.now
      await server.server.stop(within: .seconds(60))
      #expect(ContinuousClock.now - started < .seconds(30))
      #expect(await server.server.answers() == false)
      #expect(try await idle.readToEnd() == "")
      #expect(try await events.readToEnd() == "0\r\n\r\n")
      // A log that was cut off must not look complete.
      #expect(try await follower.readToEnd() == "")
      let reply = try await waiter.reply()
      #expect(reply.headers["connection"] == "close")
      #expect(try reply.object()["state"] as? String == "held")
      #expect(!FileManager.default.fileExists(atPath: server.path))
      for client in [idle, events, follower, waiter] { client.close() }
    }
  }

  @Test(
    "A log that is followed does not look complete where the daemon's stop ends it, and the wait says how the job is")
  func supervisorFirst() async throws {
    try await TestServer.with { server in
      let id = try await server.enqueue(#"{"command":["sh","-c","echo begun; exec sleep 600"]}"#)
      let follower = try RawClient(server.path)
      try await follower.send("GET /v1/jobs/\(id)/log?follow=true HTTP/1.1\r\nHost: j\r\n\r\n")
      _ = try await follower.head()
      #expect(try await follower.chunk() == "begun\n")
      let waiter = try RawClient(server.path)
      try await waiter.send("GET /v1/jobs/\(id)/wait HTTP/1.1\r\nHost: j\r\n\r\n")
      // As the daemon does it: the supervisor first, so that clients are answered while jobs end.
      await server.supervisor.stop()
      #expect(try await follower.readToEnd() == "")
      #expect(try await waiter.reply().object()["state"] as? String == "queued")
      follower.close()
      waiter.close()
    }
  }

  @Test("A stop does not wait for a client that does not read")
  func stalled() async throws {
    try await TestServer.with { server in
      let id = try await server.enqueue(#"{"command":["sh","-c","head -c 8000000 /dev/zero"]}"#)
      _ = try await server.ask("GET", "/v1/jobs/\(id)/wait")
      let slow = try RawClient(server.path)
      try await slow.send("GET /v1/jobs/\(id)/log HTTP/1.1\r\nHost: j\r\n\r\n")
      #expect(try await slow.head().status == 200)
      let started = ContinuousClock.now
      await server.server.stop(within: .seconds(60))
      #expect(ContinuousClock.now - started < .seconds(30))
      slow.close()
    }
  }
}
