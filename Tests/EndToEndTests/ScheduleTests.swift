import Foundation
import Glibc
import Testing

@Suite("Schedules, as a user runs them", .timeLimit(.minutes(10)))
struct ScheduleTests {
  private struct Schedule: Decodable {
    struct Run: Decodable {
      var dueAt: String?
      var result: String
      var jobId: Int?
    }
    var source: String
    var nextDueAt: String?
    var runs: [Run]
  }

  private func show(_ daemon: TestDaemon, _ name: String) async throws -> Schedule {
    let done = try await daemon.jobq("schedule", "show", name, "--runs", "1000", "--json")
    let decoder = JSONDecoder()
    decoder.keyDecodingStrategy = .convertFromSnakeCase
    return try decoder.decode(Schedule.self, from: Data(done.out.utf8))
  }

  /// Waits until the schedule has so many facts: each of its jobs is an event.
  private func facts(_ daemon: TestDaemon, _ name: String, atLeast count: Int) async throws -> [Schedule.Run] {
    while true {
      let runs = try await show(daemon, name).runs
      if runs.count >= count { return runs }
      // The next job of whatever kind: a line of the stream of events, or a second without one.
      _ = try await
        (Child(
          "/bin/sh", ["-c", "curl -sN -m 1 --unix-socket \(daemon.socket) http://jobq/v1/events | head -n 1"],
          environment: ["PATH": "/usr/bin:/bin"])).wait()
    }
  }

