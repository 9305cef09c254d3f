/// How an attempt ended, as its worker saw it.
package struct AttemptEnding: Sendable, Hashable {
  package var outcome: Outcome
  package var exitCode: Int?
  package var signal: Int?
  /// For people: what was tried and why it failed, or why the attempt was ended.
  package var error: String?
  /// errno, where a system call failed.
  package var errno: Int32?
  package var userSeconds: Double?
  package var systemSeconds: Double?
  package var maxRSSBytes: Int64?
  package var result: JSONValue?
  /// An outside worker said that no further attempt makes sense.
  package var isFinal = false

  package init(_ outcome: Outcome, exitCode: Int? = nil, signal: Int? = nil, error: String? = nil, errno: Int32? = nil)
  {
    self.outcome = outcome
    self.exitCode = exitCode
    self.signal = signal
    self.error = error
    self.errno = errno
  }

  /// The exit code by which a shell would know this ending: the command's own; 124 timed out; 128 + N for signal N;
  /// 137 out of memory; 127 no such command, 126 for other failures to start; 125 cancelled or interrupted.
  package var exitStatus: Int {
    ExitStatus.of(outcome: outcome, exitCode: exitCode, signal: signal, notFound: errno == ExitStatus.noSuchFile)
  }
}

package enum ExitStatus {
  /// ENOENT, errno(3).
  package static let noSuchFile: Int32 = 2

  package static func of(outcome: Outcome, exitCode: Int?, signal: Int?, notFound: Bool) -> Int {
    switch outcome {
    case .succeeded: 0
    case .failed: exitCode ?? 1
    case .signaled: 128 + (signal ?? 0)
    case .timedOut: 124
    case .oomKilled: 137
    case .spawnFailed: notFound ? 127 : 126
    case .cancelled, .interrupted: 125
    case .leaseExpired: 1
    }
  }
}

extension Job {
  /// The exit code of `jobq wait` for this job; nil while it has not ended.
  /// A spawn failure keeps its shell code in `exit_code`, so that 127 and 126 are told apart later.
  package var exitStatus: Int? {
    guard state.hasEnded else { return nil }
    if state == .succeeded { return 0 }
    if state == .cancelled { return 125 }
    guard let outcome else { return 125 }
    return ExitStatus.of(outcome: outcome, exitCode: exitCode, signal: signal, notFound: exitCode == 127)
  }
}
