import Foundation
import Testing

@Suite("The whole way, as a user goes it")
struct WholeWayTests {
  @Test("a job is enqueued, runs, and its output and exit code are kept")
  func wholeWay() async throws {
    try await TestDaemon.run { daemon in
      let id = try await daemon.enqueue("--", "sh", "-c", "echo out; echo err >&2; exit 3")
      #expect(id == "1")
      #expect(try await daemon.jobq("wait", id).status == 3)
      #expect(try await daemon.jobq("logs", id).out == "out\nerr\n")
      let job = try await daemon.job(id)
      #expect(job["state"] as? String == "failed" && job["outcome"] as? String == "failed")
      #expect(job["exit_code"] as? Int == 3 && job["attempt"] as? Int == 1)
    }
  }

  @Test("enqueue prints the number and nothing else; with --wait and --follow it goes to standard error")
  func numbers() async throws {
    try await TestDaemon.run { daemon in
      let plain = try await daemon.jobq("enqueue", "true")
      #expect(plain.out == "1\n" && plain.err == "")
      let waited = try await daemon.jobq("enqueue", "--wait", "--", "sh", "-c", "exit 4")
      #expect(waited.status == 4 && waited.out == "" && waited.err.hasPrefix("2\n"))
      let followed = try await daemon.jobq("enqueue", "--follow", "--", "sh", "-c", "echo a; echo b; exit 5")
      #expect(followed.status == 5 && followed.out == "a\nb\n" && followed.err.hasPrefix("3\n"))
    }
  }

  @Test("wait and --follow exit as the job did")
  func exitCodes() async throws {
    try await TestDaemon.run { daemon in
      for (arguments, code) in [
        (["true"], 0), (["sh", "-c", "exit 42"], 42), (["sh", "-c", "kill -9 $$"], 137),
        (["sh", "-c", "kill -TERM $$"], 143),
        (["/no/such/program"], 127), (["no-such-program-anywhere"], 127), (["/etc/passwd"], 126),
        (["--timeout", "200ms", "sleep", "60"], 124),
      ] as [([String], Int32)] {
        #expect(try await daemon.start(["enqueue", "--wait"] + arguments).wait().status == code, "\(arguments)")
        #expect(try await daemon.start(["enqueue", "--follow"] + arguments).wait().status == code, "\(arguments)")
      }
      let timedOut = try await daemon.jobq("enqueue", "--wait", "--timeout", "100ms", "sleep", "60")
      #expect(timedOut.err.contains("timeout"))
      let held = try await daemon.enqueue("--hold", "true")
      let waited = try await daemon.jobq("wait", held, "--timeout", "100ms")
      #expect(waited.status == 124)
      _ = try await daemon.jobq("cancel", held)
      #expect(try await daemon.jobq("wait", held).status == 125)
      #expect(try await daemon.jobq("wait", "1", "3", "5").status == 42)
    }
  }

  @Test("three retries give four attempts, all kept")
  func retries() async throws {
    try await TestDaemon.run { daemon in
      let id = try await daemon.enqueue(
        "--retries", "3", "--backoff", "50ms", "--backoff-kind", "fixed", "--", "sh", "-c",
        "echo try $JOBQ_ATTEMPT; exit 9")
      #expect(try await daemon.jobq("wait", id).status == 9)
      let job = try await daemon.job(id)
      let attempts = try #require(job["attempts"] as? [[String: Any]])
      #expect(attempts.map { $0["attempt"] as? Int } == [1, 2, 3, 4])
      #expect(attempts.allSatisfy { $0["exit_code"] as? Int == 9 && $0["finished_at"] is String })
      #expect(job["max_attempts"] as? Int == 4)
      #expect(try await daemon.jobq("logs", id).out == "try 4\n")
      #expect(try await daemon.jobq("logs", id, "--attempt", "2").out == "try 2\n")
    }
  }

  @Test("higher priority goes first, then order of arrival")
  func order() async throws {
    try await TestDaemon.run(config: "workers: 1\n") { daemon in
      try await daemon.jobq("pause")
      let file = daemon.directory + "/order"
      for (name, priority) in [("a", "0"), ("b", "5"), ("c", "-5"), ("d", "5"), ("e", "0")] {
        _ = try await daemon.enqueue("-p", priority, "--", "sh", "-c", "echo \(name) >> \(file)")
      }
      try await daemon.jobq("resume")
      #expect(try await daemon.jobq("wait", "1", "2", "3", "4", "5").status == 0)
      #expect(try String(contentsOfFile: file, encoding: .utf8) == "b\nd\na\ne\nc\n")
    }
  }

