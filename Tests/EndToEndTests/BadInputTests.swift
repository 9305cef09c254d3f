import Foundation
import Testing

@Suite("Bad input ends in a clear error")
struct BadInputTests {
  @Test("no daemon: 69, and it says which socket and how to start it")
  func noDaemon() async throws {
    let socket = NSTemporaryDirectory() + "nobody-\(UUID().uuidString.prefix(8)).sock"
    for verb in [["status"], ["enqueue", "true"], ["list"], ["wait", "1"], ["cancel", "1"]] {
      let done = await (try Child(Programs.jobq, verb, environment: ["JOBQ_SOCKET": socket, "PATH": "/usr/bin:/bin"]))
        .wait()
      #expect(done.status == 69 && done.err.contains(socket) && done.err.contains("jobqd"), "\(verb): \(done)")
    }
  }

  @Test(
    "bad usage: 64, and a line that says what is wrong",
    arguments: [
      (["enqueue"], "command"), (["enqueue", "--frobnicate", "true"], "--frobnicate"), (["nonsense"], "nonsense"),
      (["nonsense", "--help"], "nonsense"), (["help", "nonsense"], "nonsense"),
      (["nonsense", "--version"], "nonsense"),
      (["schedule", "nonsense", "-h"], "nonsense"), (["queue", "nonsense", "--help"], "nonsense"),
      (["schedule", "next", "-1 * * * *"], "minute"), (["schedule", "add", "x", "-1 * * * *", "true"], "minute"),
      (["enqueue", "-p", "high", "true"], "high"), (["enqueue", "--delay", "soon", "true"], "soon"),
      (["wait", "abc"], "abc"), (["wait"], "ID"), (["list", "--state", "asleep"], "asleep"),
      (["enqueue", "--retry-on", "1,x", "true"], "1,x"), (["logs", "0"], "0"),
      (["enqueue", "-l", "novalue", "true"], "novalue"), (["queue", "set", "mail"], "--concurrency"),
      (["queue", "set", "mail", "--rate", "0/m"], "0/m"), (["queue", "set", "mail", "--concurrency", "0"], "100000"),
      (["queue", "set", "mail", "--per-key", "1"], "customer=1"),
      (["queue", "set", "a/b", "--priority", "1"], "queue"),
      (["pause", "--for", "0s"], "over 0"), (["pause", "--for", "soon"], "duration"), (["why"], "ID"),
    ])
  func usage(arguments: [String], word: String) async throws {
    let done = await (try Child(Programs.jobq, arguments, environment: ["PATH": "/usr/bin:/bin"])).wait()
    #expect(done.status == 64 && done.err.lowercased().contains(word.lowercased()), "\(done)")
    #expect(done.out.isEmpty)
  }

  @Test("a program that is started without one of its standard descriptors takes none of its own for it")
  func closedDescriptors() async throws {
    try await TestDaemon.run { daemon in
      func shell(_ line: String) async throws -> Finished {
        let environment = ["JOBQ_SOCKET": daemon.socket, "PATH": "/usr/bin:/bin"]
        return await (try Child("/bin/sh", ["-c", line], environment: environment)).wait()
      }
      let jobq = Programs.jobq
      #expect(try await shell("\(jobq) enqueue --wait sh -c 'exit 3' 2>&-").status == 3)
      for verb in ["status", "list", "enqueue true", "schedule next @daily", "schedule next @daily --json"] {
        let done = try await shell("\(jobq) \(verb) >&-")
        #expect(done.status == 74 && done.err.contains("cannot write the output"), "\(verb): \(done)")
      }
      let done = try await shell("\(jobq) enqueue --stdin - cat <&-")
      #expect(done.status == 64 && done.err.contains("standard input"), "\(done)")
      #expect(try await shell("\(jobq) status <&- >&- 2>&-").status == 74)
      #expect(try await shell("\(Programs.jobqd) --check-config <&- 2>&-").status == 0)
    }
  }

  @Test("what is wrong with a line of a file is told with the line's own column")
  func column() async throws {
    try await TestDaemon.run { daemon in
      let file = daemon.state + "/../lines"
      for (line, column) in [
        ("{bad", 2), ("{bad}", 2), (#"{"command":["true"],}"#, 21), (#"{"command":["true"]} x"#, 22),
      ] {
        try Data("{\"command\":[\"true\"]}\n\(line)\n".utf8).write(to: URL(fileURLWithPath: file))
        let done = try await daemon.jobq("enqueue", "--from", file)
        #expect(done.err.contains("lines:2: ") && done.err.contains("column \(column):"), "\(done)")
      }
      try Data("{ }\n".utf8).write(to: URL(fileURLWithPath: file))
      #expect(try await daemon.jobq("enqueue", "--from", file).err.contains("command"))
    }
  }

  @Test("jobqd: an unknown option is 64")
  func daemonUsage() async throws {
    let done = await (try Child(Programs.jobqd, ["--frobnicate"], environment: ["PATH": "/usr/bin:/bin"])).wait()
    #expect(done.status == 64 && done.err.contains("--frobnicate"))
  }

  @Test(
    "configuration errors: 78 with file, line and key",
    arguments: [
      ("workers: 0\n", "workers", 1), ("\nwrokers: 2\n", "wrokers", 2),
      ("queues:\n  mail: {concurrency: two}\n", "concurrency", 2),
      ("queues:\n  mail:\n    rate: 0/m\n", "rate", 3), ("queues:\n  mail: {per_key: {concurrency: 1}}\n", "label", 2),
      ("defaults:\n  timeout: soon\n", "timeout", 2), ("workers: [1\n", "YAML", 2),
    ])
  func configuration(yaml: String, key: String, line: Int) async throws {
    let file = NSTemporaryDirectory() + "jobq-\(UUID().uuidString.prefix(8)).yaml"
    try Data(yaml.utf8).write(to: URL(fileURLWithPath: file))
    defer { try? FileManager.default.removeItem(atPath: file) }
    for check in [["--check-config"], []] {
      let done = await
        (try Child(
          Programs.jobqd, ["--config", file, "--state-dir", file + ".state", "--socket", file + ".sock"] + check,
          environment: ["PATH": "/usr/bin:/bin", "HOME": "/tmp"])).wait()
      #expect(done.status == 78 && done.err.contains("\(file):\(line)") && done.err.contains(key), "\(done)")
    }
    let absent = await
      (try Child(Programs.jobqd, ["--config", file + ".absent"], environment: ["PATH": "/usr/bin:/bin"])).wait()
    #expect(absent.status == 78 && absent.err.contains(file + ".absent"))
  }

  @Test("a queue with a slash, a directory that is gone, a job that is not there")
  func values() async throws {
    try await TestDaemon.run { daemon in
      let slash = try await daemon.jobq("enqueue", "-q", "a/b", "true")
      #expect((slash.status == 1 || slash.status == 64) && slash.err.contains("queue"))
      let gone = try await daemon.enqueue("--cwd", "/no/such/directory", "true")
      #expect(try await daemon.jobq("wait", gone).status == 126)
      #expect((try await daemon.job(gone)["error"] as? String)?.contains("/no/such/directory") == true)
      for verb in ["status", "why", "logs", "wait", "cancel", "retry", "hold", "release", "remove"] {
        let done = try await daemon.jobq(verb, "4711")
        #expect(done.status == 1 && done.err.contains("4711"), "\(verb): \(done)")
      }
    }
  }
}
