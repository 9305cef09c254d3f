import Foundation
import Testing

@Suite("Limits of queues, pauses and why, as a user goes it")
struct LimitTests {
  /// When the attempts of these jobs started, in seconds, in order.
  private func starts(_ daemon: TestDaemon, _ ids: [String]) async throws -> [Double] {
    let format = ISO8601DateFormatter()
    format.formatOptions = [.withInternetDateTime, .withFractionalSeconds]
    var starts: [Double] = []
    for id in ids {
      let attempts = try #require(try await daemon.job(id)["attempts"] as? [[String: Any]])
      for attempt in attempts {
        starts.append(try #require(format.date(from: attempt["started_at"] as? String ?? "")).timeIntervalSince1970)
      }
    }
    return starts.sorted()
  }

  private func why(_ daemon: TestDaemon, _ id: String) async throws -> [String: Any] {
    let done = try await daemon.jobq("why", id, "--json")
    return try #require(try JSONSerialization.jsonObject(with: Data(done.out.utf8)) as? [String: Any], "\(done)")
  }

  @Test("a rate spaces starts evenly, and is counted over a kill -9 in its middle")
  func rate() async throws {
    try await TestDaemon.run(config: "workers: 4\nqueues: {mail: {rate: 2/s}}\n") { daemon in
      var ids: [String] = []
      for _ in 0..<6 { ids.append(try await daemon.enqueue("-q", "mail", "true")) }
      #expect(try await daemon.jobq("wait", ids[1]).status == 0)
      try await daemon.crash()
      #expect(try await daemon.start(["wait"] + ids).wait().status == 0)
      let starts = try await starts(daemon, ids)
      for (first, second) in zip(starts, starts.dropFirst()) {
        // A start is let through within the millisecond in which it is due, and told to the millisecond.
        #expect(second - first >= 0.498, "\(starts)")
      }
    }
  }

  @Test("limits are set live, kept over a kill -9, and never passed; jobs of one customer run one at a time")
  func keys() async throws {
    try await TestDaemon.run(config: "workers: 4\n") { daemon in
      let set = try await daemon.jobq(
        "queue", "set", "mail", "--concurrency", "3", "--per-key", "customer=1", "--priority", "5")
      #expect(set.status == 0 && set.out.contains("at most 1 at once for each customer"), "\(set)")
      let log = daemon.directory + "/log"
      var ids: [String] = []
      for number in 0..<12 {
        let customer = ["a", "b"][number % 2]
        ids.append(
          try await daemon.enqueue(
            "-q", "mail", "-l", "customer=\(customer)", "--", "sh", "-c",
            "echo + \(customer) >> \(log); sleep 0.1; echo - \(customer) >> \(log)"))
        if number == 5 { try await daemon.crash() }
      }
      #expect(try await daemon.start(["wait"] + ids).wait().status == 0)
      var running: [Substring: Int] = [:]
      for line in try String(contentsOfFile: log, encoding: .utf8).split(separator: "\n") {
        // An attempt that the crash cut short wrote no end.
        running[line.dropFirst(2), default: 0] += line.first == "+" ? 1 : -1
      }
      let interrupted = try await ids.asyncSum { id in
        (try await daemon.job(id)["attempts"] as? [Any] ?? []).count - 1
      }
      #expect(running.values.reduce(0, +) <= interrupted)
      let shown = try await daemon.jobq("queue", "show", "mail")
      #expect(shown.out.contains("at most 3 at once") && shown.out.contains("12 succeeded"))
      #expect(try await daemon.jobq("queues").out.contains("customer=1"))
    }
  }

  @Test("what was acknowledged of limits and pauses outlives a kill -9 right after it")
  func acknowledged() async throws {
    try await TestDaemon.run { daemon in
      for round in 1...4 {
        let limits = [
          "--concurrency", "\(round)", "--rate", "\(round)0/h", "--per-key", "k\(round)=\(round)", "--priority",
          "-\(round)",
        ]
        #expect(try await daemon.start(["queue", "set", "mail"] + limits).wait().status == 0)
        #expect(try await daemon.jobq("pause", "mail", "--reason", "round \(round)", "--for", "1h").status == 0)
        try await daemon.crash()
        let shown = try await daemon.jobq("queue", "show", "mail", "--json")
        let queue = try #require(try JSONSerialization.jsonObject(with: Data(shown.out.utf8)) as? [String: Any])
        #expect(queue["concurrency"] as? Int == round && queue["rate"] as? String == "\(round)0/h", "\(shown)")
        #expect(queue["priority"] as? Int == -round && queue["pause_reason"] as? String == "round \(round)")
        #expect((queue["per_key"] as? [String: Any])?["label"] as? String == "k\(round)")
      }
    }
  }

  @Test("a limit below what runs ends nothing, and starts nothing more until fewer run")
  func belowWhatRuns() async throws {
    try await TestDaemon.run(config: "workers: 4\n") { daemon in
      let gate = daemon.directory + "/gate"
      #expect(mkfifo(gate, 0o600) == 0)
      let first = try await daemon.enqueue("-q", "mail", "--", "sh", "-c", "read line < \(gate)")
      let second = try await daemon.enqueue("-q", "mail", "sleep", "600")
      try await daemon.started(first)
      try await daemon.started(second)
      #expect(try await daemon.jobq("queue", "set", "mail", "--concurrency", "1").status == 0)
      let third = try await daemon.enqueue("-q", "mail", "true")
      let why = try await why(daemon, third)
      #expect(why["reason"] as? String == "queue_limit" && why["blockers"] as? [Int] == [1, 2])
      #expect(why["detail"] as? String == "queue mail runs 2 of at most 1: jobs 1 and 2")
      try Data("go\n".utf8).write(to: URL(fileURLWithPath: gate))
      #expect(try await daemon.jobq("wait", first).status == 0)
      #expect(try await daemon.job(second)["state"] as? String == "running")
      #expect(try await self.why(daemon, third)["blockers"] as? [Int] == [2])
      #expect(try await daemon.jobq("queue", "set", "mail", "--concurrency", "none").status == 0)
      #expect(try await daemon.jobq("wait", third).status == 0)
    }
  }

  @Test("what the file fixes cannot be set live: 1, and the file and the key are named; a reload takes effect")
  func file() async throws {
    try await TestDaemon.run(config: "workers: 2\nqueues: {mail: {rate: 1/d}}\n") { daemon in
      let refused = try await daemon.jobq("queue", "set", "mail", "--rate", "2/s")
      #expect(refused.status == 1 && refused.err.contains(daemon.directory + "/jobq.yaml sets queues.mail.rate"))
      #expect(try await daemon.jobq("queue", "set", "mail", "--concurrency", "1").status == 0)
      let first = try await daemon.enqueue("-q", "mail", "true")
      #expect(try await daemon.jobq("wait", first).status == 0)
      let second = try await daemon.enqueue("-q", "mail", "true")
      let why = try await why(daemon, second)
      #expect(why["reason"] as? String == "rate_limit" && (why["remedy"] as? String)?.contains("jobq.yaml") == true)
      try Data("workers: 2\n".utf8).write(to: URL(fileURLWithPath: daemon.directory + "/jobq.yaml"))
      daemon.child.send(SIGHUP)
      #expect(try await daemon.jobq("wait", second, "--timeout", "600s").status == 0)
    }
  }

  @Test("a pause says why, ends by itself, also where its end came while no daemon ran")
  func pause() async throws {
    try await TestDaemon.run { daemon in
      let paused = try await daemon.jobq("pause", "mail", "--for", "2h", "--reason", "provider down")
      #expect(paused.status == 0 && paused.out.contains("provider down"), "\(paused)")
      let all = try await daemon.jobq("pause", "--for", "1h", "--reason", "moving")
      #expect(all.status == 0)
      let status = try await daemon.jobq("status")
      #expect(status.out.contains("moving") && status.out.contains("mail is paused until"))
      let id = try await daemon.enqueue("-q", "mail", "true")
      let why = try await why(daemon, id)
      #expect(why["reason"] as? String == "paused" && why["remedy"] as? String == "jobq resume")
      // By alarm: both ends are set anew.
      try await daemon.jobq("pause", "--for", "300ms")
      try await daemon.jobq("pause", "mail", "--for", "600ms")
      #expect(try await daemon.jobq("wait", id, "--timeout", "600s").status == 0)

      try await daemon.jobq("pause", "mail", "--for", "200ms")
      let next = try await daemon.enqueue("-q", "mail", "true")
      _ = await daemon.stop()
      try await Task.sleep(for: .milliseconds(300))
      try await daemon.restart()
      #expect(try await daemon.jobq("wait", next, "--timeout", "600s").status == 0)

      try await daemon.jobq("pause", "mail", "--for", "1h")
      try await daemon.crash()
      let held = try await daemon.enqueue("-q", "mail", "true")
      #expect((try await self.why(daemon, held)["detail"] as? String)?.hasPrefix("queue mail is paused until") == true)
      try await daemon.jobq("resume", "mail")
      #expect(try await daemon.jobq("wait", held).status == 0)
    }
  }

  @Test("why tells each reason, and its remedy changes it")
  func whyInEach() async throws {
    try await TestDaemon.run(config: "workers: 1\n") { daemon in
      let long = try await daemon.enqueue("-l", "k=v", "sleep", "600")
      try await daemon.started(long)
      func reason(_ id: String) async throws -> String { try await why(daemon, id)["reason"] as? String ?? "" }
      #expect(try await reason(long) == "running")
      let busy = try await daemon.enqueue("true")
      let told = try await why(daemon, busy)
      #expect(told["reason"] as? String == "workers_busy" && told["blockers"] as? [Int] == [1])
      #expect(try await reason(try await daemon.enqueue("--hold", "true")) == "held")
      #expect(try await reason(try await daemon.enqueue("--after", long, "true")) == "dependency")
      #expect(try await reason(try await daemon.enqueue("--delay", "1h", "true")) == "scheduled")
      let payload = try await daemon.jobq("enqueue", "--from", "-", input: #"{"payload":1}"# + "\n")
      #expect(payload.status == 0, "\(payload)")
      #expect(try await reason("6") == "no_worker")

      try await daemon.jobq("queue", "set", "default", "--rate", "1/d")
      #expect(try await reason(busy) == "workers_busy", "nothing has started at that rate")
      try await daemon.jobq("queue", "set", "default", "--per-key", "k=1")
      let same = try await daemon.enqueue("-l", "k=v", "true")
      #expect(try await reason(same) == "key_limit")
      try await daemon.jobq("queue", "set", "default", "--concurrency", "1")
      #expect(try await reason(busy) == "queue_limit")
      try await daemon.jobq("pause", "default")
      #expect(try await reason(busy) == "paused")
      try await daemon.jobq("drain")
      #expect(try await reason(busy) == "draining")
      try await daemon.jobq("resume")
      #expect(try await reason(busy) == "paused", "the queue's own stays")

      try await daemon.jobq("queue", "set", "default", "--concurrency", "none", "--rate", "none", "--per-key", "none")
      try await daemon.jobq("resume", "default")
      try await daemon.jobq("cancel", long)
      #expect(try await daemon.jobq("wait", busy).status == 0)
      #expect(try await reason(busy) == "ended")
      let failing = try await daemon.enqueue("--retries", "1", "--backoff", "1h", "false")
      try await daemon.jobq("wait", failing, "--timeout", "300ms")
      #expect(try await reason(failing) == "backoff")
      let people = try await daemon.jobq("why", failing)
      #expect(people.out.contains("reason: backoff\n") && people.out.contains("to change it: "))
    }
  }
}

extension Array {
  fileprivate func asyncSum(_ number: (Element) async throws -> Int) async rethrows -> Int {
    var sum = 0
    for element in self { sum += try await number(element) }
    return sum
  }
}
