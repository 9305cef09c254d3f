import Foundation
import Glibc
import Testing

/// What the real daemon does with a database that it must not use: it exits with the right code, says the full path and what to
/// do, and leaves every byte as it was.
@Suite("Damage")
struct DamageTests {
  struct Case: Sendable, CustomTestStringConvertible {
    var testDescription: String
    var exitCode: Int32
    /// In the message, beside the path.
    var word: String
    /// Of a daemon that was killed, so that there is a log; else of one that stopped.
    var wasKilled = false
    var damage: @Sendable (_ state: String) throws -> Void
  }

  static let cases = [
    Case(testDescription: "an overwritten header", exitCode: 65, word: "no SQLite database") { state in
      try write(Array(repeating: 0x5A, count: 100), at: 0, in: state + "/jobq.db")
    },
    Case(testDescription: "a page of rubbish", exitCode: 65, word: "damaged") { state in
      try write(Array(repeating: 0x5A, count: 4096), at: 4 * 4096, in: state + "/jobq.db")
    },
    Case(testDescription: "a page of rubbish under a log", exitCode: 65, word: "damaged", wasKilled: true) { state in
      // The last page: the log of so few jobs does not have it.
      let size = try Data(contentsOf: URL(fileURLWithPath: state + "/jobq.db")).count
      let log = try Data(contentsOf: URL(fileURLWithPath: state + "/jobq.db-wal"))
      let logged = Set(stride(from: 32, to: log.count - 24, by: 4120).map { Int(log[$0 + 2]) << 8 | Int(log[$0 + 3]) })
      let page = try #require((2...size / 4096).last { !logged.contains($0) })
      try write(Array(repeating: 0x5A, count: 4096), at: (page - 1) * 4096, in: state + "/jobq.db")
    },
    Case(testDescription: "a cut file", exitCode: 65, word: "cut off") { state in
      #expect(truncate(state + "/jobq.db", 5 * 4096) == 0)
    },
    Case(testDescription: "a cut file under a log", exitCode: 65, word: "damaged", wasKilled: true) { state in
      #expect(truncate(state + "/jobq.db", 5 * 4096) == 0)
    },
    Case(testDescription: "a file that ends in its header", exitCode: 65, word: "damaged") { state in
      #expect(truncate(state + "/jobq.db", 60) == 0)
    },
    Case(testDescription: "an empty file", exitCode: 65, word: "empty") { state in
      #expect(truncate(state + "/jobq.db", 0) == 0)
    },
    Case(testDescription: "a log without its header", exitCode: 65, word: "-wal", wasKilled: true) { state in
      try write(Array(repeating: 0x5A, count: 32), at: 0, in: state + "/jobq.db-wal")
    },
    Case(testDescription: "a log that is broken in its middle", exitCode: 65, word: "-wal", wasKilled: true) { state in
      try write([0x5A, 0x5A, 0x5A], at: 32 + 24 + 4120 + 2000, in: state + "/jobq.db-wal")
    },
    Case(testDescription: "a log without its database", exitCode: 65, word: "missing", wasKilled: true) { state in
      unlink(state + "/jobq.db")
    },
    Case(testDescription: "another program's database", exitCode: 65, word: "another program") { state in
      // application_id, at byte 68.
      try write([0x47, 0x50, 0x4B, 0x47], at: 68, in: state + "/jobq.db")
    },
    Case(testDescription: "a newer schema", exitCode: 65, word: "newer") { state in
      // user_version, at byte 60.
      try write([0, 0, 0, 99], at: 60, in: state + "/jobq.db")
    },
    Case(testDescription: "a file that is no database", exitCode: 65, word: "no SQLite database") { state in
      try Data("my precious notes\n".utf8).write(to: URL(fileURLWithPath: state + "/jobq.db"))
    },
    Case(testDescription: "a directory in its place", exitCode: 65, word: "no regular file") { state in
      unlink(state + "/jobq.db")
      try FileManager.default.createDirectory(atPath: state + "/jobq.db", withIntermediateDirectories: false)
    },
    Case(testDescription: "a symbolic link in its place", exitCode: 65, word: "no regular file") { state in
      rename(state + "/jobq.db", state + "/elsewhere.db")
      symlink(state + "/elsewhere.db", state + "/jobq.db")
    },
  ]

