import Glibc
package import JobModel

/// How long a client that has lost its daemon keeps asking: 30 s, with pauses that grow from 50 ms to 1 s.
package struct Patience: Sendable {
  private let span: TimeSpan
  private let deadline: Deadline
  private var pause = TimeSpan.milliseconds(50)
  /// Passes once the daemon has been there for a second.
  private var steady: Deadline?

  package static let standard = TimeSpan.seconds(30)

  package init(_ span: TimeSpan = standard) {
    self.span = span
    deadline = Deadline(in: span)
  }

  /// The daemon is there again. Where that lasts for a second, the next outage is a new one.
  package mutating func noteAnswer() { steady = Deadline(in: .seconds(1)) }

  /// Sleeps before the next try. False, at once, where the time is up.
  package mutating func pauseForNextTry() -> Bool {
    if let steady, steady.hasPassed { self = Patience(span) }
    steady = nil
    let left = deadline.left
    guard left > .zero else { return false }
    // poll(2) of nothing: a sleep of milliseconds.
    poll(nil, 0, Int32(min(pause, left).milliseconds))
    pause = min(.milliseconds(pause.milliseconds * 2), .seconds(1))
    return true
  }
}
