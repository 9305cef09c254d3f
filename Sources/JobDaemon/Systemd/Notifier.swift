import Dispatch
import Glibc
package import JobModel
package import Logging

/// Tells the service manager how the daemon is: sd_notify(3), without libsystemd. Outside of a service every call
/// does nothing.
///
/// Messages go out in the order of the calls, from a thread of the notifier's own: the manager's socket can be
/// full. One that cannot be
/// sent is logged and forgotten; the manager's own timeouts are what it leads to.
package final class Notifier: Sendable {
  /// What can be said.
  package enum Message: Sendable, Hashable {
    /// The start, or a reload, is complete.
    case ready
    /// - Parameter monotonic: CLOCK_MONOTONIC in microseconds, by which the manager tells this reload from one before.
    case reloading(monotonic: UInt64)
    case stopping
    /// For people: one line in `systemctl status`.
    case status(String)
    /// The watchdog's sign of life.
    case watchdog
    /// The start or the stop takes this much longer from now on.
    case extendTimeout(TimeSpan)

    var line: String {
      switch self {
      case .ready: "READY=1"
      case .reloading(let monotonic): "RELOADING=1\nMONOTONIC_USEC=\(monotonic)"
      case .stopping: "STOPPING=1"
      case .status(let text): "STATUS=\(text.printable)"
      case .watchdog: "WATCHDOG=1"
      case .extendTimeout(let span): "EXTEND_TIMEOUT_USEC=\(span.milliseconds * 1000)"
      }
    }
  }

  private let address: Address?
  private let queue = DispatchQueue(label: "jobq.notify")
  private let logger: Logger

  /// - Parameter path: the value of NOTIFY_SOCKET: an absolute path, or `@` and an abstract name; nil where
  ///   there is none.
  package init(path: String?, logger: Logger) {
    self.logger = logger
    address = path.flatMap(Address.init)
    if let path, address == nil {
      logger.warning(
        "NOTIFY_SOCKET is no Unix socket; the service manager is not told", metadata: ["socket": "\(path)"])
    }
  }

  /// Whether a service manager listens.
  package var isHeard: Bool { address != nil }

  /// Sends the messages as one, and returns once that is done.
  package func send(_ messages: Message...) async {
    guard let address else { return }
    await withCheckedContinuation { continuation in
      queue.async { [logger] in
        do throws(Errno) {
          try address.send(messages.map(\.line).joined(separator: "\n"))
        } catch {
          logger.warning("the service manager could not be told", metadata: ["error": "\(error)"])
        }
        continuation.resume()
      }
    }
  }

  /// A reload begins. It ends with `ready`.
  package func sendReloading() async {
    var now = timespec()
    clock_gettime(CLOCK_MONOTONIC, &now)
    await send(.reloading(monotonic: UInt64(now.tv_sec) * 1_000_000 + UInt64(now.tv_nsec) / 1000))
  }
}

/// The address of a datagram socket: unix(7).
private struct Address: Sendable {
  private let bytes: [UInt8]
  private let offset = MemoryLayout<sockaddr_un>.offset(of: \.sun_path) ?? 2

  init?(_ path: String) {
    guard path.utf8.count > 1, path.utf8.count <= SocketPath.most, let first = path.utf8.first else { return nil }
    switch first {
    // An abstract name begins with NUL and has no end but its length.
    case UInt8(ascii: "@"): bytes = [0] + path.utf8.dropFirst()
    case UInt8(ascii: "/"): bytes = Array(path.utf8) + [0]
    default: return nil
    }
  }

  func send(_ text: String) throws(Errno) {
    let descriptor = socket(AF_UNIX, Int32(SOCK_DGRAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
    guard descriptor >= 0 else { throw Errno() }
    defer { close(descriptor) }
    // A manager that reads nothing for five seconds is told nothing.
    var limit = timeval(tv_sec: 5, tv_usec: 0)
    setsockopt(descriptor, SOL_SOCKET, SO_SNDTIMEO, &limit, socklen_t(MemoryLayout<timeval>.size))
    var address = sockaddr_un()
    address.sun_family = sa_family_t(AF_UNIX)
    withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: bytes) }
    let length = socklen_t(offset + bytes.count)
    let message = Array(text.utf8)
    let sent = withUnsafePointer(to: &address) {
      $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        sendto(descriptor, message, message.count, Int32(MSG_NOSIGNAL), $0, length)
      }
    }
    guard sent == message.count else { throw Errno() }
  }
}
