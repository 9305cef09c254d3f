import ControlServer
import Foundation
import JobModel
import Testing

@Suite("Bounds") struct BoundsTests {
  private func limits(_ change: (inout ServerLimits) -> Void) -> ServerLimits {
    var limits = ServerLimits()
    change(&limits)
    return limits
  }

  @Test("A head that trickles is cut off after its time, however often a byte comes")
  func slowHead() async throws {
    try await TestServer.with(limits: limits { $0.progress = .milliseconds(300) }) { server in
      let client = try RawClient(server.path)
      let started = ContinuousClock.now
      try await client.send("GET /healthz HTTP/1.1\r\nHost: j\r\n")
      #expect(try await client.readToEnd() == "")
      #expect(ContinuousClock.now - started < .seconds(10))
      client.close()
    }
  }

  @Test("A body that stands still is cut off after its time; one that is read as it comes too")
  func slowBody() async throws {
    try await TestServer.with(limits: limits { $0.progress = .milliseconds(300) }) { server in
      for type in ["application/json", "application/x-ndjson"] {
        let client = try RawClient(server.path)
        try await client.send(
          "POST /v1/jobs HTTP/1.1\r\nHost: j\r\nContent-Type: \(type)\r\nContent-Length: 100\r\n\r\n"
            + "{\"command\":[\"true\"]}\n"
        )
        let reply = try await client.reply()
        #expect(reply.status == 400)
        #expect(try await client.readToEnd() == "")
        client.close()
      }
      #expect(try await server.ask("GET", "/v1/jobs").body == #"{"jobs":[],"next_before":null}"#)
    }
  }

  @Test("An idle connection is closed after its time, one with a request under way is not")
  func idle() async throws {
    try await TestServer.with(
      limits: limits {
        $0.idle = .seconds(1)
        $0.progress = .seconds(1)
      }
    ) { server in
      let id = try await server.enqueue(#"{"command":["sleep","3"]}"#)
      let waiting = try RawClient(server.path)
      try await waiting.send("GET /v1/jobs/\(id)/wait HTTP/1.1\r\nHost: j\r\n\r\n")
      let idle = try RawClient(server.path)
      #expect(try await idle.ask("GET", "/healthz").status == 200)
      #expect(try await idle.readToEnd() == "")
      #expect(try await waiting.reply().object()["state"] as? String == "succeeded")
      waiting.close()
      idle.close()
    }
  }

  @Test("300 half-open connections keep no one from being served")
  func halfOpen() async throws {
    try await TestServer.with(limits: limits { $0.connections = 200 }) { server in
      var clients: [RawClient] = []
      for number in 0..<300 {
        let client = try RawClient(server.path)
        if number % 2 == 0 { try await client.send("POST /v1/jobs HTTP/1.1\r\nHost: j\r\nContent-Len") }
        clients.append(client)
      }
      for _ in 0..<20 { #expect(try await server.ask("GET", "/healthz").status == 200) }
      // The one that waited longest made room.
      #expect(try await clients[1].readToEnd() == "")
      // The last one is still there.
      #expect(try await clients[299].ask("GET", "/healthz").status == 200)
      for client in clients { client.close() }
    }
  }

  @Test("Where every connection is in use, a newcomer is told so with 503")
  func allInUse() async throws {
    try await TestServer.with(limits: limits { $0.connections = 3 }) { server in
      let id = try await server.enqueue(#"{"command":["true"],"hold":true}"#)
      var waiting: [RawClient] = []
      for _ in 0..<3 {
        let client = try RawClient(server.path)
        // An event stream says when it is there.
        try await client.send("GET /v1/events HTTP/1.1\r\nHost: j\r\n\r\n")
        #expect(try await client.head().status == 200)
        waiting.append(client)
      }
      let reply = try await server.ask("GET", "/healthz")
      #expect(reply.status == 503)
      #expect(reply.detail == "3 connections are open and all are in use; try again")
      #expect(reply.headers["connection"] == "close")
      waiting[0].close()
      _ = try await waiting[1].send("")
      // The stream's end and this request reach the server on two sockets: it may take more than one try.
      var served = false
      for _ in 0..<1000 where !served { served = try await server.ask("GET", "/v1/jobs/\(id)").status == 200 }
      #expect(served)
      for client in waiting.dropFirst() { client.close() }
    }
  }

  /// A reply that no socket's buffer holds: over 2 MB.
  private func fill(_ server: TestServer) async throws -> Int {
    for _ in 0..<10 {
      _ = try await server.enqueue(
        #"{"payload":"\#(String(repeating: "x", count: 200_000))","hold":true,"labels":{"k":"v"}}"#)
    }
    return try await server.ask("GET", "/v1/jobs").body.utf8.count
  }

  @Test("A client that takes its time to read a reply gets all of it, over the idle time and over a close")
  func readsLate() async throws {
    try await TestServer.with(
      limits: limits {
        $0.idle = .milliseconds(300)
        $0.linger = .milliseconds(100)
      }
    ) { server in
      let length = try await fill(server)
      let kept = try RawClient(server.path)
      try await kept.send("GET /v1/jobs HTTP/1.1\r\nHost: j\r\n\r\n")
      let ending = try RawClient(server.path)
      try await ending.send("GET /v1/jobs HTTP/1.1\r\nHost: j\r\nConnection: close\r\n\r\n")
      #expect(try await kept.head().status == 200)
      #expect(try await ending.head().status == 200)
      // Two connections that came later, one after the other, are closed for being idle: so much time has passed.
      for _ in 0..<2 {
        let idle = try RawClient(server.path)
        #expect(try await idle.readToEnd() == "")
        idle.close()
      }
      #expect(try await kept.read(count: length).count == length)
      #expect(try await ending.read(count: length).count == length)
      #expect(try await ending.readToEnd() == "")
      kept.close()
      ending.close()
    }
  }

  @Test("A stop lets a client read the rest of its reply within the stop's time")
  func stopWhileReading() async throws {
    try await TestServer.with { server in
      let length = try await fill(server)
      let client = try RawClient(server.path)
      try await client.send("GET /v1/jobs HTTP/1.1\r\nHost: j\r\n\r\n")
      #expect(try await client.head().status == 200)
      async let stopped: Void = server.server.stop(within: .seconds(20))
      #expect(try await client.read(count: length).count == length)
      #expect(try await client.readToEnd() == "")
      client.close()
      await stopped
    }
  }

  @Test("A client that does not read its stream holds up nobody, and is given no more than the socket takes")
  func slowReader() async throws {
    try await TestServer.with { server in
      let id = try await server.enqueue(#"{"command":["sh","-c","head -c 8000000 /dev/zero"]}"#)
      #expect(try await server.ask("GET", "/v1/jobs/\(id)/wait").object()["state"] as? String == "succeeded")
      let slow = try RawClient(server.path)
      try await slow.send("GET /v1/jobs/\(id)/log HTTP/1.1\r\nHost: j\r\n\r\n")
      #expect(try await slow.head().status == 200)
      for _ in 0..<20 { #expect(try await server.ask("GET", "/healthz").status == 200) }
      var length = 0
      while case let chunk = try await slow.chunk(), !chunk.isEmpty { length += chunk.utf8.count }
      #expect(length == 8_000_000)
      #expect(try await slow.ask("GET", "/healthz").status == 200)
      slow.close()
    }
  }
}
