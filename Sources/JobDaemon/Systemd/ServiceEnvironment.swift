import Glibc

/// The variables by which systemd speaks to a service.
package enum ServiceEnvironment {
  private static let own = [
    "LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES", "NOTIFY_SOCKET", "WATCHDOG_PID", "WATCHDOG_USEC",
  ]

  /// This process's whole environment; those variables that are meant for it alone are taken out of it, so that
  /// nothing it starts believes itself
  /// addressed. For the first line of the program: unsetenv(3) and a thread that reads the environment do not
  /// go together.
  package static func take() -> [String: String] {
    var environment: [String: String] = [:]
    var entry = environ
    while let text = entry.pointee {
      let parts = String(cString: text).split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
      if parts.count == 2 { environment[String(parts[0])] = String(parts[1]) }
      entry += 1
    }
    for name in own { unsetenv(name) }
    return environment
  }
}
