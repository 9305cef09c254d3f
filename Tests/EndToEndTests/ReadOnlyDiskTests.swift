import Foundation
import Glibc
import Testing

/// The real daemon on an ext4 whose kernel makes it read-only under it, as it does after an error of the disk
/// (`errors=remount-ro`). `mount -o remount,ro` would be refused while files are open for writing. As root: mounts.
@Suite("A disk that goes read-only", .enabled(if: getuid() == 0))
struct ReadOnlyDiskTests {
  @Test(
    "new work is refused with 507 and exit 75, the running job runs on, the daemon stays and says why; after a repair nothing acknowledged is lost",
    .timeLimit(.minutes(10)))
  func underWork() async throws {
    try await withDisk { daemon, disk in
      let gate = daemon.directory + "/gate"
      let sign = daemon.directory + "/sign"
      for path in [gate, sign] { mkfifo(path, 0o600) }
      let running = try await daemon.enqueue("sh", "-c", "read line < \(gate); echo on > \(sign); exit 7")
      let waiting = try await daemon.enqueue("--after-any", running, "true")
      var held: [String] = []
      for number in 1...20 { held.append(try await daemon.enqueue("--hold", "-l", "n=\(number)", "true")) }
      try await daemon.started(running)
      // All that is in memory is on the disk then: what is written next has to be asked of the file system anew.
      sync()
      try disk.fail()
      #expect(open(daemon.state + "/new", O_WRONLY | O_CREAT, 0o600) == -1 && errno == EROFS)

      for _ in 1...3 {
        let refused = try await daemon.jobq("enqueue", "true")
        #expect(refused.status == 75 && refused.err.contains("ead-only"), "\(refused)")
      }
      #expect(try await daemon.jobq("cancel", held[0]).status == 75)
      #expect(try await disk.curl(daemon, "POST", "/v1/jobs", #"{"command":["true"],"cwd":"/"}"#).hasPrefix("507 "))
      #expect(try await disk.curl(daemon, "GET", "/healthz").hasPrefix("503 "))
      let status = try await daemon.jobq("status")
      #expect(status.status == 0 && status.out.contains("storage is failing"), "\(status)")
      #expect(status.out.contains("ead-only"), "\(status)")

      // The job goes on, and ends. That cannot be recorded, so nobody is told of it.
      let heard = try Child("/usr/bin/timeout", ["30", "cat", sign], environment: ["PATH": "/usr/bin:/bin"])
      try "\n".write(toFile: gate, atomically: false, encoding: .utf8)
      #expect(await heard.wait().out == "on\n")
      #expect(try await daemon.jobq("wait", running, "--timeout", "1s").status == 124)
      #expect(try await daemon.job(running)["state"] as? String == "running")
      for id in held { #expect(try await daemon.job(id)["state"] as? String == "held") }
      #expect(try await daemon.jobq("list").status == 0)
      #expect(kill(daemon.child.pid, 0) == 0)

      // Only a repair makes such a file system writable again, and for that the daemon has to leave it.
      let stopped = await daemon.stop()
      #expect(stopped.status == 0, "\(stopped)")
      try await disk.repair()
      try await daemon.restart()
      for id in held { #expect(try await daemon.job(id)["state"] as? String == "held") }
      #expect(try await daemon.jobq("status").out.contains("storage is") == false)
      // The ending that nobody was told of is not there: the attempt counts as interrupted, and the job runs again.
      let again = try Child("/usr/bin/timeout", ["30", "cat", sign], environment: ["PATH": "/usr/bin:/bin"])
      try "\n".write(toFile: gate, atomically: false, encoding: .utf8)
      #expect(await again.wait().out == "on\n")
      #expect(try await daemon.jobq("wait", running, "--timeout", "600s").status == 7)
      let attempts = try await daemon.job(running)["attempts"] as? [[String: Any]]
      #expect(attempts?.map { $0["outcome"] as? String } == ["interrupted", "failed"])
      #expect(try await daemon.jobq("wait", waiting, "--timeout", "600s").status == 0)
      #expect(try await daemon.jobq("enqueue", "--wait", "true").status == 0)
    }
  }

  // MARK: Tools

  /// A daemon whose state directory is an ext4 on a loop device.
  private func withDisk(_ body: (TestDaemon, inout LoopDisk) async throws -> Void) async throws {
    try await TestDaemon.run(config: "shutdown_grace: 1s") { daemon in
      let first = await daemon.stop()
      #expect(first.status == 0, "\(first)")
      var disk: LoopDisk
      do {
        disk = try await LoopDisk(image: daemon.directory + "/disk", at: daemon.state)
      } catch {
        print("a disk that goes read-only: SKIPPED: \(error)")
        return try await daemon.restart()
      }
      do {
        try await daemon.restart()
        try await body(daemon, &disk)
      } catch {
        await disk.leave(daemon)
        throw error
      }
      await disk.leave(daemon)
    }
  }
}

/// An ext4 on a loop device, which can be made to fail as a disk does.
private struct LoopDisk {
  private var image: String
  private let directory: String

  /// - Throws: why there can be none here.
  init(image: String, at directory: String) async throws {
    self.image = image
    self.directory = directory
    guard access("/dev/loop-control", F_OK) == 0 else {
      throw TestFault("there are no loop devices (/dev/loop-control)")
    }
    guard access("/usr/sbin/mkfs.ext4", X_OK) == 0 else { throw TestFault("mkfs.ext4 is missing (package e2fsprogs)") }
    close(open(image, O_WRONLY | O_CREAT, 0o600))
    guard truncate(image, 64 << 20) == 0 else { throw TestFault("\(image): \(String(cString: strerror(errno)))") }
    try await Self.run("/usr/sbin/mkfs.ext4", "-q", image)
    try await mount()
    do {
      guard access(try trigger(), W_OK) == 0 else {
        throw TestFault("this kernel's ext4 fails not at will (\(try trigger()))")
      }
    } catch {
      try await Self.run("/usr/bin/umount", directory)
      throw error
    }
    chmod(directory, 0o700)
  }

  /// From now on the kernel refuses every write.
  func fail() throws {
    try "an error that a test made\n".write(toFile: trigger(), atomically: false, encoding: .utf8)
  }

  /// Unmounts it, has it checked, and mounts it again: a copy, since the mount namespaces of other tests' daemons may still
  /// have the old one, and with that the kernel its error.
  mutating func repair() async throws {
    try await Self.run("/usr/bin/umount", directory)
    let copy = image + "-repaired"
    try await Self.run("/bin/cp", "--sparse=always", image, copy)
    image = copy
    try await Self.run("/usr/sbin/e2fsck", "-f", "-y", image, allowed: [0, 1])
    try await mount()
  }

  /// The mount goes before the directory is removed; what still has files open there keeps it until it ends.
  func leave(_ daemon: TestDaemon) async {
    daemon.child.send(SIGKILL)
    try? await Self.run("/usr/bin/umount", "--lazy", directory)
  }

  /// `STATUS BODY`.
  func curl(_ daemon: TestDaemon, _ method: String, _ path: String, _ body: String? = nil) async throws -> String {
    let data = body.map { ["-H", "content-type: application/json", "-d", $0] } ?? []
    let done = await
      (try Child(
        "/usr/bin/curl",
        ["-s", "-m", "20", "--unix-socket", daemon.socket, "-X", method, "-o", "/dev/null", "-w", "%{http_code} "]
          + data + ["http://jobq\(path)"],
        environment: ["PATH": "/usr/bin:/bin"])).wait()
    return done.out
  }

  private func mount() async throws {
    try await Self.run("/usr/bin/mount", "-o", "loop,errors=remount-ro", image, directory)
  }

  /// The file by which this file system's kernel code is told of an error.
  private func trigger() throws -> String {
    let real = realpath(directory, nil)
    defer { free(real) }
    let path = real.map { String(cString: $0) } ?? directory
    let mounts = try String(contentsOfFile: "/proc/self/mounts", encoding: .utf8).split(separator: "\n")
    guard let line = mounts.last(where: { $0.split(separator: " ")[1] == path }) else {
      throw TestFault("\(directory) is not mounted")
    }
    return "/sys/fs/ext4/\((String(line.split(separator: " ")[0]) as NSString).lastPathComponent)/trigger_fs_error"
  }

  private static func run(_ program: String, _ arguments: String..., allowed: [Int32] = [0]) async throws {
    let done = await (try Child(program, arguments, environment: ["PATH": "/usr/sbin:/usr/bin:/sbin:/bin"])).wait()
    guard allowed.contains(done.status) else {
      throw TestFault("\(program) \(arguments.joined(separator: " ")): exit \(done.status), \(done.err)\(done.out)")
    }
  }
}
