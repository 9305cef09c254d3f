import Foundation
import Glibc
import Testing

@Suite("Doctor and backup")
struct UpkeepTests {
  private func findings(_ json: String) throws -> [String: (grade: String, detail: String)] {
    let document = try #require(try JSONSerialization.jsonObject(with: Data(json.utf8)) as? [String: Any])
    let findings = try #require(document["findings"] as? [[String: Any]])
    return Dictionary(
      findings.map { ($0["what"] as! String, ($0["grade"] as! String, $0["detail"] as! String)) }
    ) { $0.0 == "bad" ? $0 : $1 }
  }

  private func doctor(_ daemon: TestDaemon, _ arguments: String...) async throws -> Finished {
    let child =
      (try Child(
        Programs.jobqd,
        [
          "--doctor", "--config", daemon.directory + "/jobq.yaml", "--state-dir", daemon.state, "--socket",
          daemon.socket,
        ]
          + arguments, environment: ["PATH": "/usr/bin:/bin", "HOME": daemon.directory]))
    return await child.wait()
  }

  @Test("the doctor finds a healthy daemon healthy, from inside, from beside it, and after its death")
  func healthy() async throws {
    try await TestDaemon.run { daemon in
      _ = try await daemon.enqueue("--hold", "true")
      let inside = try await daemon.jobq("doctor", "--json")
      #expect(inside.status == 0, "\(inside)")
      let found = try findings(inside.out)
      #expect(found["database"]?.detail.contains("quick_check") == true && found["database"]?.grade == "ok")
      #expect(found["configuration"]?.detail.contains(daemon.directory + "/jobq.yaml") == true)
      #expect(["cgroup", "session"].contains { found["containment"]?.detail.hasPrefix($0) == true })
      let beside = try await doctor(daemon)
      #expect(beside.status == 0 && beside.out.contains("in use"), "\(beside)")
      #expect(
        try await daemon.jobq("doctor").out.split(separator: "\n").allSatisfy {
          $0.hasPrefix("ok  ") || $0.hasPrefix("warn")
        })

      daemon.child.send(SIGKILL)
      _ = await daemon.child.wait()
      let before = try files(daemon.state)
      let alone = try await doctor(daemon, "--json")
      #expect(alone.status == 0, "\(alone)")
      let after = try findings(alone.out)
      #expect(after["database"]?.detail.contains("integrity_check") == true)
      #expect(after["socket"]?.grade == "warn")
      #expect(try files(daemon.state) == before, "the doctor changes nothing, and makes no file")
      // The client finds nobody, says so, and has the program beside it look.
      let fallback = try await daemon.jobq("doctor")
      #expect(fallback.err.contains("jobqd --doctor") && fallback.out.contains("SQLite"), "\(fallback)")
      try await daemon.restart()
    }
  }

  @Test("a bad configuration is a finding among others, with exit code 1")
  func badConfiguration() async throws {
    try await TestDaemon.run { daemon in
      try Data("workers: many\n".utf8).write(to: URL(fileURLWithPath: daemon.directory + "/jobq.yaml"))
      let beside = try await doctor(daemon, "--json")
      let found = try findings(beside.out)
      #expect(beside.status == 1 && found["configuration"]?.grade == "bad", "\(beside)")
      let inside = try await daemon.jobq("doctor")
      #expect(inside.status == 1 && inside.out.contains("jobq.yaml:1: workers"), "\(inside)")
    }
  }

  @Test("a backup made under load is restored: the queue goes on, and what ran runs again")
  func backup() async throws {
    try await TestDaemon.run(config: "workers: 2\n") { daemon in
      let file = daemon.directory + "/backup.db"
      let running = try await daemon.enqueue("--", "sh", "-c", "test $JOBQ_ATTEMPT -gt 1 || exec sleep 600")
      try await daemon.started(running)
      let lines = (0..<2000).map { #"{"command":["true"],"labels":{"n":"\#($0)"}}"# }.joined(separator: "\n")
      #expect(try await daemon.jobq("enqueue", "--from", "-", input: lines).status == 0)
      let made = try await daemon.jobq("backup", file)
      #expect(made.status == 0, "\(made)")
      var status = stat()
      #expect(stat(file, &status) == 0 && status.st_mode & 0o777 == 0o600)
      #expect(try FileManager.default.contentsOfDirectory(atPath: daemon.directory).allSatisfy { !$0.contains("part") })
      let again = try await daemon.jobq("backup", file)
      #expect(again.status == 1 && again.err.contains("--force"))
      #expect(try await daemon.jobq("backup", "--force", file, "--json").out.contains("\"bytes\""))
      // More work comes after the backup, and is lost with the disk.
      let later = try await daemon.enqueue("echo", "lost")
      #expect(try await daemon.jobq("wait", later, "--timeout", "600s").status == 0)
      #expect(await daemon.stop().status == 0)

      try FileManager.default.removeItem(atPath: daemon.state)
      try FileManager.default.createDirectory(
        atPath: daemon.state, withIntermediateDirectories: false, attributes: [.posixPermissions: 0o700])
      try FileManager.default.moveItem(atPath: file, toPath: daemon.state + "/jobq.db")
      try await daemon.restart()
      #expect(try await daemon.jobq("wait", running, "--timeout", "600s").status == 0)
      let attempts = try #require(try await daemon.job(running)["attempts"] as? [[String: Any]])
      #expect(attempts.map { $0["outcome"] as? String } == ["interrupted", "succeeded"])
      #expect(try await daemon.jobq("status", later).status == 1)
      // Its number is not given again: its log is still there, and is nobody else's.
      let silent = try await daemon.enqueue("true")
      #expect(Int(silent)! > Int(later)! && Int(silent)! <= Int(later)! + 1_000_000_000)
      #expect(try await daemon.jobq("wait", silent, "--timeout", "600s").status == 0)
      #expect(try await daemon.jobq("logs", silent).out == "")
      #expect(try await daemon.jobq("doctor").status == 0)
    }
  }

  @Test("a backup never takes the place of what a daemon works with, by whatever name, and goes through no link")
  func notOntoItself() async throws {
    try await TestDaemon.run { daemon in
      let kept = try await daemon.enqueue("--hold", "true")
      symlink(daemon.state, daemon.directory + "/alias")
      symlink(daemon.directory + "/elsewhere", daemon.directory + "/link")
      let before = try FileManager.default.contentsOfDirectory(atPath: daemon.state).sorted()
      for file in ["state/jobq.db", "state/jobq.db-wal", "state/jobq.db-journal", "state/new", "alias/jobq.db"] {
        let refused = try await daemon.jobq("backup", "--force", "\(daemon.directory)/\(file)")
        #expect(refused.status == 1 && refused.err.contains("state directory"), "\(file): \(refused)")
      }
      #expect(try await daemon.jobq("backup", "--force", "jobq.db", directory: daemon.state).status == 1)
      for words in [["--force"], []] {
        let refused = try await daemon.start(["backup"] + words + [daemon.directory + "/link"]).wait()
        #expect(refused.status == 1, "\(refused)")
      }
      #expect(access(daemon.directory + "/elsewhere", F_OK) != 0)
      #expect(try FileManager.default.contentsOfDirectory(atPath: daemon.state).sorted() == before)
      #expect(await daemon.stop().status == 0)
      try await daemon.restart()
      #expect(try await daemon.job(kept)["state"] as? String == "held")
    }
  }

  @Test("kill -9 in the middle of backups leaves no half file under the name, and a daemon that starts")
  func killed() async throws {
    try await TestDaemon.run { daemon in
      let big = String(repeating: "x", count: 100_000)
      let lines = (0..<200).map { _ in #"{"payload":"\#(big)"}"# }.joined(separator: "\n")
      #expect(try await daemon.jobq("enqueue", "--from", "-", input: lines).status == 0)
      for round in 0..<4 {
        let file = daemon.directory + "/b\(round)"
        let child = try daemon.start(["backup", file])
        if round % 2 == 1 {
          // As soon as the copy is being made, or has been.
          let copy = daemon.state + "/jobq.db.copy"
          while access(copy, F_OK) != 0, access(file, F_OK) != 0, kill(child.pid, 0) == 0, !isZombie(child.pid) {}
        }
        try await daemon.crash()
        let finished = await child.wait()
        #expect((finished.status == 0) == (access(file, F_OK) == 0), "\(finished)")
        #expect(access(daemon.state + "/jobq.db.copy", F_OK) != 0)
      }
      #expect(try await daemon.jobq("backup", daemon.directory + "/last").status == 0)
    }
  }

  @Test(
    "only root and the daemon's user may make a backup, and a file that cannot be written is said",
    .enabled(if: getuid() == 0))
  func permissions() async throws {
    try await TestDaemon.run(config: "socket: {mode: \"0666\"}\n") { daemon in
      chmod(daemon.directory, 0o777)
      let child = try Child(
        "/usr/bin/setpriv",
        ["--reuid=65534", "--regid=65534", "--clear-groups", Programs.jobq, "backup", daemon.directory + "/theirs"],
        environment: ["JOBQ_SOCKET": daemon.socket])
      let refused = await child.wait()
      // Where the programs lie may be closed to others; then curl would be, too.
      if refused.err.contains("Permission denied") { return }
      #expect(refused.status == 77 && refused.err.contains("root"), "\(refused)")
      #expect(
        try FileManager.default.contentsOfDirectory(atPath: daemon.directory).allSatisfy { !$0.hasPrefix("theirs") })
      #expect(try await daemon.jobq("backup", "/no/such/directory/b").status == 1)
      #expect(try await daemon.jobq("backup", "/proc/b").status != 0)
      #expect(try await daemon.jobq("backup", "--force", "/dev/null").status == 1)
      #expect(try await daemon.jobq("backup").status == 64)
    }
  }

  /// Every file below a directory, with its bytes.
  private func files(_ directory: String) throws -> [String: Data] {
    var all: [String: Data] = [:]
    for name in try FileManager.default.subpathsOfDirectory(atPath: directory) {
      all[name] = FileManager.default.contents(atPath: directory + "/" + name) ?? Data()
    }
    return all
  }

  private func isZombie(_ pid: pid_t) -> Bool {
    (try? String(contentsOfFile: "/proc/\(pid)/stat", encoding: .utf8))?.contains(") Z ") ?? true
  }
}
