import CLinux
import CrashPoints
import Dispatch
import Foundation
import Glibc
import SeededRandom

/// A directory in which daemons are started to be killed, one after the other, on the same state.
struct LabDaemon: Sendable {
  /// How the daemon is to keep trees together.
  enum Containment: String, Sendable {
    /// As it finds it: in cgroups, where this machine lets it.
    case found
    /// In a mount namespace without the cgroup v2 hierarchy: by session, mark and adoption.
    case session
  }

  let directory: String
  let containment: Containment

  var socket: String { directory + "/jobq.sock" }
  var database: String { directory + "/state/jobq.db" }

  init(config: String, containment: Containment = .found) throws {
    self.containment = containment
    directory = NSTemporaryDirectory() + "jobq-lab-" + UUID().uuidString.prefix(8)
    try FileManager.default.createDirectory(atPath: directory + "/locks", withIntermediateDirectories: true)
    try Data(config.utf8).write(to: URL(fileURLWithPath: directory + "/jobq.yaml"))
  }

  func remove() { try? FileManager.default.removeItem(atPath: directory) }

  /// Starts a daemon, and returns once it is ready, or has died before.
  /// - Parameters:
  ///   - moment: where it shall die, `JOBQ_CRASH_AT`.
  ///   - wrapper: words that end with an exec of what follows them.
  func start(dyingAt moment: String? = nil, within wrapper: [String] = []) async throws -> (
    daemon: Child, isReady: Bool
  ) {
    let (daemon, notify) = try launch(dyingAt: moment, within: wrapper)
    return (daemon, await notify.waitForReady(daemon.pid))
  }

  /// The same without waiting.
  func launch(dyingAt moment: String? = nil, within wrapper: [String] = []) throws -> (
    daemon: Child, notify: NotifySocket
  ) {
    let notify = try NotifySocket(directory + "/notify-" + UUID().uuidString.prefix(8))
    var environment = ["PATH": "/usr/local/bin:/usr/bin:/bin", "HOME": directory, "NOTIFY_SOCKET": notify.path]
    environment["JOBQ_CRASH_AT"] = moment
    var words = [
      Programs.jobqd, "--config", directory + "/jobq.yaml", "--state-dir", directory + "/state", "--socket", socket,
    ]
    if containment == .session {
      // Both execs keep the process: the child is the daemon. A hybrid machine has its hierarchy one level below.
      let hide = "umount -l /sys/fs/cgroup/unified 2>/dev/null || umount -l /sys/fs/cgroup; exec \"$0\" \"$@\""
      words = ["/usr/bin/unshare", "--mount", "/bin/sh", "-c", hide] + words
    }
    words = wrapper + words
    return (try Child(words[0], Array(words.dropFirst()), environment: environment), notify)
  }

  /// As `start`, where nothing is to kill it.
  func startToStay(within wrapper: [String] = []) async throws -> Child {
    let (daemon, isReady) = try await start(within: wrapper)
    guard isReady else { throw TestFault("jobqd did not get ready: \(await daemon.end(SIGKILL).err)") }
    return daemon
  }
}

extension Child {
  /// Whether it ends by itself within this time; then it is there to be waited for.
  func ends(within seconds: Double) async -> Bool {
    await withCheckedContinuation { continuation in
      DispatchQueue.global().async { [pid] in
        let exit = pidfd_open(pid, 0)
        defer { close(exit) }
        var entry = pollfd(fd: exit, events: Int16(POLLIN), revents: 0)
        continuation.resume(returning: poll(&entry, 1, Int32(seconds * 1000)) > 0)
      }
    }
  }

  @discardableResult
  func end(_ signal: Int32) async -> Finished {
    send(signal)
    return await wait()
  }
}

/// What the environment asks of the laboratory. A failure says both, and can be had again with them.
enum LabSettings {
  /// How many deaths a scenario has; `usual` where `CASES` does not say.
  static func cases(_ usual: Int) -> Int {
    ProcessInfo.processInfo.environment["CASES"].flatMap { Int($0) } ?? usual
  }

  /// From `JOBQ_TEST_SEED`, or drawn; said, so that a failure can be had again.
  static func seed(_ name: String) -> SplitMix {
    let seed = testSeed()
    say("\(name): JOBQ_TEST_SEED=\(seed)")
    return SplitMix(seed: seed)
  }

  /// At once: a run that is cut short must have said its seed.
  static func say(_ line: String) { FileHandle.standardError.write(Data((line + "\n").utf8)) }
}