  @Test("a delayed job starts within a quarter of a second of its time, and never before")
  func delay() async throws {
    try await TestDaemon.run { daemon in
      let id = try await daemon.enqueue("--delay", "800ms", "true")
      #expect(try await daemon.jobq("wait", id).status == 0)
      let job = try await daemon.job(id)
      let format = ISO8601DateFormatter()
      format.formatOptions = [.withInternetDateTime, .withFractionalSeconds]
      let created = try #require((job["created_at"] as? String).flatMap(format.date))
      let started = try #require((job["started_at"] as? String).flatMap(format.date))
      #expect((0.7995...1.05).contains(started.timeIntervalSince(created)))
    }
  }

  @Test("dependencies start when the others have ended, and fall with those that fail")
  func dependencies() async throws {
    try await TestDaemon.run { daemon in
      let first = try await daemon.enqueue("--hold", "true")
      let second = try await daemon.enqueue("--after", first, "true")
      let third = try await daemon.enqueue("--after", second, "true")
      #expect(try await daemon.job(third)["state"] as? String == "blocked")
      #expect(try await daemon.jobq("remove", first).status == 1)
      try await daemon.jobq("release", first)
      #expect(try await daemon.jobq("wait", first, second, third).status == 0)

      let bad = try await daemon.enqueue("--hold", "false")
      let falls = try await daemon.enqueue("--after", bad, "true")
      let heldToo = try await daemon.enqueue("--hold", "--after", falls, "true")
      let any = try await daemon.enqueue("--after-any", bad, "true")
      try await daemon.jobq("release", bad)
      #expect(try await daemon.jobq("wait", any).status == 0)
      #expect(try await daemon.jobq("wait", falls).status == 125)
      #expect(try await daemon.job(heldToo)["state"] as? String == "cancelled")
      #expect(try await daemon.jobq("wait", try await daemon.enqueue("--after", bad, "true")).status == 125)
      #expect(try await daemon.jobq("enqueue", "--after", "9999", "true").status == 1)
    }
  }

  @Test("a unique key answers with the live job's number")
  func unique() async throws {
    try await TestDaemon.run { daemon in
      let first = try await daemon.enqueue("--hold", "--unique", "k", "true")
      #expect(try await daemon.enqueue("--unique", "k", "true") == first)
      try await daemon.jobq("cancel", first)
      #expect(try await daemon.enqueue("--hold", "--unique", "k", "true") != first)
      #expect(try await daemon.jobq("retry", first).status == 1)
    }
  }

  @Test("many jobs come from a file, all or none of each thousand")
  func bulk() async throws {
    try await TestDaemon.run(config: "workers: 8\n") { daemon in
      let lines = (0..<2500).map { #"{"command":["true"],"name":"n\#($0)"}"# }.joined(separator: "\n")
      let done = try await daemon.jobq("enqueue", "--from", "-", "--json", input: lines)
      #expect(done.status == 0 && done.out.contains(#""count":2500"#))
      let bad = try await daemon.jobq(
        "enqueue", "--from", "-", input: #"{"command":["true"]}"# + "\n" + #"{"comand":["true"]}"#)
      #expect(bad.status != 0 && bad.err.contains("2") && bad.err.contains("comand"))
      let status = try await daemon.jobq("status", "--json")
      let document = try #require(try JSONSerialization.jsonObject(with: Data(status.out.utf8)) as? [String: Any])
      let counts = try #require(document["counts"] as? [String: Int])
      #expect(counts.values.reduce(0, +) == 2500)
    }
  }

  @Test("standard input, directory, umask and environment are the caller's, and nothing else is passed on")
  func surroundings() async throws {
    try await TestDaemon.run(environment: ["DAEMON_SECRET": "x", "LISTEN_FDNAMES": "y"]) { daemon in
      let id = try await daemon.enqueue("--stdin", "-", "--", "cat", input: "héllo\n")
      try await daemon.jobq("wait", id)
      #expect(try await daemon.jobq("logs", id).out == "héllo\n")
      let env = try await daemon.enqueue(
        "-e", "A=b c", "--umask", "027", "--", "sh", "-c", "pwd; umask; env | sort", directory: "/usr")
      try await daemon.jobq("wait", env)
      let lines = try await daemon.jobq("logs", env).out.split(separator: "\n").map(String.init)
      #expect(lines[0] == "/usr" && lines[1] == "0027")
      let names = Set(lines.dropFirst(2).compactMap { $0.split(separator: "=").first.map(String.init) })
      #expect(
        names.isSuperset(of: [
          "A", "PATH", "HOME", "USER", "SHELL", "JOBQ_ID", "JOBQ_ATTEMPT", "JOBQ_QUEUE", "JOBQ_SOCKET",
        ]))
      #expect(names.isDisjoint(with: ["DAEMON_SECRET", "NOTIFY_SOCKET", "LISTEN_FDNAMES"]))
      let fds = try await daemon.enqueue("--", "sh", "-c", "ls /proc/$$/fd; true")
      try await daemon.jobq("wait", fds)
      #expect(try await daemon.jobq("logs", fds).out == "0\n1\n2\n")
    }
  }
}
