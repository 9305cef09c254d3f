package import JobModel

/// Why the daemon did not do what was asked.
package enum ClientError: Error, Sendable, CustomStringConvertible {
  /// Nobody answers at the socket.
  case noDaemon(socket: String, reason: String)
  /// The socket is there, but this user may not connect.
  case notPermitted(socket: String)
  /// The connection broke before the answer was complete; what was asked may have been done.
  case lost(String)
  /// What answered does not speak jobq's protocol.
  case foreign(String)
  /// The daemon's own refusal.
  case refused(Problem)

  package var description: String {
    switch self {
    case .noDaemon(let socket, let reason):
      "no daemon answers at \(socket): \(reason)\n"
        + "start one with `systemctl --user start jobq`, `sudo systemctl start jobq`, or `jobqd`"
    case .notPermitted(let socket):
      "you may not connect to \(socket): ask to be put into its group (usually `jobq`), and log in again"
    case .lost(let reason): "the connection to the daemon broke: \(reason)"
    case .foreign(let what): "what answers at the socket is no jobqd that this jobq understands: \(what)"
    case .refused(let problem): problem.detail
    }
  }

  /// The exit code of the command line for it.
  package var exitCode: Int32 {
    switch self {
    case .noDaemon, .lost: 69
    case .notPermitted: 77
    case .foreign: 70
    case .refused(let problem): problem.code.exitCode
    }
  }
}
