import Foundation
import Glibc
import Testing

@Suite("Deaths and restarts of the daemon")
struct RestartTests {
  @Test("after kill -9 the interrupted job runs again as attempt two, and no job is lost")
  func kill() async throws {
    try await TestDaemon.run(config: "workers: 2\n") { daemon in
      let file = daemon.directory + "/runs"
      let running = try await daemon.enqueue(
        "--", "sh", "-c", "echo $JOBQ_ATTEMPT >> \(file); test $JOBQ_ATTEMPT -gt 1 || exec sleep 600")
      var ids = [running]
      for _ in 0..<20 { ids.append(try await daemon.enqueue("true")) }
      try await daemon.started(running)
      try await daemon.crash()
      for id in ids { #expect(try await daemon.jobq("wait", id, "--timeout", "600s").status == 0) }
      let job = try await daemon.job(running)
      let attempts = try #require(job["attempts"] as? [[String: Any]])
      #expect(attempts.map { $0["outcome"] as? String } == ["interrupted", "succeeded"])
      #expect(job["max_attempts"] as? Int == 2)
      #expect(try String(contentsOfFile: file, encoding: .utf8) == "1\n2\n")
    }
  }

  @Test("a wait ends at its timeout also while the daemon is gone")
  func waitWithoutDaemon() async throws {
    try await TestDaemon.run { daemon in
      let id = try await daemon.enqueue("--hold", "true")
      let waiting = try daemon.start(["wait", id, "--timeout", "1s"])
      daemon.child.send(SIGKILL)
      _ = await daemon.child.wait()
      let done = await waiting.wait()
      #expect(done.status == 124 && done.err.contains("the wait's timeout"), "\(done)")
      try await daemon.restart()
    }
  }

  @Test("on-interrupt fail and hold are obeyed after a kill -9")
  func onInterrupt() async throws {
    try await TestDaemon.run(config: "workers: 4\n") { daemon in
      let fails = try await daemon.enqueue("--on-interrupt", "fail", "sleep", "600")
      let holds = try await daemon.enqueue("--on-interrupt", "hold", "sleep", "600")
      try await daemon.started(fails)
      try await daemon.started(holds)
      try await daemon.crash()
      #expect(try await daemon.job(fails)["state"] as? String == "failed")
      #expect(try await daemon.job(holds)["state"] as? String == "held")
      #expect(try await daemon.jobq("wait", fails).status == 125)
    }
  }

  @Test("three deaths in a row fail the job under which the daemon died, and say why")
  func threeDeaths() async throws {
    try await TestDaemon.run(config: "workers: 2\n") { daemon in
      let id = try await daemon.enqueue("sleep", "600")
      for attempt in 1...3 {
        try await daemon.started(id, attempt: attempt)
        try await daemon.crash()
      }
      let job = try await daemon.job(id)
      #expect(job["state"] as? String == "failed")
      #expect(
        (job["error"] as? String)?.contains("three") == true || (job["error"] as? String)?.contains("3 times") == true)
    }
  }

  @Test("a signal that comes the moment the daemon is ready, or before, neither kills it nor is lost")
  func earlySignals() async throws {
    try await TestDaemon.run { daemon in
      for round in 1...10 {
        // From the very first moment it is told so: TERM ends it in order, HUP leads to a second READY.
        if round % 2 == 0 {
          try await daemon.reload()
          #expect(try await daemon.jobq("status").status == 0)
        }
        let stopped = await daemon.stop()
        #expect(stopped.status == 0 && stopped.err.contains("stopped"), "round \(round): \(stopped)")
        try await daemon.restart()
      }
    }
  }

  @Test("a stop is bounded, exits 0, interrupts what runs, and the next start goes on")
  func stop() async throws {
    try await TestDaemon.run(config: "shutdown_grace: 300ms\n") { daemon in
      let stubborn = try await daemon.enqueue(
        "--kill-grace", "200ms", "--", "sh", "-c", "trap '' TERM; sleep 600; sleep 600")
      try await daemon.started(stubborn)
      let finished = await daemon.stop()
      #expect(finished.status == 0, "\(finished.err)")
      try await daemon.restart()
      try await daemon.started(stubborn, attempt: 2)
      try await daemon.jobq("cancel", stubborn)
      let attempts = try #require(try await daemon.job(stubborn)["attempts"] as? [[String: Any]])
      #expect(attempts.first?["outcome"] as? String == "interrupted")
    }
  }

  @Test("wait goes on over a restart")
  func waitOverRestart() async throws {
    try await TestDaemon.run { daemon in
      let id = try await daemon.enqueue("--", "sh", "-c", "test $JOBQ_ATTEMPT -gt 1 || exec sleep 600; exit 6")
      try await daemon.started(id)
      let waiting = try daemon.start(["wait", id])
      try await daemon.crash()
      #expect(await waiting.wait().status == 6)
    }
  }

  @Test("a second daemon on the same state directory exits 75 and harms nothing")
  func secondDaemon() async throws {
    try await TestDaemon.run { daemon in
      let second = try Child(
        Programs.jobqd, ["--state-dir", daemon.state, "--socket", daemon.directory + "/other.sock"],
        environment: ["PATH": "/usr/bin:/bin", "HOME": daemon.directory])
      let finished = await second.wait()
      #expect(finished.status == 75 && finished.err.contains(daemon.state))
      #expect(try await daemon.jobq("enqueue", "true").status == 0)
    }
  }

  @Test("state, database, logs and socket are private from birth")
  func modes() async throws {
    try await TestDaemon.run { daemon in
      let id = try await daemon.enqueue("echo", "hi")
      try await daemon.jobq("wait", id)
      func mode(_ path: String) -> mode_t {
        var status = stat()
        return lstat(path, &status) == 0 ? status.st_mode & 0o777 : 0
      }
      #expect(mode(daemon.state) == 0o700)
      #expect(mode(daemon.socket) == 0o660)
      for file in FileManager.default.enumerator(atPath: daemon.state)! {
        let path = daemon.state + "/\(file)"
        var isDirectory: ObjCBool = false
        _ = FileManager.default.fileExists(atPath: path, isDirectory: &isDirectory)
        #expect(mode(path) == (isDirectory.boolValue ? 0o700 : 0o600), "\(path)")
      }
    }
  }
}

extension TestDaemon {
  /// Waits, by the event stream's own order of things, until an attempt of the job is under way.
  func started(_ id: String, attempt: Int = 1) async throws {
    // A job that is running with this attempt has been claimed; its process follows at once. `events` would do
    // without asking again, but
    // the command line has no verb for it.
    let deadline = Date().addingTimeInterval(20)
    while Date() < deadline {
      let job = try await self.job(id)
      if job["state"] as? String == "running", job["attempt"] as? Int == attempt { return }
    }
    throw TestFault("job \(id) did not start")
  }
}
