/// Where the client looks for the daemon: `JOBQ_SOCKET`; then the person's own, if that path exists, even where
/// nobody answers, so that a job
/// never goes to the system's queue in silence; then the system's.
package enum SocketLocation {
  package static let system = "/run/jobq/jobq.sock"

  /// - Parameter exists: asked for the person's path only.
  package static func find(
    environment: (String) -> String?, uid: UInt32, exists: (String) -> Bool
  ) -> String {
    if let given = environment("JOBQ_SOCKET"), !given.isEmpty { return given }
    let runtime = environment("XDG_RUNTIME_DIR").flatMap { $0.hasPrefix("/") ? $0 : nil } ?? "/run/user/\(uid)"
    let own = runtime + "/jobq/jobq.sock"
    return exists(own) ? own : system
  }
}
