import Glibc
package import JobModel

/// Why a call got no answer that counts.
package struct ClientError: Error, Sendable, CustomStringConvertible {
  package enum Code: Sendable, Hashable {
    /// There is no socket, or it cannot be connected to.
    case unreachable
    /// There is a socket, and nobody listens: its daemon died, and may be on its way back.
    case refused
    /// The socket's mode does not let us connect.
    case notPermitted
    /// The connection broke after it was made. Whether the daemon has done what was asked is not known.
    case lost
    /// The caller's deadline passed.
    case deadline
    /// What came back is not what jobqd says.
    case badReply
    /// The daemon refused.
    case problem(Problem)
  }

  package var code: Code
  package var description: String

  package init(_ code: Code, _ description: String) {
    self.code = code
    self.description = description
  }

  package init(_ problem: Problem) { self.init(.problem(problem), problem.detail.printable) }

  /// The exit code of `jobq` for this.
  package var exitCode: Int32 {
    switch code {
    case .notPermitted: 77
    case .unreachable, .refused, .lost, .deadline, .badReply: 69
    case .problem(let problem): problem.code.exitCode
    }
  }

  package var problem: Problem? {
    if case .problem(let problem) = code { problem } else { nil }
  }

  /// Whether the daemon may be on its way out or in: asking again soon makes sense.
  package var isPassing: Bool {
    switch code {
    case .unreachable, .refused, .lost: true
    case .problem(let problem): problem.code == .notReady
    case .notPermitted, .deadline, .badReply: false
    }
  }

  /// What connect(2) said of a socket.
  static func connecting(to socket: SocketLocation, _ error: Int32) -> ClientError {
    switch error {
    case EACCES, EPERM:
      ClientError(
        .notPermitted,
        "you may not connect to \(socket.path): its group may (`usermod -aG jobq NAME`, then log in again)")
    case ENOENT: ClientError(.unreachable, "no daemon at \(socket.path): no such file; \(socket.howToStart)")
    case ECONNREFUSED:
      ClientError(.refused, "no daemon at \(socket.path): nobody listens there; \(socket.howToStart)")
    default:
      ClientError(.unreachable, "no daemon at \(socket.path): \(errorText(error)); \(socket.howToStart)")
    }
  }
}

/// strerror(3) in the C locale; this program has one thread.
func errorText(_ error: Int32) -> String { unsafe String(cString: strerror(error)) }