  @Test("through kill -9 after kill -9 each due time gives one job, and none is left out")
  func kills() async throws {
    try await TestDaemon.run(config: "workers: 2\n") { daemon in
      let log = daemon.directory + "/runs"
      let added = try await daemon.jobq(
        "schedule", "add", "tick", "@every 1s", "--missed", "all", "--overlap", "queue", "--", "sh", "-c",
        "echo $JOBQ_ID >> \(log)")
      #expect(added.status == 0 && added.out.hasPrefix("schedule tick is due "), "\(added)")
      // Eight deaths, some in the very moment of a due time: what is random here is when the tests get their turn.
      for _ in 0..<8 {
        let known = try await show(daemon, "tick").runs.count
        _ = try await facts(daemon, "tick", atLeast: known + 1)
        try await daemon.crash()
      }
      _ = try await facts(daemon, "tick", atLeast: 12)
      try await daemon.jobq("schedule", "pause", "tick")
      let runs = try await show(daemon, "tick").runs
      let due = runs.compactMap(\.dueAt)
      #expect(due.count == runs.count && Set(due).count == due.count)
      #expect(runs.allSatisfy { $0.result == "enqueued" })
      let jobs = runs.compactMap(\.jobId)
      #expect(jobs.count == runs.count && Set(jobs).count == jobs.count)
      // One second after the other, from the first to the last.
      let style = Date.ISO8601FormatStyle(includingFractionalSeconds: true)
      let times = try due.map { try style.parse($0).timeIntervalSince1970 }
      for (later, earlier) in zip(times, times.dropFirst()) { #expect(abs(later - earlier - 1) < 0.01) }
      // The store has these jobs and no other, and all come to their end.
      for job in jobs { #expect(try await daemon.jobq("wait", "\(job)", "--timeout", "600s").status == 0) }
      let all = try await daemon.jobq("list", "--limit", "1000", "--json")
      #expect(all.out.components(separatedBy: "\"id\":").count - 1 == jobs.count)
      let ran = Set(try String(contentsOfFile: log, encoding: .utf8).split(separator: "\n").compactMap { Int($0) })
      #expect(ran == Set(jobs))
    }
  }

  @Test("what was due while the daemon was down is treated as the schedule says")
  func downtime() async throws {
    try await TestDaemon.run(config: "workers: 2\n") { daemon in
      for missed in ["skip", "once", "all"] {
        // Held, so that no job is in another's way.
        let added = try await daemon.jobq(
          "schedule", "add", missed, "@every 1s", "--missed", missed, "--overlap", "queue", "--hold", "true")
        #expect(added.status == 0, "\(added)")
      }
      for missed in ["skip", "once", "all"] { _ = try await facts(daemon, missed, atLeast: 1) }
      #expect(await daemon.stop().status == 0)
      try await Task.sleep(for: .seconds(4))  // The time that passes is what this is about.
      try await daemon.restart()
      for missed in ["skip", "once", "all"] { try await daemon.jobq("schedule", "pause", missed) }
      for missed in ["skip", "once", "all"] {
        let runs = try await show(daemon, missed).runs
        let absent = runs.count { $0.result == "missed" }
        #expect(missed == "all" ? absent == 0 : absent >= 2, "\(missed): \(runs.map(\.result))")
        let due = runs.compactMap(\.dueAt)
        #expect(Set(due).count == due.count)
      }
    }
  }

  @Test("the file's schedules come, change and go with a reload, and a reload that is refused changes nothing")
  func reload() async throws {
    let nightly = "schedules:\n  nightly: {cron: \"15 3 * * *\", timezone: Europe/Berlin, command: [\"true\"]}\n"
    try await TestDaemon.run(config: nightly) { daemon in
      func reload(_ yaml: String) async throws {
        try Data(yaml.utf8).write(to: URL(fileURLWithPath: daemon.directory + "/jobq.yaml"))
        try await daemon.reload()
      }
      let first = try await show(daemon, "nightly")
      #expect(first.source == "file")
      for words in [
        ["add", "nightly", "@daily", "true"], ["add", "nightly", "@daily", "--replace", "true"], ["remove", "nightly"],
      ] {
        let refused = try await daemon.start(["schedule"] + words).wait()
        #expect(refused.status == 1 && refused.err.contains("configuration file"), "\(refused)")
      }
      try await daemon.jobq("schedule", "add", "mine", "@daily", "true")
      try await reload(
        nightly.replacingOccurrences(of: "15 3", with: "45 3") + "  mine: {cron: \"@weekly\", command: [\"true\"]}\n")
      #expect(try await show(daemon, "nightly").nextDueAt?.contains(":45:") == true)
      #expect(try await show(daemon, "mine").source == "file")
      try await reload("schedules:\n  nightly: {cron: \"0 0 31 2 *\", command: [\"true\"]}\n")
      #expect(try await show(daemon, "nightly").nextDueAt?.contains(":45:") == true)
      try await reload("workers: 2\n")
      #expect(try await daemon.jobq("schedule", "list").out == "There is no schedule.\n")
    }
  }

  @Test("what cannot be is refused with a sentence, on the command line and in the file")
  func refusals() async throws {
    try await TestDaemon.run { daemon in
      for (words, status, sentence) in [
        (["add", "x", "0 0 31 2 *", "true"], 64, "month 2 has no day 31"),
        (["add", "x", "@daily", "--timezone", "Mars/Base", "true"], 64, "tzdata"),
        (["add", "x", "@daily"], 64, "a command is expected"),
        (["add", "a b", "@daily", "true"], 64, "a schedule's name is made of"),
        (["add", "x", "@daily", "--at", "03:00", "true"], 64, "--at: the schedule says when its jobs start"),
        (
          ["add", "x", "@daily", "--after", "1", "true"], 64, "--after: the jobs of a schedule depend on no single job"
        ),
        (["add", "x", "@daily", "--jitter", "2d", "true"], 64, "--jitter: at most 1d is expected"),
        (["add", "x", "@daily", "--missed", "some", "true"], 64, "one of skip, once, all is expected"),
        (["run", "none"], 1, "there is no schedule \"none\""), (["pause", "none"], 1, "there is no schedule \"none\""),
        (["remove", "none"], 1, "there is no schedule \"none\""),
        (["show", "none"], 1, "there is no schedule \"none\""),
      ] as [([String], Int32, String)] {
        let done = try await daemon.start(["schedule"] + words).wait()
        #expect(done.status == status && done.err.contains(sentence) && done.out.isEmpty, "\(words): \(done)")
      }
      #expect(try await daemon.jobq("schedule", "add", "x", "@daily", "true").status == 0)
      let twice = try await daemon.jobq("schedule", "add", "x", "@daily", "true")
      #expect(twice.status == 1 && twice.err.contains("already"))
      let replaced = try await daemon.jobq("schedule", "add", "x", "@weekly", "--replace", "true")
      #expect(replaced.status == 0, "\(replaced)")
      let run = try await daemon.jobq("schedule", "run", "x")
      #expect(run.status == 0 && run.line == "1")
      #expect(try await daemon.jobq("schedule", "remove", "x").out == "schedule x: removed\n")
      for (yaml, sentence) in [
        ("{cron: '0 0 31 2 *', command: [x]}", "schedules.n.cron: "),
        ("{cron: '@daily', command: [x], timezone: Mars/Base}", "schedules.n.timezone: "),
        ("{cron: '@daily', command: [x]}\n  n: {cron: '@daily', command: [x]}", "n: stands more than once"),
      ] {
        let file = daemon.directory + "/bad.yaml"
        try Data("schedules:\n  n: \(yaml)\n".utf8).write(to: URL(fileURLWithPath: file))
        let done = try await
          (Child(Programs.jobqd, ["--check-config", "--config", file], environment: ["PATH": "/usr/bin:/bin"])).wait()
        #expect(done.status == 78 && (done.err + done.out).contains(sentence), "\(done)")
      }
    }
  }
}
