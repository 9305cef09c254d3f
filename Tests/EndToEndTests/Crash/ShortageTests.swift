import Foundation
import Glibc
import Testing

/// A host that has no descriptor left for the daemon: what it cannot look at is not taken for gone.
@Suite("Shortage of descriptors", .serialized)
struct ShortageTests {
  @Test(
    "a tree at which the daemon cannot look holds its job until it can, and is then ended",
    arguments: [LabDaemon.Containment.found, .session])
  func tree(_ containment: LabDaemon.Containment) async throws {
    let place = try LabDaemon(config: "workers: 2\n", containment: containment)
    let connection = LabConnection(place.socket)
    let daemon = try await place.startToStay()
    let (gate, left) = (place.directory + "/gate", place.directory + "/left")
    #expect(mkfifo(gate, 0o600) == 0)
    let id = try place.enqueue(
      ["sh", "-c", "sleep 600 >/dev/null 2>&1 & echo $! > \(left); read word < \(gate); exit 0"], connection)
    // Both ends, so that it does not wait for the job to open its own.
    let opened = open(gate, O_RDWR | O_CLOEXEC)
    defer { close(opened) }
    try await eventually { (try? String(contentsOfFile: left, encoding: .utf8))?.hasSuffix("\n") == true }
    let child = try #require(
      pid_t(try String(contentsOfFile: left, encoding: .utf8).trimmingCharacters(in: .newlines)))

    try await limitDescriptors(of: daemon, to: 0)
    #expect(write(opened, "go\n", 3) == 3)
    // Its first look comes at once, and the next within a tenth of a second.
    try await Task.sleep(for: .milliseconds(500))
    #expect(lives(child))
    #expect(try connection.ask("GET", "/v1/jobs/\(id)").body["state"] as? String == "running")

    try await limitDescriptors(of: daemon, to: 1024)
    let ended = try connection.ask("GET", "/v1/jobs/\(id)/wait?timeout_seconds=60").body
    #expect(ended["state"] as? String == "succeeded")
    #expect(!lives(child))
    #expect(await daemon.end(SIGTERM).status == 0)
    try LabBooks.checkRemains(of: place)
    place.remove()
  }

  /// The soft limit alone; those that are open stay so.
  private func limitDescriptors(of process: Child, to count: Int) async throws {
    let limit = try Child("/usr/bin/prlimit", ["--pid", "\(process.pid)", "--nofile=\(count):"], environment: [:])
    #expect(await limit.wait().status == 0)
  }

  /// A zombie, which waits for init, does not.
  private func lives(_ pid: pid_t) -> Bool {
    guard let status = try? String(contentsOfFile: "/proc/\(pid)/stat", encoding: .utf8) else { return false }
    return !status.contains(") Z ")
  }

  private func eventually(_ isSo: () -> Bool) async throws {
    let deadline = ContinuousClock.now + .seconds(30)
    while !isSo() {
      guard ContinuousClock.now < deadline else { throw TestFault("not within 30 s") }
      try await Task.sleep(for: .milliseconds(10))
    }
  }
}
