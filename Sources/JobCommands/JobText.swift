import JobModel

/// What people read of a job.
extension Job {
  var stateWord: String { cancelling ? "cancelling" : state.rawValue }

  /// The time that matters most in its state.
  func when(now: Timestamp) -> String {
    switch state {
    case .scheduled: (runAt ?? createdAt).relative(to: now)
    case .running: (startedAt ?? createdAt).relative(to: now)
    case .succeeded, .failed, .cancelled: (finishedAt ?? createdAt).relative(to: now)
    case .held, .blocked, .queued: createdAt.relative(to: now)
    }
  }

  /// Its name where it has one, else its command as a shell would take it.
  var title: String {
    if let name { return name.printable }
    return command.map(ShellWords.quoted) ?? "(payload)"
  }

  /// How it ended, as a sentence about it goes on; nil while it has not, or ended well.
  var ending: String? {
    guard state.hasEnded, state != .succeeded else { return nil }
    let verb = state == .cancelled ? "was cancelled" : outcome == .timedOut ? "timed out" : "failed"
    return reason.map { "\(verb): \($0)" } ?? verb
  }

  /// Why it did not end well; nil where the state says it all.
  var reason: String? {
    let error = error?.printable
    if state == .cancelled { return error }
    return switch outcome {
    case .failed: exitCode.map { "exit code \($0)" } ?? error
    case .signaled: "signal \(signal.map(String.init) ?? "unknown") ended it"
    case .timedOut: "it ran longer than its timeout\(timeout.map { " of \($0)" } ?? "")"
    case .spawnFailed: "it could not be started\(error.map { ": \($0)" } ?? "")"
    case .oomKilled: "the kernel ended it for want of memory"
    case .interrupted: error ?? "it was interrupted"
    case .leaseExpired: "its worker did not come back\(error.map { ": \($0)" } ?? "")"
    case .succeeded, .cancelled, nil: error
    }
  }
}

extension JobState {
  var colour: Colour? {
    switch self {
    case .running: .cyan
    case .succeeded: .green
    case .failed: .red
    case .cancelled, .held: .yellow
    case .blocked, .scheduled, .queued: nil
    }
  }
}

extension Timestamp {
  /// `2m ago`, `in 3h`, `now`: one unit, rounded down.
  func relative(to now: Timestamp) -> String {
    let span = (now - self).milliseconds
    let text = TimeSpan(milliseconds: span.magnitude > Int64.max ? .max : Int64(span.magnitude)).rough
    guard let text else { return "now" }
    return span < 0 ? "in \(text)" : "\(text) ago"
  }
}

extension TimeSpan {
  /// In its largest unit, rounded down; nil under a second.
  var rough: String? {
    let seconds = milliseconds / 1000
    return switch seconds {
    case ..<1: nil
    case ..<60: "\(seconds)s"
    case ..<3600: "\(seconds / 60)m"
    case ..<86_400: "\(seconds / 3600)h"
    default: "\(seconds / 86_400)d"
    }
  }
}

/// Words as a POSIX shell takes them.
enum ShellWords {
  static func quoted(_ words: [String]) -> String { words.map(quoted).joined(separator: " ") }

  static func quoted(_ word: String) -> String {
    let isPlain = word.utf8.allSatisfy {
      switch $0 {
      case 0x30...0x39, 0x41...0x5A, 0x61...0x7A: true
      default: "%+,-./:=@_".utf8.contains($0)
      }
    }
    if isPlain, !word.isEmpty { return word }
    return "'" + word.split(separator: "'", omittingEmptySubsequences: false).joined(separator: "'\\''").printable + "'"
  }
}