  @Test("a state directory that somebody removes under the daemon takes no more work, and status says why")
  func removedState() async throws {
    try await TestDaemon.run { daemon in
      let kept = try await daemon.enqueue("--hold", "true")
      #expect(rename(daemon.state, daemon.directory + "/aside") == 0)
      let refused = try await daemon.jobq("enqueue", "true")
      #expect(refused.status == 75 && refused.err.contains("removed or replaced"), "\(refused)")
      #expect(try await daemon.jobq("status").out.contains("removed or replaced"))
      // Put back, it is taken again, and what was acknowledged is there.
      #expect(rename(daemon.directory + "/aside", daemon.state) == 0)
      while try await daemon.jobq("status").out.contains("storage is") { try await Task.sleep(for: .milliseconds(50)) }
      #expect(try await daemon.jobq("enqueue", "--wait", "true").status == 0)
      #expect(try await daemon.job(kept)["state"] as? String == "held")
    }
  }

  @Test(
    "is refused untouched, with the path, what is wrong and the right exit code; the doctor says the same",
    arguments: cases)
  func refused(damage: Case) async throws {
    try await withState(killed: damage.wasKilled) { directory in
      try damage.damage(directory + "/state")
      let before = try contents(directory + "/state")
      for words in [[], ["--doctor"]] {
        let done = try await jobqd(directory, words)
        #expect(done.status == (words.isEmpty ? damage.exitCode : 1), "\(done)")
        let said = words.isEmpty ? done.err : done.out
        #expect(said.contains(directory + "/state/jobq.db") && said.contains(damage.word), "\(done)")
        #expect(try contents(directory + "/state") == before, "\(words)")
      }
    }
  }

  @Test(
    "a directory that others may write to, that is another user's or that may not be entered: 77, untouched",
    .enabled(if: getuid() == 0))
  func permissions() async throws {
    try await withState(killed: false) { directory in
      let state = directory + "/state"
      chmod(state, 0o777)
      let open = try await jobqd(directory, [])
      #expect(open.status == 77 && open.err.contains("chmod 700 \(state)"), "\(open)")
      chmod(state, 0o700)
      chmod(directory, 0o755)
      // As another user: the directory is root's, then the database is.
      let program = directory + "/jobqd"
      #expect(link(Programs.jobqd, program) == 0 || symlink(Programs.jobqd, program) == 0)
      let other = try await jobqd(directory, [], user: 65534)
      if other.status == 127 || other.status == 126 { return }
      #expect(other.status == 77 && other.err.contains(state), "\(other)")
      chown(state, 65534, 65534)
      let before = try contents(state)
      let database = try await jobqd(directory, [], user: 65534)
      #expect(database.status == 77 && database.err.contains(state), "\(database)")
      #expect(try contents(state) == before)
    }
  }

