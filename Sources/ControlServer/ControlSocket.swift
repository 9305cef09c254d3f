import Glibc
import JobModel

/// Where the control server listens.
package enum ControlSocket: Sendable, Hashable {
  /// A Unix stream socket that listens already: systemd's (sd_listen_fds(3)). The server takes the descriptor over,
  /// and never unlinks its path.
  case adopt(descriptor: Int32)
  /// A path of our own. `mode` holds permission bits; `group` is a name of group(5), nil for the process's own.
  case bind(path: String, mode: UInt16, group: String?)
}

/// Why the server did not start: what was tried, the cause, and what to do.
package struct ControlServerError: Error, Sendable, Hashable, CustomStringConvertible {
  package enum Code: Sendable, Hashable {
    /// Another daemon answers at the path, or is just being started there.
    case inUse
    /// The path cannot be a socket of ours: too long, something else is there, no such directory or group.
    case unusable
    case notPermitted
    /// Another system call failed.
    case system(errno: Int32)
  }

  package var code: Code
  package var message: String

  package init(_ code: Code, _ message: String) {
    self.code = code
    self.message = message
  }

  package var description: String { message }

  /// A system call that failed on `path`.
  init(_ call: String, _ path: String, errno: Int32) {
    self.init(
      errno == EACCES || errno == EPERM ? .notPermitted : .system(errno: errno),
      "\(call) \"\(path.printable)\": \(String(cString: strerror(errno)))")
  }
}
