import Foundation
import Glibc
import Testing

@Suite("Many jobs by what holds of them")
struct SelectionTests {
  /// Forty thousand held jobs with the label `batch=one`, and one without.
  private func fill(_ daemon: TestDaemon, _ count: Int) async throws {
    let line = #"{"command":["true"],"hold":true,"labels":{"batch":"one"},"name":"fill-a"}"#
    let done = try await daemon.jobq(
      "enqueue", "--from", "-", input: Array(repeating: line, count: count).joined(separator: "\n"))
    try #require(done.status == 0, "\(done)")
  }

  private func counts(_ daemon: TestDaemon) async throws -> [String: Int] {
    let done = try await daemon.jobq("status", "--json")
    let status = try JSONSerialization.jsonObject(with: Data(done.out.utf8)) as? [String: Any]
    return try #require(status?["counts"] as? [String: Int])
  }

  @Test("a label that 40,000 jobs have cancels them in one call, and the daemon answers others meanwhile")
  func fortyThousand() async throws {
    try await TestDaemon.run { daemon in
      try await fill(daemon, 40_000)
      let other = try await daemon.enqueue("--hold", "true")
      let began = ContinuousClock.now
      let cancelling = try daemon.start(["cancel", "--label", "batch=one"])
      var slowest = Duration.zero
      for _ in 0..<20 {
        let asked = ContinuousClock.now
        #expect(try await daemon.jobq("enqueue", "--hold", "true").status == 0)
        slowest = max(slowest, ContinuousClock.now - asked)
      }
      let done = await cancelling.wait()
      let took = ContinuousClock.now - began
      #expect(done.status == 0 && done.line == "40000 jobs cancelled", "\(done)")
      print("40,000 cancelled in \(took); the slowest enqueue beside it took \(slowest)")
      #expect(took < .seconds(60))
      #expect(slowest < .seconds(5))
      let counts = try await counts(daemon)
      #expect(counts["cancelled"] == 40_000 && counts["held"] == 21)
      #expect(try await daemon.job(other)["state"] as? String == "held")
    }
  }

