import Glibc

/// Where the daemon is looked for, and why there.
package struct SocketLocation: Sendable, Hashable {
  package enum Origin: Sendable, Hashable {
    /// `--socket`.
    case option
    /// `JOBQ_SOCKET`.
    case environment
    /// The person's own daemon.
    case person
    /// The machine's daemon.
    case system
  }

  package var path: String
  package var origin: Origin

  package init(path: String, origin: Origin) {
    self.path = path
    self.origin = origin
  }

  package static let systemPath = "/run/jobq/jobq.sock"

  /// The first that is named or there: `--socket`, `JOBQ_SOCKET`, the person's socket, the system's.
  ///
  /// A person's socket counts as soon as the path exists, even where nobody answers: work that was meant for one's own daemon must not
  /// end up in the system's without a word.
  /// - Parameters:
  ///   - variable: gives an environment variable's value. An empty one counts as none.
  ///   - exists: whether there is anything at a path.
  package static func find(
    option: String?, userID: UInt32, variable: (String) -> String?, exists: (String) -> Bool = isThere
  ) -> SocketLocation {
    func named(_ name: String) -> String? { variable(name).flatMap { $0.isEmpty ? nil : $0 } }
    if let option { return SocketLocation(path: option, origin: .option) }
    if let path = named("JOBQ_SOCKET") { return SocketLocation(path: path, origin: .environment) }
    let person = (named("XDG_RUNTIME_DIR") ?? "/run/user/\(userID)") + "/jobq/jobq.sock"
    if exists(person) { return SocketLocation(path: person, origin: .person) }
    return SocketLocation(path: systemPath, origin: .system)
  }

  /// access(2) of the path itself: a socket without a listener is there.
  package static func isThere(_ path: String) -> Bool { unsafe access(path, F_OK) == 0 }

  /// What a person types to have a daemon there.
  package var howToStart: String {
    switch origin {
    case .option, .environment: "start it with `jobqd --socket \(path)`, or name another socket"
    case .person: "start it with `systemctl --user start jobq`, or run `jobqd`"
    case .system:
      "start it with `systemctl start jobq`, or your own with `systemctl --user start jobq` or `jobqd`"
    }
  }
}