  @Test("a state directory on a network file system is refused, and nothing is made there", .enabled(if: getuid() == 0))
  func network() async throws {
    let directory = NSTemporaryDirectory() + "jobq-net-" + UUID().uuidString.prefix(8)
    try FileManager.default.createDirectory(atPath: directory + "/state", withIntermediateDirectories: true)
    try Data().write(to: URL(fileURLWithPath: directory + "/jobq.yaml"))
    defer { try? FileManager.default.removeItem(atPath: directory) }
    guard let mount = try await NetworkFileSystem(at: directory + "/state") else {
      return print("a network file system: SKIPPED: no FUSE can be mounted here")
    }
    let refused = try await jobqd(directory, [])
    let doctor = try await jobqd(directory, ["--doctor"])
    #expect(await mount.leave() == "", "nothing was made or changed")
    #expect(refused.status == 65 && refused.err.contains(directory + "/state"), "\(refused)")
    #expect(
      refused.err.contains("network file system (fuse.sshfs)") && refused.err.contains("--state-dir"), "\(refused)")
    #expect(doctor.status == 1 && doctor.out.contains("bad   file system"), "\(doctor)")
  }

  @Test(
    "damage that is met at work refuses new work and lets running jobs run on; status and the doctor say so",
    .timeLimit(.minutes(10)))
  func atWork() async throws {
    try await TestDaemon.run { daemon in
      // Pages that nobody reads by chance: large payloads.
      let lines = (0..<40).map { _ in #"{"payload":"\#(String(repeating: "x", count: 200_000))"}"# }
      #expect(try await daemon.jobq("enqueue", "--from", "-", input: lines.joined(separator: "\n")).status == 0)
      #expect(await daemon.stop().status == 0)
      try await daemon.restart()
      let gate = daemon.directory + "/gate"
      mkfifo(gate, 0o600)
      let running = try await daemon.enqueue("sh", "-c", "read line < \(gate); echo went on")
      try await daemon.started(running)
      let size = try Data(contentsOf: URL(fileURLWithPath: daemon.state + "/jobq.db")).count
      for page in size / 4096 / 2..<size / 4096 / 2 + 20 {
        try Self.write(Array(repeating: 0x5A, count: 4096), at: page * 4096, in: daemon.state + "/jobq.db")
      }
      let doctor = try await daemon.jobq("doctor")
      #expect(doctor.status == 1 && doctor.out.contains("bad   database"), "\(doctor)")
      let refused = try await daemon.jobq("enqueue", "true")
      #expect(refused.status == 75 && refused.err.contains(daemon.state + "/jobq.db"), "\(refused)")
      let status = try await daemon.jobq("status")
      #expect(status.out.contains("storage is failing") && status.out.contains("damaged"), "\(status)")
      // The job still runs, and its output is taken.
      try "\n".write(toFile: gate, atomically: false, encoding: .utf8)
      var log = ""
      for _ in 0..<200 where !log.contains("went on") { log = try await daemon.jobq("logs", running).out }
      #expect(log == "went on\n")
      #expect(await daemon.stop().status == 0)
      let again = try await jobqd(daemon.directory, [])
      #expect(again.status == 65 && again.err.contains("damaged"), "\(again)")
    }
  }

  // MARK: Tools

  private func jobqd(_ directory: String, _ words: [String], user: uid_t? = nil) async throws -> Finished {
    let all =
      ["--state-dir", directory + "/state", "--socket", directory + "/s", "--config", directory + "/jobq.yaml"] + words
    let environment = ["PATH": "/usr/bin:/bin", "HOME": directory]
    // Should it start where it must not, it ends: 124 then.
    guard let user else {
      return await (try Child("/usr/bin/timeout", ["30", Programs.jobqd] + all, environment: environment)).wait()
    }
    return await
      (try Child(
        "/usr/bin/timeout",
        ["30", "/usr/bin/setpriv", "--reuid=\(user)", "--regid=\(user)", "--clear-groups", directory + "/jobqd"] + all,
        environment: environment)).wait()
  }

  /// The state of a daemon that has done some work and then stopped, or was killed.
  private func withState(killed: Bool, _ body: (_ directory: String) async throws -> Void) async throws {
    try await TestDaemon.run { daemon in
      for _ in 0..<5 { _ = try await daemon.enqueue("--hold", "true") }
      if killed {
        daemon.child.send(SIGKILL)
        _ = await daemon.child.wait()
      } else {
        #expect(await daemon.stop().status == 0)
      }
      // In place: of a copy it is not known whether it is torn like after a power cut.
      let whole = daemon.directory + "/whole"
      try FileManager.default.copyItem(atPath: daemon.state, toPath: whole)
      try await body(daemon.directory)
      try FileManager.default.removeItem(atPath: daemon.state)
      try FileManager.default.moveItem(atPath: whole, toPath: daemon.state)
      try await daemon.restart()
    }
  }

  /// Every file with its bytes; the lock's are the number of who tried last, and nobody's data.
  private func contents(_ directory: String) throws -> [String: Data] {
    var all: [String: Data] = [:]
    for name in try FileManager.default.subpathsOfDirectory(atPath: directory) where name != "jobq.lock" {
      all[name] = FileManager.default.contents(atPath: directory + "/" + name) ?? Data()
    }
    return all
  }

  private static func write(_ bytes: [UInt8], at offset: Int, in path: String) throws {
    let file = open(path, O_WRONLY | O_CLOEXEC)
    defer { close(file) }
    guard pwrite(file, bytes, bytes.count, off_t(offset)) == bytes.count else { throw TestFault("write \(path)") }
  }
}
