import JobModel
import Supervisor
import Synchronization

/// Clocks that a test sets. The boot clock goes with the wall clock, but not where that is set back.
final class ManualTime: TimeSource {
  private struct State {
    var now: Moment
    var alarm: Timestamp?
    var handler: (@Sendable () -> Void)?
    var waiter: (isAwaited: @Sendable (Timestamp) -> Bool, CheckedContinuation<Void, Never>)?
  }

  private let state: Mutex<State>

  init(_ start: Timestamp) { state = Mutex(State(now: Moment(wall: start, boot: 1_000_000))) }

  func now() -> Moment { state.withLock(\.now) }
  func onAlarm(_ handler: @escaping @Sendable () -> Void) { state.withLock { $0.handler = handler } }

  func arm(wall: Timestamp?, boot: Int64?) {
    let waiter = state.withLock { state -> CheckedContinuation<Void, Never>? in
      state.alarm = wall
      guard let wall, let waiter = state.waiter, waiter.isAwaited(wall) else { return nil }
      state.waiter = nil
      return waiter.1
    }
    waiter?.resume()
  }

  /// Sets the clock; whoever watches is told, as by TFD_TIMER_CANCEL_ON_SET.
  func set(_ time: Timestamp) {
    let handler = state.withLock { state in
      state.now.boot += max(0, (time - state.now.wall).milliseconds)
      state.now.wall = time
      return state.handler
    }
    handler?()
  }

  /// Waits until the wall alarm is set for this time. For one that nothing else is due at: then all that was due has
  /// been dealt with.
  func armed(for time: Timestamp) async {
    await withCheckedContinuation { continuation in
      let isArmed = state.withLock { state in
        if state.alarm == time { return true }
        state.waiter = ({ $0 == time }, continuation)
        return false
      }
      if isArmed { continuation.resume() }
    }
  }

  /// Sets the clock, and waits until what is due then has been dealt with: until the alarm is set for `next`.
  func pass(to time: Timestamp, next: Timestamp) async {
    set(time)
    await armed(for: next)
  }
}
