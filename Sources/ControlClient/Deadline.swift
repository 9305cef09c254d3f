import Glibc
package import JobModel

/// A point on CLOCK_MONOTONIC, in milliseconds: what a wait is held to.
package struct Deadline: Sendable, Hashable {
  private var milliseconds: Int64

  package init(in span: TimeSpan) { milliseconds = Deadline.now + span.milliseconds }

  /// How long until then; zero once it has passed.
  package var left: TimeSpan { .milliseconds(max(0, milliseconds - Deadline.now)) }
  package var hasPassed: Bool { left == .zero }

  private static var now: Int64 {
    var time = timespec()
    unsafe clock_gettime(CLOCK_MONOTONIC, &time)
    return Int64(time.tv_sec) * 1000 + Int64(time.tv_nsec) / 1_000_000
  }

  /// For poll(2), which takes at most 2³¹ − 1 ms: whoever waits looks at the clock again.
  var pollTimeout: Int32 { Int32(min(left.milliseconds + 1, 1 << 30)) }
}

/// How long a client that has lost its daemon keeps asking: 30 s, with pauses that grow from 50 ms to 1 s.
package struct Patience: Sendable {
  private let deadline: Deadline
  private var pause = TimeSpan.milliseconds(50)

  package static let standard = TimeSpan.seconds(30)

  package init(_ span: TimeSpan = standard) { deadline = Deadline(in: span) }

  /// Sleeps before the next try. False, at once, where the time is up.
  package mutating func pauseForNextTry() -> Bool {
    let left = deadline.left
    guard left > .zero else { return false }
    let now = min(pause, left)
    pause = min(.milliseconds(pause.milliseconds * 2), .seconds(1))
    // poll(2) of nothing: a sleep of milliseconds.
    poll(nil, 0, Int32(now.milliseconds))
    return true
  }
}
