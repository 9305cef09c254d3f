import Foundation
import Glibc
import Testing

/// The real daemon on a small file system of its own, which fills up, or is read-only at its start. As root: mounts.
@Suite("A full disk", .enabled(if: getuid() == 0))
struct FullDiskTests {
  @Test(
    "new work is refused with 507 and exit 75, running jobs end, their endings are kept and recorded once there is room, and nothing acknowledged is lost",
    .timeLimit(.minutes(10)))
  func full() async throws {
    try await withSmallDisk(size: "3m") { daemon in
      let gate = daemon.directory + "/gate"
      mkfifo(gate, 0o600)
      let running = try await daemon.enqueue("sh", "-c", "read line < \(gate); exit 7")
      let waiting = try await daemon.enqueue("--after", running, "true")
      try await daemon.started(running)
      // The disk fills up from the side, to the last byte.
      let ballast = daemon.state + "/ballast"
      fill(ballast)
      var acknowledged: [String] = []
      var refused: Finished?
      for _ in 0..<500 where refused == nil {
        let done = try await daemon.jobq(
          "enqueue", "--hold", "-l", "n=\(acknowledged.count)", "true", String(repeating: "x", count: 8000))
        if done.status == 0 { acknowledged.append(done.line) } else { refused = done }
        fill(ballast)
      }
      #expect(refused?.status == 75 && refused?.err.contains("full") == true, "\(refused as Any)")
      #expect(refused?.err.contains("Free some space") == true)
      let http = try await curl(daemon, "POST", "/v1/jobs", #"{"command":["true"],"cwd":"/"}"#)
      #expect(http.hasPrefix("507 "), "\(http)")
      // The job ends meanwhile: it is not killed for the disk, and its ending waits.
      try "\n".write(toFile: gate, atomically: false, encoding: .utf8)
      let status = try await daemon.jobq("status")
      #expect(status.status == 0 && status.out.contains("storage is failing"), "\(status)")
      #expect(try await curl(daemon, "GET", "/healthz", nil).hasPrefix("503 "))
      #expect(kill(daemon.child.pid, 0) == 0)

      unlink(ballast)
      #expect(try await daemon.jobq("wait", running, "--timeout", "600s").status == 7)
      let job = try await daemon.job(running)
      #expect(job["outcome"] as? String == "failed" && job["exit_code"] as? Int == 7)
      #expect((job["attempts"] as? [Any])?.count == 1)
      #expect(try await daemon.job(waiting)["state"] as? String == "cancelled", "its dependency did not succeed")
      #expect(try await daemon.jobq("enqueue", "true").status == 0, "recovery needs nobody")
      #expect(try await daemon.jobq("status").out.contains("storage is") == false)
      for id in acknowledged { #expect(try await daemon.job(id)["state"] as? String == "held") }
      try await daemon.crash()
      for id in acknowledged { #expect(try await daemon.job(id)["state"] as? String == "held") }
    }
  }

  @Test(
    "a daemon that starts on a full or read-only disk exits 74 or 77, says why, and loses nothing",
    .timeLimit(.minutes(10)))
  func start() async throws {
    try await withSmallDisk(size: "3m") { daemon in
      let kept = try await daemon.enqueue("--hold", "true")
      #expect(await daemon.stop().status == 0)
      #expect(await mount("-o", "remount,ro", daemon.state) == 0)
      let closed = try await jobqd(daemon)
      #expect(closed.status == 77 && closed.err.contains(daemon.state) && closed.err.contains("ead-only"), "\(closed)")
      let doctor = try await jobqd(daemon, "--doctor")
      #expect(doctor.status == 1 && doctor.out.contains("read-only"), "\(doctor)")
      #expect(await mount("-o", "remount,rw", daemon.state) == 0)
      let ballast = daemon.state + "/ballast"
      fill(ballast)
      let full = try await jobqd(daemon)
      #expect(full.status == 74 && full.err.contains("free some space"), "\(full)")
      unlink(ballast)
      try await daemon.restart()
      #expect(try await daemon.job(kept)["state"] as? String == "held")
    }
  }

  @Test(
    "on a full disk it goes on in the room that its log has, and starts again, after kill -9 and after a stop",
    .timeLimit(.minutes(10)))
  func logRoom() async throws {
    try await withSmallDisk(size: "320m") { daemon in
      let ballast = daemon.state + "/ballast"
      fill(ballast)
      var acknowledged: [String] = []
      for number in 0..<40 {
        let done = try await daemon.jobq(
          "enqueue", "--hold", "-l", "n=\(number)", "true", String(repeating: "x", count: 8000))
        #expect(done.status == 0, "\(done)")
        acknowledged.append(done.line)
        fill(ballast)
      }
      try await daemon.crash()
      for id in acknowledged { #expect(try await daemon.job(id)["state"] as? String == "held") }
      #expect(await daemon.stop().status == 0)
      try await daemon.restart()
      for id in acknowledged { #expect(try await daemon.job(id)["state"] as? String == "held") }
      #expect(try await daemon.jobq("enqueue", "--wait", "true").status == 0)
      unlink(ballast)
      #expect(await daemon.stop().status == 0)
      try await daemon.restart()
      for id in acknowledged { #expect(try await daemon.job(id)["state"] as? String == "held") }
    }
  }

  @Test("a backup for which there is no room is refused, and jobs go on")
  func backup() async throws {
    try await withSmallDisk(size: "16m") { daemon in
      let refused = try await daemon.jobq("backup", daemon.directory + "/b")
      #expect(refused.status == 75 && refused.err.contains("free some space"), "\(refused)")
      #expect(try await daemon.jobq("enqueue", "true").status == 0)
      #expect(try await daemon.jobq("status").out.contains("storage is") == false)
    }
  }

  // MARK: Tools

  /// A daemon whose state directory is a tmpfs of this size.
  private func withSmallDisk(size: String, _ body: (TestDaemon) async throws -> Void) async throws {
    try await TestDaemon.run { daemon in
      #expect(await daemon.stop().status == 0)
      let code = await mount("-t", "tmpfs", "-o", "size=\(size),mode=0700", "jobq-test", daemon.state)
      guard code == 0 else {
        print("a full disk: SKIPPED: no tmpfs can be mounted here")
        return try await daemon.restart()
      }
      do {
        try await daemon.restart()
        try await body(daemon)
      } catch {
        await leave(daemon)
        throw error
      }
      await leave(daemon)
    }
  }

  /// The mount goes before the directory is removed; what still has files open there keeps it until it ends.
  private func leave(_ daemon: TestDaemon) async {
    daemon.child.send(SIGKILL)
    _ = await (try? Child("/usr/bin/umount", ["--lazy", daemon.state], environment: [:]))?.wait()
  }

  private func mount(_ arguments: String...) async -> Int32 {
    await (try? Child("/usr/bin/mount", arguments, environment: ["PATH": "/usr/bin:/bin"]))?.wait().status ?? -1
  }

  private func jobqd(_ daemon: TestDaemon, _ words: String...) async throws -> Finished {
    await
      (try Child(
        "/usr/bin/timeout",
        [
          "30", Programs.jobqd, "--config", daemon.directory + "/jobq.yaml", "--state-dir", daemon.state, "--socket",
          daemon.socket,
        ] + words,
        environment: ["PATH": "/usr/bin:/bin", "HOME": daemon.directory])).wait()
  }

  /// Writes until nothing more fits. Closed at exec: a child of another test that held it would keep its blocks.
  private func fill(_ path: String) {
    let file = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0o600)
    defer { close(file) }
    for count in [65_536, 4096] {
      let bytes = [UInt8](repeating: 0x42, count: count)
      while Glibc.write(file, bytes, count) == count {}
    }
  }

  /// `STATUS BODY`.
  private func curl(_ daemon: TestDaemon, _ method: String, _ path: String, _ body: String?) async throws -> String {
    let data = body.map { ["-H", "content-type: application/json", "-d", $0] } ?? []
    let done = await
      (try Child(
        "/usr/bin/curl",
        ["-s", "-m", "20", "--unix-socket", daemon.socket, "-X", method, "-w", "\n%{http_code} ", "http://jobq\(path)"]
          + data,
        environment: ["PATH": "/usr/bin:/bin"])).wait()
    let lines = done.out.split(separator: "\n", omittingEmptySubsequences: false)
    return "\(lines.last ?? "")\(lines.dropLast().joined(separator: "\n"))"
  }
}
