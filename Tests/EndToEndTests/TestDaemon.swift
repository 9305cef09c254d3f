import CLinux
import Dispatch
import Foundation
import Glibc

/// A real daemon in a directory of its own. Ready and stopped are told by its own notifications and its exit, not
/// by looking again.
final class TestDaemon: @unchecked Sendable {  // `child` is set by `start`, which a test calls from one task at a time.
  let directory: String
  private(set) var child: Child
  private var notify: NotifySocket
  private let extra: [String: String]
  private let arguments: [String]

  var socket: String { directory + "/jobq.sock" }
  var state: String { directory + "/state" }

  /// Starts a daemon, hands it to `body`, and ends it whatever `body` does.
  static func run(
    config: String = "", environment: [String: String] = [:], arguments: [String] = [],
    _ body: (TestDaemon) async throws -> Void
  ) async throws {
    let directory = NSTemporaryDirectory() + "jobq-e2e-" + UUID().uuidString.prefix(8)
    try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: true)
    try Data(config.utf8).write(to: URL(fileURLWithPath: directory + "/jobq.yaml"))
    let daemon = try await TestDaemon(directory: directory, extra: environment, arguments: arguments)
    do {
      try await body(daemon)
    } catch {
      await daemon.end()
      throw error
    }
    await daemon.end()
    try? FileManager.default.removeItem(atPath: directory)
  }

  private init(directory: String, extra: [String: String], arguments: [String]) async throws {
    self.directory = directory
    self.extra = extra
    self.arguments = arguments
    (child, notify) = try await Self.launch(directory, extra, arguments)
  }

  private static func launch(_ directory: String, _ extra: [String: String], _ arguments: [String]) async throws
    -> (Child, NotifySocket)
  {
    let notify = try NotifySocket(directory + "/notify-" + UUID().uuidString.prefix(8))
    var environment = ["PATH": "/usr/local/bin:/usr/bin:/bin", "HOME": directory, "NOTIFY_SOCKET": notify.path]
    environment.merge(extra) { $1 }
    let child = try Child(
      Programs.jobqd,
      ["--config", directory + "/jobq.yaml", "--state-dir", directory + "/state", "--socket", directory + "/jobq.sock"]
        + arguments,
      environment: environment)
    guard await notify.waitForReady(child.pid) else {
      child.send(SIGKILL)
      let finished = await child.wait()
      throw TestFault("jobqd did not get ready: \(finished.err)")
    }
    return (child, notify)
  }

  /// Runs jobq against this daemon.
  @discardableResult
  func jobq(_ arguments: String..., directory: String? = nil, input: String? = nil, environment: [String: String] = [:])
    async throws
    -> Finished
  {
    try await start(arguments, directory: directory, input: input, environment: environment).wait()
  }

  /// The same without waiting for its end.
  func start(_ arguments: [String], directory: String? = nil, input: String? = nil, environment: [String: String] = [:])
    throws -> Child
  {
    var all = ["PATH": "/usr/local/bin:/usr/bin:/bin", "HOME": "/root", "JOBQ_SOCKET": socket]
    all.merge(environment) { $1 }
    return try Child(Programs.jobq, arguments, environment: all, directory: directory, input: input)
  }

  /// Enqueues and gives the number.
  func enqueue(_ arguments: String..., directory: String? = nil, input: String? = nil) async throws -> String {
    let done = try await start(["enqueue"] + arguments, directory: directory, input: input).wait()
    guard done.status == 0, !done.line.isEmpty, done.line.allSatisfy(\.isNumber) else {
      throw TestFault("enqueue \(arguments): \(done)")
    }
    return done.line
  }

  /// One job as `status --json` shows it.
  func job(_ id: String) async throws -> [String: Any] {
    let done = try await jobq("status", id, "--json")
    guard let job = try JSONSerialization.jsonObject(with: Data(done.out.utf8)) as? [String: Any] else {
      throw TestFault("status \(id): \(done)")
    }
    return job
  }

  /// kill -9, and a new daemon on the same directory.
  func crash() async throws {
    child.send(SIGKILL)
    _ = await child.wait()
    (child, notify) = try await Self.launch(directory, extra, arguments)
  }

  /// SIGHUP, until the daemon says that it is ready again, with the new configuration or the old one.
  func reload() async throws {
    child.send(SIGHUP)
    guard await notify.waitForReady(child.pid) else { throw TestFault("jobqd did not say that it reloaded") }
  }

  /// SIGTERM and the daemon's exit code.
  func stop() async -> Finished {
    child.send(SIGTERM)
    return await child.wait()
  }

  func restart() async throws { (child, notify) = try await Self.launch(directory, extra, arguments) }

  private func end() async {
    // A job that a test left behind is no reason to wait: cut the stop's grace short with a second signal.
    child.send(SIGTERM)
    child.send(SIGTERM)
    _ = await child.wait()
  }
}

/// The receiving end of sd_notify(3).
private final class NotifySocket: Sendable {
  let path: String
  private let descriptor: Int32

  init(_ path: String) throws {
    self.path = path
    descriptor = socket(AF_UNIX, Int32(SOCK_DGRAM.rawValue), 0)
    var address = sockaddr_un()
    address.sun_family = sa_family_t(AF_UNIX)
    guard path.utf8.count < MemoryLayout.size(ofValue: address.sun_path) else { throw TestFault("\(path) is too long") }
    withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: path.utf8) }
    let bound = withUnsafePointer(to: &address) {
      $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        bind(descriptor, $0, socklen_t(MemoryLayout<sockaddr_un>.size))
      }
    }
    guard bound == 0 else { throw TestFault("bind \(path): \(String(cString: strerror(errno)))") }
    var limit = timeval(tv_sec: 30, tv_usec: 0)
    setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &limit, socklen_t(MemoryLayout<timeval>.size))
  }

  deinit {
    close(descriptor)
    unlink(path)
  }

  /// False where the daemon exits first, or says nothing for 30 s.
  func waitForReady(_ pid: pid_t) async -> Bool {
    await withCheckedContinuation { continuation in
      DispatchQueue.global().async { [self] in
        let exit = pidfd_open(pid, 0)
        defer { close(exit) }
        var buffer = [UInt8](repeating: 0, count: 4096)
        while true {
          var fds = [
            pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0),
            pollfd(fd: exit, events: Int16(POLLIN), revents: 0),
          ]
          guard poll(&fds, 2, 30_000) > 0 else { return continuation.resume(returning: false) }
          guard fds[0].revents != 0 else { return continuation.resume(returning: false) }
          let count = recv(descriptor, &buffer, buffer.count, 0)
          guard count > 0 else { return continuation.resume(returning: false) }
          if String(decoding: buffer[..<count], as: UTF8.self).split(separator: "\n").contains("READY=1") {
            return continuation.resume(returning: true)
          }
        }
      }
    }
  }
}
