import ControlClient
import FoundationEssentials
import Glibc
import JobModel
import Testing

@Suite("Asking the daemon")
struct ControlClientTests {
  private static func client(_ path: String) -> ControlClient {
    ControlClient(SocketLocation(path: path, origin: .option))
  }

  private static func problem(_ code: Problem.Code, _ detail: String) -> String {
    let body = String(decoding: ControlClient.encode(Problem(code, detail)), as: UTF8.self)
    return ScriptedServer.json(body, status: "\(code.status) X")
  }

  @Test("one connection carries request after request, however the bytes come")
  func keepAlive() async throws {
    let server = try ScriptedServer([
      [
        .answer(ScriptedServer.json("1")), .dribble(ScriptedServer.json("22")),
        .answer("HTTP/1.1 204 No Content\r\n\r\n"),
      ]
    ])
    try await blocking { () throws in
      let client = Self.client(server.path)
      #expect(try client.connect() == geteuid())
      #expect(try client.queues() == Array("1".utf8))
      #expect(try client.status() == Array("22".utf8))
      _ = try client.perform(.remove, on: JobID(7))
      server.finish()
    }
    #expect(server.requests == ["GET /v1/queues", "GET /v1/status", "DELETE /v1/jobs/7"])
  }

  @Test("a lost reply to an enqueue is asked for again with the same request id, over an outage too")
  func lostReply() async throws {
    let server = try ScriptedServer([[.drop], [.answer(ScriptedServer.json(#"{"id":1}"#))]], outageAfter: 0)
    try await blocking { () throws in
      var request = JobRequest()
      request.command = ["true"]
      request.requestID = "r1"
      #expect(try Self.client(server.path).enqueue(request) == Array(#"{"id":1}"#.utf8))
      server.finish()
    }
    #expect(server.requests.count == 2 && server.requests[0] == server.requests[1])
    #expect(server.requests[0].contains(#""request_id":"r1""#))
  }

  @Test("a reply that is cut short is lost too, and an enqueue without a request id is never sent twice")
  func noSecondSend() async throws {
    let server = try ScriptedServer([[.answer("HTTP/1.1 201 Created\r\nContent-Length: 10\r\n\r\n{\"id\"")]])
    try await blocking { () throws in
      var request = JobRequest()
      request.command = ["true"]
      let error = #expect(throws: ClientError.self) { try Self.client(server.path).enqueue(request) }
      #expect(error?.code == .lost)
      server.finish()
    }
    #expect(server.requests.count == 1)
  }

  @Test("a cancel whose reply is lost is not sent again by itself")
  func actions() async throws {
    let server = try ScriptedServer([[.drop], [.answer(ScriptedServer.json("{}"))]])
    try await blocking { () throws in
      let client = Self.client(server.path)
      let error = #expect(throws: ClientError.self) { try client.perform(.cancel, on: JobID(1)) }
      #expect(error?.code == .lost && error?.exitCode == 69)
      _ = try client.status()
      server.finish()
    }
    #expect(server.requests == ["POST /v1/jobs/1/cancel", "GET /v1/status"])
  }

  @Test("nobody there is said at once: which socket, why, and how to start the daemon")
  func unreachable() async throws {
    let absent = "/tmp/jobq-no-such-\(getpid()).sock"
    let refused = try TemporaryFile([])
    try await blocking { () throws in
      for (path, word) in [(absent, "no such file"), (refused.path, "nobody listens")] {
        var request = JobRequest()
        request.requestID = "r"
        let error = #expect(throws: ClientError.self) { try Self.client(path).enqueue(request) }
        #expect(error?.code == (path == absent ? .unreachable : .refused) && error?.exitCode == 69)
        #expect(error?.description.contains(path) == true && error?.description.contains(word) == true)
        #expect(error?.description.contains("jobqd") == true)
      }
      let long = "/tmp/" + String(repeating: "x", count: 200)
      #expect(throws: ClientError.self) { try Self.client(long).connect() }
    }
  }

  @Test("connections that fail leave no descriptor behind")
  func descriptors() async throws {
    try await blocking { () throws in
      // Descriptors are given lowest first: a leak would move this one up by thousands, or leave none. Other tests of this process
      // hold some hundreds meanwhile.
      for _ in 0..<5000 { _ = try? Self.client("/tmp/jobq-no-such.sock").connect() }
      let next = dup(0)
      #expect((0..<3000).contains(next))
      close(next)
    }
  }

  @Test(
    "a refusal carries its code, its words and its exit code",
    arguments: [
      (Problem.Code.notFound, 1), (.wrongState, 1), (.notPermitted, 77), (.draining, 75), (.notReady, 75),
      (.storage, 75),
      (.invalidValue, 1), (.fault, 1),
    ] as [(Problem.Code, Int32)])
  func problems(code: Problem.Code, exitCode: Int32) async throws {
    let server = try ScriptedServer([[.answer(Self.problem(code, "why\u{1B}"))]])
    try await blocking { () throws in
      let error = #expect(throws: ClientError.self) { try Self.client(server.path).status() }
      #expect(error?.problem?.code == code && error?.exitCode == exitCode && error?.description == #"why\u{1b}"#)
    }
  }

  @Test("a problem of a newer daemon is understood by its status, and one without words by its number")
  func newerProblems() async throws {
    let server = try ScriptedServer([
      [
        .answer(ScriptedServer.json(#"{"detail":"too many","code":"quota"}"#, status: "403 X")),
        .answer(ScriptedServer.json("<html>", status: "502 Bad Gateway")),
      ]
    ])
    try await blocking { () throws in
      let client = Self.client(server.path)
      let first = #expect(throws: ClientError.self) { try client.status() }
      #expect(first?.exitCode == 77 && first?.description == "too many")
      let second = #expect(throws: ClientError.self) { try client.status() }
      #expect(second?.code == .badReply && second?.description.contains("502") == true)
    }
  }

  @Test("a wait goes on over a daemon that stops early, is away, and is not ready yet")
  func wait() async throws {
    let server = try ScriptedServer(
      [
        [.answer(ScriptedServer.json(#"{"state":"running"}"#)), .drop],
        [.answer(Self.problem(.notReady, "starting")), .answer(ScriptedServer.json(#"{"state":"succeeded"}"#))],
      ], outageAfter: 0)
    try await blocking { () throws in
      #expect(try Self.client(server.path).wait(JobID(5)) == Array(#"{"state":"succeeded"}"#.utf8))
      server.finish()
    }
    #expect(server.requests == Array(repeating: "GET /v1/jobs/5/wait", count: 4))
  }

  @Test("a wait with a deadline returns the job as it is, and asks for no more than what is left")
  func waitDeadline() async throws {
    let server = try ScriptedServer([[.answer(ScriptedServer.json(#"{"state":"held"}"#))]])
    try await blocking { () throws in
      #expect(
        try Self.client(server.path).wait(JobID(5), until: Deadline(in: .zero)) == Array(#"{"state":"held"}"#.utf8))
    }
    #expect(server.requests == ["GET /v1/jobs/5/wait?timeout_seconds=0.0"])
  }

  @Test("patience ends: a daemon that does not come back is reported")
  func patience() async throws {
    let server = try ScriptedServer([[.drop]])
    try await blocking { () throws in
      let error = #expect(throws: ClientError.self) {
        try Self.client(server.path).wait(JobID(5), patience: .milliseconds(150))
      }
      #expect(error?.code == .unreachable)
    }
  }

  @Test("a listing asks for exactly what is filtered, percent-encoded")
  func listing() async throws {
    let server = try ScriptedServer([[.answer(ScriptedServer.json("{}"))]])
    try await blocking { () throws in
      var filter = JobFilter()
      filter.states = [.failed, .cancelled]
      filter.queue = "a:b"
      filter.labels = ["k": "ü &=/"]
      filter.before = JobID(9)
      _ = try Self.client(server.path).jobs(filter)
    }
    #expect(
      server.requests == [
        "GET /v1/jobs?state=cancelled%2Cfailed&queue=a%3Ab&label=k%3D%C3%BC%20%26%3D%2F&limit=50&before=9"
      ])
  }

  @Test("a reply of another version is told from one that is no JSON only by what is missing; neither crashes")
  func otherVersions() {
    let error = #expect(throws: ClientError.self) {
      try ControlClient.decode(Array(#"{"jobs":[{"id":1}]}"#.utf8), as: JobPage.self)
    }
    #expect(error?.code == .badReply && error?.description.contains("jobs.0: \"state\" is missing") == true)
    #expect(throws: ClientError.self) { try ControlClient.decode(Array("<html>".utf8), as: JobPage.self) }
  }
}

@Suite("Where the daemon is looked for")
struct SocketLocationTests {
  private func find(_ variables: [String: String], option: String? = nil, there: Set<String> = []) -> SocketLocation {
    SocketLocation.find(option: option, userID: 1000, variable: { variables[$0] }, exists: { there.contains($0) })
  }

  @Test("the option, JOBQ_SOCKET, the person's socket where it is there, the system's")
  func order() {
    let person = "/x/jobq/jobq.sock"
    let variables = ["JOBQ_SOCKET": "/e", "XDG_RUNTIME_DIR": "/x"]
    #expect(find(variables, option: "/o", there: [person]) == SocketLocation(path: "/o", origin: .option))
    #expect(find(variables, there: [person]) == SocketLocation(path: "/e", origin: .environment))
    #expect(find(["XDG_RUNTIME_DIR": "/x"], there: [person]) == SocketLocation(path: person, origin: .person))
    #expect(find(["XDG_RUNTIME_DIR": "/x"]) == SocketLocation(path: "/run/jobq/jobq.sock", origin: .system))
    let unset = "/run/user/1000/jobq/jobq.sock"
    #expect(find([:], there: [unset]) == SocketLocation(path: unset, origin: .person))
    #expect(find(["JOBQ_SOCKET": "", "XDG_RUNTIME_DIR": ""], there: [unset]).origin == .person)
  }

  @Test("each place says how to start a daemon there")
  func hints() {
    #expect(SocketLocation(path: "/p", origin: .person).howToStart.contains("systemctl --user start jobq"))
    #expect(SocketLocation(path: "/p", origin: .system).howToStart.contains("systemctl start jobq"))
    for origin in [SocketLocation.Origin.option, .environment, .person, .system] {
      #expect(SocketLocation(path: "/p", origin: origin).howToStart.contains("jobqd"))
    }
  }
}
