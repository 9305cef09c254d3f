import ControlServer
import Foundation
import JobModel
import Supervisor
import Testing

@Suite("Leases over the API") struct LeaseRouteTests {
  @Test("A lease gives the job with its token, and each report gets its verdict")
  func wholeWay() async throws {
    try await TestServer.with { server in
      let id = try await server.enqueue(#"{"payload":{"to":"a"},"queue":"mail","env":{"SECRET":"s"}}"#)
      let jobs = try await server.lease("mail", #"{"worker":"w1","max":10,"lease_seconds":60,"wait_seconds":0}"#)
      #expect(jobs.count == 1)
      let job = try #require(jobs.first)
      #expect(job["id"] as? Int == id && job["state"] as? String == "running")
      #expect(job["payload"] as? [String: String] == ["to": "a"])
      let token = try #require(job["lease"] as? String)
      let shown = try await server.ask("GET", "/v1/jobs/\(id)")
      #expect(!shown.body.contains(token), "the token is its worker's alone")
      let reply = try await server.ask(
        "POST", "/v1/leases",
        body: """
          {"complete":[{"id":\(id),"lease":"no","result":1}],"fail":[{"id":77,"lease":"no"}],
          "extend":[{"id":\(id),"lease":"\(token)","lease_seconds":90}]}
          """)
      #expect(reply.status == 200)
      let verdicts = try reply.object()
      let code = { (kind: String) in ((verdicts[kind] as? [[String: Any]])?.first?["code"]) as? String }
      #expect(code("complete") == "stale_lease" && code("fail") == "not_found" && code("extend") == nil)
      let done = try await server.settle(#"{"complete":[{"id":\#(id),"lease":"\#(token)","result":{"n":1.5}}]}"#)
      #expect(done == ["complete true succeeded"])
      let ended = try await server.ask("GET", "/v1/jobs/\(id)").object()
      #expect(ended["result"] as? [String: Double] == ["n": 1.5])
    }
  }

  @Test("A worker that waits is given a job as soon as there is one, and the first that waited gets the first")
  func longPoll() async throws {
    try await TestServer.with { server in
      async let first = server.lease("q", #"{"wait_seconds":30}"#)
      try await server.waiting(1)
      async let second = server.lease("q", #"{"wait_seconds":30}"#)
      try await server.waiting(2)
      let a = try await server.enqueue(#"{"payload":1,"queue":"q"}"#)
      #expect(try await first.map { $0["id"] as? Int } == [a])
      let b = try await server.enqueue(#"{"payload":1,"queue":"q","delay_seconds":0.05}"#)
      #expect(try await second.map { $0["id"] as? Int } == [b])
    }
  }

  @Test("A wait ends empty at its time, and at a stop of the server")
  func timeUp() async throws {
    try await TestServer.with { server in
      #expect(try await server.lease("q", #"{"wait_seconds":0.05}"#).isEmpty)
      async let waiting = server.ask("POST", "/v1/queues/q/lease", body: #"{"wait_seconds":60}"#)
      try await server.waiting(1)
      await server.server.stop(within: .seconds(2))
      let reply = try await waiting
      #expect(reply.status == 200 && reply.body == #"{"jobs":[]}"#)
    }
  }

  @Test("A worker that goes away while it waits takes no job with it")
  func goneClient() async throws {
    try await TestServer.with { server in
      let client = try RawClient(server.path)
      try await client.send(
        "POST /v1/queues/q/lease HTTP/1.1\r\nHost: j\r\nContent-Length: 19\r\n\r\n{\"wait_seconds\":60}")
      try await server.waiting(1)
      client.close()
      try await server.waiting(0)
      let id = try await server.enqueue(#"{"payload":1,"queue":"q"}"#)
      #expect(try await server.lease("q", "{}").map { $0["id"] as? Int } == [id])
    }
  }

  @Test("A queue's limit counts leases and commands together, and room is there for the next request")
  func limits() async throws {
    try await TestServer.with { server in
      _ = try await server.ask("PATCH", "/v1/queues/q", body: #"{"concurrency":2}"#)
      for _ in 0..<3 { _ = try await server.enqueue(#"{"payload":1,"queue":"q"}"#) }
      var held = try await server.lease("q", #"{"max":9}"#)
      #expect(held.count == 2)
      #expect(try await server.lease("q", #"{"max":9}"#).isEmpty)
      let status = try await server.ask("GET", "/v1/status").object()
      #expect((status["workers"] as? [String: Int])?["busy"] == 0)
      for _ in 0..<20 {
        let job = held.removeFirst()
        _ = try await server.settle(
          #"{"complete":[{"id":\#(job["id"] as? Int ?? 0),"lease":"\#(job["lease"] as? String ?? "")"}]}"#)
        _ = try await server.enqueue(#"{"payload":1,"queue":"q"}"#)
        let next = try await server.lease("q", #"{"max":9}"#)
        #expect(next.count == 1)
        held += next
      }
    }
  }

  @Test("A cancel ends a leased job at once, and its worker hears of it; nobody waits for its lease")
  func cancel() async throws {
    try await TestServer.with { server in
      let id = try await server.enqueue(#"{"payload":1,"queue":"q"}"#)
      let token = try #require(try await server.lease("q", "{}").first?["lease"] as? String)
      let cancelled = try await server.ask("POST", "/v1/jobs/\(id)/cancel")
      #expect(try cancelled.object()["state"] as? String == "cancelled")
      #expect(
        try await server.settle(#"{"fail":[{"id":\#(id),"lease":"\#(token)","error":"x"}]}"#)
          == ["fail false cancelled cancelled"])
    }
  }

  @Test("A lease that is over is noticed by its clock, without a request")
  func expiry() async throws {
    try await TestServer.with { server in
      let id = try await server.enqueue(#"{"payload":1,"queue":"q"}"#)
      let old = try #require(try await server.lease("q", #"{"lease_seconds":0.05,"worker":"slow"}"#).first)
      let again = try #require(try await server.lease("q", #"{"wait_seconds":30,"lease_seconds":60}"#).first)
      #expect(again["id"] as? Int == id && again["attempt"] as? Int == 2 && again["max_attempts"] as? Int == 2)
      #expect(
        try await server.settle(#"{"complete":[{"id":\#(id),"lease":"\#(old["lease"] as? String ?? "")"}]}"#)
          == ["complete false running lease_expired"])
    }
  }

  @Test("A drain grants nothing, and a pause neither; a resume wakes who waits")
  func drain() async throws {
    try await TestServer.with { server in
      _ = try await server.enqueue(#"{"payload":1,"queue":"q"}"#)
      for (stop, body) in [
        ("POST /v1/drain", nil), ("POST /v1/pause", nil), ("PATCH /v1/queues/q", #"{"paused":true}"#),
      ] {
        let words = stop.split(separator: " ").map(String.init)
        _ = try await server.ask(words[0], words[1], body: body)
        #expect(try await server.lease("q", "{}").isEmpty, "\(stop)")
        async let waiting = server.lease("q", #"{"wait_seconds":30}"#)
        try await server.waiting(1)
        if body == nil {
          _ = try await server.ask("POST", "/v1/resume")
        } else {
          _ = try await server.ask("PATCH", "/v1/queues/q", body: #"{"paused":false}"#)
        }
        let job = try #require(try await waiting.first, "\(stop)")
        let verdicts = try await server.settle(
          #"{"fail":[{"id":\#(job["id"] as? Int ?? 0),"lease":"\#(job["lease"] as? String ?? "")","retry":false}]}"#)
        #expect(verdicts == ["fail true failed"])
        _ = try await server.ask("POST", "/v1/jobs/\(job["id"] as? Int ?? 0)/retry")
      }
    }
  }

  @Test(
    "A request that cannot be is refused by the name of what is wrong",
    arguments: [
      ("/v1/queues/q/lease", #"{"max":0}"#, "max"), ("/v1/queues/q/lease", #"{"max":1001}"#, "max"),
      ("/v1/queues/q/lease", #"{"lease_seconds":0}"#, "lease_seconds"),
      ("/v1/queues/q/lease", #"{"wait_seconds":61}"#, "wait_seconds"),
      ("/v1/queues/q/lease", #"{"worker":""}"#, "worker"),
      ("/v1/queues/q/lease", #"{"workers":1}"#, "workers"), ("/v1/queues/-q/lease", "{}", "queue"),
      ("/v1/leases", #"{"complete":[{"id":1}]}"#, "complete[0].lease"),
      ("/v1/leases", #"{"extend":[{"id":1,"lease":"a","lease_seconds":0}]}"#, "extend[0].lease_seconds"),
      ("/v1/leases", #"{"done":[]}"#, "done"),
      ("/v1/leases", #"{"fail":[{"id":1,"lease":"a","why":1}]}"#, "fail[0].why"),
    ])
  func badInput(path: String, body: String, field: String) async throws {
    try await TestServer.with { server in
      let reply = try await server.ask("POST", path, body: body)
      #expect(reply.status == 422, "\(reply)")
      #expect(try reply.object()["field"] as? String == field, "\(reply.body)")
    }
  }
}

extension TestServer {
  func lease(_ queue: String, _ body: String) async throws -> [[String: Any]] {
    let reply = try await ask("POST", "/v1/queues/\(queue)/lease", body: body)
    guard reply.status == 200, let jobs = try reply.object()["jobs"] as? [[String: Any]] else {
      throw TestFault("\(reply)")
    }
    return jobs
  }

  /// Each verdict as `kind ok state code`.
  func settle(_ body: String) async throws -> [String] {
    let verdicts = try await ask("POST", "/v1/leases", body: body).object()
    return ["complete", "fail", "extend"].flatMap { kind in
      (verdicts[kind] as? [[String: Any]] ?? []).map { verdict in
        ([kind, "\(verdict["ok"] as? Bool ?? false)"]
          + [verdict["state"], verdict["code"]].compactMap { $0 as? String })
          .joined(separator: " ")
      }
    }
  }

  /// Returns once so many workers wait.
  func waiting(_ count: Int) async throws {
    let deadline = ContinuousClock.now + .seconds(20)
    while await supervisor.waitingForLeases != count {
      guard .now < deadline else { throw TestFault("no \(count) workers wait") }
      await Task.yield()
    }
  }
}
