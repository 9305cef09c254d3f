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