  @Test("kill -9 in the middle of a bulk verb loses nothing, and the verb can be asked again")
  func killed() async throws {
    try await TestDaemon.run { daemon in
      try await fill(daemon, 20_000)
      let began = try await counts(daemon)
      #expect(began["held"] == 20_000)
      let cancelling = try daemon.start(["cancel", "--name", "fill-*"])
      var midway = 0
      while midway == 0 { midway = try await counts(daemon)["cancelled"] ?? 0 }
      try await daemon.crash()
      let cut = await cancelling.wait()
      let between = try await counts(daemon)
      print("killed after \(between["cancelled"] ?? 0) of 20,000")
      #expect((between["cancelled"] ?? 0) >= midway && (between["cancelled"] ?? 0) + (between["held"] ?? 0) == 20_000)
      if between["held"] ?? 0 > 0 { #expect(cut.status == 69, "\(cut)") }
      let again = try await daemon.jobq("cancel", "--name", "fill-*")
      #expect(again.status == 0 && again.line == "\(between["held"] ?? 0) jobs cancelled", "\(again)")
      #expect(try await counts(daemon)["cancelled"] == 20_000)
    }
  }

  @Test("every verb says by --dry-run which jobs it means, and changes nothing")
  func dryRun() async throws {
    try await TestDaemon.run { daemon in
      let ids = [try await daemon.enqueue("--hold", "-n", "one", "true"), try await daemon.enqueue("--hold", "true")]
      for verb in ["cancel", "release"] {
        let done = try await daemon.jobq(verb, "--name", "o*", "--dry-run")
        #expect(done.status == 0 && done.out.contains("one") && done.out.contains("1 job meant"), "\(done)")
        let named = try await daemon.jobq(verb, ids[1], "--dry-run")
        #expect(named.out.contains("1 job meant"))
      }
      let none = try await daemon.jobq("retry", "--since", "1h", "--dry-run")
      #expect(none.status == 0 && none.out == "retry: 0 jobs meant; nothing was changed\n")
      #expect(try await counts(daemon)["held"] == 2)
    }
  }

  @Test("failed jobs of a queue are retried by selection, since a time, and what is refused is said and counted")
  func retry() async throws {
    try await TestDaemon.run { daemon in
      var ids: [String] = []
      for queue in ["mail", "mail", "other"] {
        ids.append(try await daemon.enqueue("-q", queue, "--unique", "k-\(ids.count)", "false"))
      }
      for id in ids { try await daemon.jobq("wait", id) }
      try await daemon.jobq("pause")
      let owner = try await daemon.enqueue("-q", "mail", "--unique", "k-0", "true")
      let done = try await daemon.jobq("retry", "--state", "failed", "--queue", "mail", "--since", "1h")
      #expect(done.status == 1 && done.line == "1 job retried", "\(done)")
      #expect(done.err.contains("1 job refused") && done.err.contains(owner))
      let states = try await [daemon.job(ids[0]), daemon.job(ids[1]), daemon.job(ids[2])].map { $0["state"] as? String }
      #expect(states == ["failed", "queued", "failed"])
      let nothing = try await daemon.jobq("retry", "--queue", "mail", "--until", "1h", "--json")
      #expect(nothing.line == #"{"matched":0,"changed":0,"refused":0,"first_problem":null}"#)
    }
  }

  @Test("a waiting job is edited, is told of, and starts by its new values; a bad value is named")
  func edit() async throws {
    try await TestDaemon.run { daemon in
      let id = try await daemon.enqueue("--delay", "1h", "-n", "late", "true")
      let done = try await daemon.jobq("edit", id, "-p", "-5", "--at", "23:59", "--no-name", "-l", "a=b", "-q", "mail")
      #expect(done.status == 0 && done.line.hasPrefix("job \(id): edited; scheduled in mail"), "\(done)")
      let job = try await daemon.job(id)
      #expect(job["priority"] as? Int == -5 && job["queue"] as? String == "mail" && job["name"] is NSNull)
      #expect(job["labels"] as? [String: String] == ["a": "b"])
      #expect(try await daemon.jobq("edit", id, "--delay", "0").status == 0)
      #expect(try await daemon.jobq("wait", id, "--timeout", "600s").status == 0)
      let ended = try await daemon.jobq("edit", id, "-p", "1")
      #expect(ended.status == 1 && ended.err.contains("only a waiting job can be edited"))
      #expect(try await daemon.jobq("edit", id).status == 64)
      #expect(try await daemon.jobq("edit", id, "--no-label", "a b").status == 64)
    }
  }

  /// Runs jobq on a terminal of its own, by script(1), and types `answer`.
  private func onTerminal(_ daemon: TestDaemon, _ words: String, answer: String) async throws -> Finished {
    try await Child(
      "/usr/bin/script", ["-qec", "\(Programs.jobq) \(words)", "/dev/null"],
      environment: ["PATH": "/usr/bin:/bin", "HOME": "/root", "JOBQ_SOCKET": daemon.socket, "SHELL": "/bin/sh"],
      input: answer
    ).wait()
  }

  @Test("on a terminal a verb that means more than ten jobs asks first, unless it is told not to")
  func confirmation() async throws {
    try await TestDaemon.run { daemon in
      for _ in 0..<11 { _ = try await daemon.enqueue("--hold", "-q", "many", "true") }
      _ = try await daemon.enqueue("--hold", "-q", "few", "true")
      let no = try await onTerminal(daemon, "cancel --queue many", answer: "n\n")
      #expect(
        no.status == 1 && no.out.contains("cancel 11 jobs? [y/N]") && no.out.contains("nothing was changed"), "\(no)")
      #expect(try await counts(daemon)["held"] == 12)
      let few = try await onTerminal(daemon, "cancel --queue few", answer: "")
      #expect(few.status == 0 && !few.out.contains("[y/N]"), "\(few)")
      let named = try await onTerminal(daemon, "release 1,2,3,4,5,6,7,8,9,10,11", answer: "\n")
      #expect(named.status == 1 && named.out.contains("release 11 jobs? [y/N]"), "\(named)")
      let yes = try await onTerminal(daemon, "cancel --queue many", answer: "y\n")
      #expect(yes.status == 0 && yes.out.contains("11 jobs cancelled"), "\(yes)")
      let told = try await onTerminal(daemon, "remove --queue many --yes", answer: "")
      #expect(told.status == 0 && told.out.contains("11 jobs removed") && !told.out.contains("[y/N]"), "\(told)")
    }
  }

  @Test("prune takes out what is named, rows or output alone, and never what a live job depends on")
  func prune() async throws {
    try await TestDaemon.run { daemon in
      var ids: [String] = []
      for _ in 0..<4 { ids.append(try await daemon.enqueue("echo", "x")) }
      for id in ids { try await daemon.jobq("wait", id) }
      let live = try await daemon.enqueue("--hold", "--after", ids[0], "true")
      #expect(try await daemon.jobq("prune", "--older-than", "1h").line == "0 jobs removed")
      #expect(
        try await daemon.jobq("prune", "--keep", "3", "--dry-run").line == "prune: 1 job meant; nothing was changed")
      #expect(try await daemon.jobq("prune", "--keep", "2", "--logs-only").line == "output of 2 jobs removed")
      #expect(try await daemon.jobq("logs", ids[1]).out == "")
      #expect(try await daemon.jobq("logs", ids[2]).out == "x\n")
      let done = try await daemon.jobq("prune", "--state", "succeeded")
      #expect(done.line == "3 jobs removed; 1 stay: live jobs depend on them, or they went on meanwhile", "\(done)")
      #expect(try await daemon.job(ids[0])["state"] as? String == "succeeded")
      #expect(try await daemon.job(live)["state"] as? String == "held")
      #expect(try await daemon.jobq("prune", "--state", "held").status == 64)
      #expect(try await daemon.jobq("prune").line == "0 jobs removed")
    }
  }
}
