import JobStore

/// Why the daemon does not start, with the exit code that says so to scripts and to systemd: sysexits.h(3head).
package struct StartError: Error, Sendable, Hashable, CustomStringConvertible {
  package enum Code: Int32, Sendable {
    /// EX_USAGE: bad usage.
    case usage = 64
    /// EX_DATAERR: the database is damaged, newer, or not jobq's.
    case data = 65
    /// EX_UNAVAILABLE: the socket or another part of the host is not to be had.
    case unavailable = 69
    /// EX_SOFTWARE: a fault in jobqd.
    case fault = 70
    /// EX_OSERR: the system refused.
    case system = 71
    /// EX_IOERR: the disk is full or fails.
    case storage = 74
    /// EX_TEMPFAIL: another daemon has the state directory.
    case locked = 75
    /// EX_NOPERM.
    case permission = 77
    /// EX_CONFIG: the configuration.
    case configuration = 78
  }

  package var code: Code
  /// For standard error: what was tried and why it failed, in one line, or a line for each complaint about a
  /// configuration.
  package var description: String

  package init(_ code: Code, _ message: String) {
    self.code = code
    description = "jobqd: \(message)"
  }

  package init(_ error: ConfigurationError) {
    code = .configuration
    description = error.description
  }
}

extension StartError {
  /// Why the store cannot be used.
  init(_ error: StoreError) {
    let code: Code =
      switch error.code {
      case .refused(.locked): .locked
      case .refused(.permission): .permission
      case .refused: .data
      case .storage: .storage
      default: .fault
      }
    self.init(code, error.message)
  }
}
