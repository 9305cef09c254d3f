import Foundation
import Glibc
import SeededRandom
import Testing

@Suite("Outside workers, with the real programs")
struct LeaseTests {
  @Test("a lease outlives kill -9 of the daemon, its worker completes it then, and no attempt is interrupted")
  func daemonDies() async throws {
    try await TestDaemon.run { daemon in
      let id = try await daemon.payload(#"{"n":1}"#, queue: "q")
      let job = try #require(try await daemon.lease("q").first)
      try await daemon.crash()
      #expect(try await daemon.job(id)["state"] as? String == "running")
      #expect(try await daemon.lease("q").isEmpty)
      #expect(try await daemon.complete(job) == [true])
      try await daemon.crash()
      let ended = try await daemon.job(id)
      #expect(ended["state"] as? String == "succeeded" && ended["attempt"] as? Int == 1)
    }
  }

  @Test("a lease that ends while the daemon is down expires at the start, and its worker's result is refused")
  func expiresMeanwhile() async throws {
    try await TestDaemon.run { daemon in
      let id = try await daemon.payload("1", queue: "q")
      let old = try #require(try await daemon.lease("q", seconds: 0.3).first)
      _ = await daemon.stop()
      try await Task.sleep(for: .milliseconds(400))
      try await daemon.restart()
      let next = try #require(try await daemon.lease("q", seconds: 60, wait: 20).first)
      #expect(next["attempt"] as? Int == 2)
      #expect(try await daemon.complete(old) == [false])
      #expect(try await daemon.complete(next) == [true])
      let attempts = try await daemon.job(id)["attempts"] as? [[String: Any]]
      #expect(attempts?.map { $0["outcome"] as? String } == ["lease_expired", "succeeded"])
    }
  }

  @Test("sixteen workers that vanish at random, and a daemon that is killed among them: each job is completed once")
  func vanishingWorkers() async throws {
    try await TestDaemon.run { daemon in
      let count = 300
      let seed = testSeed()
      var random = SplitMix(seed: seed)
      let lines = String(repeating: #"{"payload":1,"queue":"q"}"# + "\n", count: count)
      _ = try await daemon.post("/v1/jobs", lines, type: "application/x-ndjson")
      let ledger = Ledger()
      try await withThrowingTaskGroup(of: Void.self) { group in
        for _ in 0..<16 {
          let worker = SplitMix(seed: random.next())
          group.addTask { try await Self.work(daemon, ledger, worker, until: count) }
        }
        for _ in 0..<4 {
          try await Task.sleep(for: .milliseconds(400))
          try await daemon.crash()
        }
        try await group.waitForAll()
      }
      let accepted = await ledger.accepted
      #expect(accepted.count == count && accepted.values.allSatisfy { $0 == 1 }, "seed \(seed)")
      let status = try #require(try await daemon.status()["counts"] as? [String: Int])
      #expect(status["succeeded"] == count && status["running"] == 0 && status["queued"] == 0, "seed \(seed)")
    }
  }

  /// Leases, and completes; one time in eight it vanishes with what it got, or is late; until all are done.
  ///
  /// Who means to complete has a long lease: how long an answer takes on a machine that runs all these tests at once is no
  /// fault of the daemon's. Five silences in a row would fail a job, and rightly so: one that has had two is completed at once.
  private static func work(_ daemon: TestDaemon, _ ledger: Ledger, _ random: SplitMix, until count: Int) async throws {
    var random = random
    let deadline = ContinuousClock.now + .seconds(180)
    while await ledger.accepted.count < count {
      guard .now < deadline else {
        let accepted = await ledger.accepted
        var left: [String] = []
        for id in 1...count where accepted[id] == nil {
          left.append(try await daemon.jobq("status", "\(id)", "--json").out)
        }
        throw TestFault("\(accepted.count) of \(count) jobs are completed; not these: \(left)")
      }
      let vanishes = random.next() % 8 == 0
      // A daemon that is being killed answers nothing: then it is asked again, as a worker would.
      guard let jobs = try? await daemon.lease("q", max: 3, seconds: vanishes ? 1 : 20, wait: 1) else { continue }
      let attempt = { (job: [String: Any]) in job["attempt"] as? Int ?? 0 }
      for job in jobs.sorted(by: { attempt($0) > attempt($1) }) {
        if vanishes && attempt(job) < 3 {
          if random.next() % 2 == 0 { continue }
          try await Task.sleep(for: .milliseconds(1200))
        }
        var verdict = try? await daemon.complete(job).first
        // The reply was lost: the same again has the same answer.
        for _ in 0..<1500 where verdict == nil {
          try await Task.sleep(for: .milliseconds(20))
          verdict = try? await daemon.complete(job).first
        }
        if verdict == true, let id = job["id"] as? Int { await ledger.accept(id) }
      }
    }
  }

  @Test("jobq work feeds each payload to the command, keeps its output, and fails what fails")
  func work() async throws {
    try await TestDaemon.run { daemon in
      let good = try await daemon.payload(#"{"b":[1,2.5],"a":"ü"}"#, queue: "q")
      let bad = try await daemon.payload(#"{"fail":true}"#, queue: "q")
      let worker = try await daemon.jobq(
        "work", "q", "--max", "2", "--worker", "me", "--", "sh", "-c",
        "read -r line; echo \"$line $JOBQ_ID $JOBQ_ATTEMPT $JOBQ_QUEUE\" >&2; case $line in *fail*) exit 3;; esac; echo \"$line\""
      )
      #expect(worker.status == 0, "\(worker)")
      #expect(worker.err.contains(" \(good) 1 q\n") && worker.err.contains(" \(bad) 1 q\n"))
      let done = try await daemon.job(good)
      #expect(done["state"] as? String == "succeeded")
      #expect((done["result"] as? [String: Any])?["a"] as? String == "ü")
      #expect((done["attempts"] as? [[String: Any]])?.first?["worker"] as? String == "me")
      let failed = try await daemon.job(bad)
      #expect(failed["state"] as? String == "failed" && failed["error"] as? String == "exit code 3")
    }
  }

  @Test("jobq work extends its lease while the command runs, and ends the command whose job is cancelled")
  func extends() async throws {
    try await TestDaemon.run { daemon in
      let long = try await daemon.payload("1", queue: "q")
      let worker = try daemon.start([
        "work", "q", "--lease", "1s", "--max", "2", "--", "sh", "-c",
        "read n; test $n = 1 || sleep 60; sleep 2.5; echo done",
      ])
      #expect(try await daemon.jobq("wait", long, "--timeout", "600s").status == 0)
      let job = try await daemon.job(long)
      #expect(job["attempt"] as? Int == 1 && job["result"] as? String == "done")
      let cancelled = try await daemon.payload("2", queue: "q")
      try await daemon.started(cancelled)
      try await daemon.jobq("cancel", cancelled)
      let finished = await worker.wait()
      #expect(finished.status == 0 && finished.err.contains("was cancelled"), "\(finished)")
    }
  }

  @Test("jobq work finishes its current job after SIGTERM, and goes on over a restart of the daemon")
  func stops() async throws {
    try await TestDaemon.run { daemon in
      let gate = daemon.directory + "/gate"
      let worker = try daemon.start([
        "work", "q", "-c", "2", "--", "sh", "-c", "while ! test -e \(gate).$JOBQ_ID; do sleep 0.05; done; cat",
      ])
      func open(_ id: String) throws { try Data().write(to: URL(fileURLWithPath: "\(gate).\(id)")) }
      let first = try await daemon.payload("1", queue: "q")
      try await daemon.started(first)
      try await daemon.crash()
      try open(first)
      #expect(try await daemon.jobq("wait", first, "--timeout", "600s").status == 0)
      let second = try await daemon.payload("2", queue: "q")
      try await daemon.started(second)
      worker.send(SIGTERM)
      try open(second)
      let finished = await worker.wait()
      #expect(finished.status == 0, "\(finished)")
      let job = try await daemon.job(second)
      #expect(job["state"] as? String == "succeeded" && job["result"] as? Int == 2)
      let unheard = try await daemon.payload("3", queue: "q")
      #expect(try await daemon.job(unheard)["state"] as? String == "queued")
    }
  }

  @Test(
    "jobq work says what is wrong with how it was called",
    arguments: [
      (["work", "q"], 64, "a command is expected"), (["work", "-q", "--", "cat"], 64, "QUEUE"),
      (["work", "q", "--lease", "0.1s", "--", "cat"], 64, "from a second to a day"),
      (["work", "q", "--once", "--max", "2", "--", "cat"], 64, "--once or --max"),
      (["work", "q", "-c", "0", "--", "cat"], 64, "a number from 1"),
    ])
  func badUsage(_ arguments: [String], _ status: Int32, _ words: String) async throws {
    try await TestDaemon.run { daemon in
      let finished = try await daemon.start(arguments).wait()
      #expect(finished.status == status && (finished.err.contains(words) || words == "QUEUE"), "\(finished)")
    }
  }

  @Test("enqueue --payload adds a job for a worker, and refuses what is no JSON")
  func enqueuePayload() async throws {
    try await TestDaemon.run { daemon in
      let id = try await daemon.enqueue("-q", "q", "--payload", #"{"a": [1, null]}"#)
      let job = try #require(try await daemon.lease("q").first)
      #expect(String(job["id"] as? Int ?? 0) == id && job["payload"] as? NSDictionary == ["a": [1, NSNull()]])
      #expect(job["command"] is NSNull && job["cwd"] is NSNull)
      #expect(try await daemon.jobq("status", id).out.contains("leased"))
      for words in [
        ["--payload", "{"], ["--payload", "1", "--", "true"], ["--payload", "1", "--stdin", "/dev/null"],
      ] {
        let finished = try await daemon.start(["enqueue"] + words).wait()
        #expect(finished.status == 64 && !finished.err.isEmpty, "\(words): \(finished)")
      }
    }
  }

  @Test("a command that cannot be run fails its job and ends the worker with the shell's code")
  func noCommand() async throws {
    try await TestDaemon.run { daemon in
      let id = try await daemon.payload("1", queue: "q")
      let finished = try await daemon.jobq("work", "q", "--", "/no/such/command")
      #expect(finished.status == 127 && finished.err.contains("/no/such/command"), "\(finished)")
      #expect((try await daemon.job(id)["error"] as? String)?.contains("No such file") == true)
    }
  }

  @Test("the worked example in Python does the jobs of its queue, and fails those that it cannot read")
  func example() async throws {
    try await TestDaemon.run { daemon in
      let good = try await daemon.payload(#"{"to":"a@example.org","text":"hi"}"#, queue: "mail")
      let bad = try await daemon.payload(#"{"to":"b@example.org"}"#, queue: "mail")
      let script = ((#filePath as NSString).deletingLastPathComponent as NSString).appendingPathComponent(
        "../../docs/examples/worker.py")
      let finished = await
        (try Child(
          "/usr/bin/python3", [script, "--once", "mail"],
          environment: ["PATH": "/usr/bin:/bin", "JOBQ_SOCKET": daemon.socket])).wait()
      #expect(finished.status == 0 && finished.out == "to a@example.org: hi\n", "\(finished)")
      #expect(((try await daemon.job(good)["result"]) as? [String: Any])?["sent_at"] is Double)
      let failed = try await daemon.job(bad)
      #expect(failed["state"] as? String == "failed" && failed["error"] as? String == "KeyError('text')")
    }
  }
}

/// Which verdicts were accepted, by job.
private actor Ledger {
  private(set) var accepted: [Int: Int] = [:]
  func accept(_ id: Int) { accepted[id, default: 0] += 1 }
}

extension TestDaemon {
  /// One call by curl, as any program would make it. Throws where there is no answer.
  func post(_ path: String, _ body: String, type: String = "application/json", method: String = "POST") async throws
    -> [String: Any]
  {
    let done = await
      (try Child(
        "/usr/bin/curl",
        [
          "-s", "-m", "30", "--unix-socket", socket, "-X", method, "-H", "content-type: \(type)", "--data-binary", "@-",
          "http://jobq" + path,
        ], environment: ["PATH": "/usr/bin:/bin"], input: body)).wait()
    guard done.status == 0, let answer = try? JSONSerialization.jsonObject(with: Data(done.out.utf8)) as? [String: Any]
    else { throw TestFault("\(path): \(done)") }
    return answer
  }

  func payload(_ json: String, queue: String) async throws -> String {
    let job = try await post("/v1/jobs", #"{"payload":\#(json),"queue":"\#(queue)"}"#)
    guard let id = job["id"] as? Int else { throw TestFault("\(job)") }
    return String(id)
  }

  func lease(_ queue: String, max: Int = 1, seconds: Double = 60, wait: Double = 0) async throws -> [[String: Any]] {
    let answer = try await post(
      "/v1/queues/\(queue)/lease",
      #"{"worker":"w","max":\#(max),"lease_seconds":\#(seconds),"wait_seconds":\#(wait)}"#)
    guard let jobs = answer["jobs"] as? [[String: Any]] else { throw TestFault("\(answer)") }
    return jobs
  }

  /// Whether each of its verdicts was a yes.
  func complete(_ job: [String: Any]) async throws -> [Bool] {
    let answer = try await post(
      "/v1/leases", #"{"complete":[{"id":\#(job["id"] ?? 0),"lease":"\#(job["lease"] ?? "")","result":null}]}"#)
    guard let verdicts = answer["complete"] as? [[String: Any]] else { throw TestFault("\(answer)") }
    return verdicts.map { $0["ok"] as? Bool ?? false }
  }

  func status() async throws -> [String: Any] { try await post("/v1/status", "", method: "GET") }
}
