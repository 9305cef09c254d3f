import Glibc
import NIOCore

/// Whether the event loop sleeps while the store answers its one request. To be woken, on a processor that has been
/// halted meanwhile, takes longer than to look a few times whether the answer is there: where the last one came soon, the
/// loop looks on for a moment before it sleeps, and lets everyone else run who can. See decision 0016 for what was measured.
///
/// Only for a request that is alone, of a connection that asked last time too: those that are under way together share a
/// wake-up as they share a commit. Meanwhile the loop reads no socket: another client that comes just then waits for a
/// moment, once, since the next request is of another connection than the last. Used on its loop only.
final class LoopPace {
  static let longest = TimeAmount.microseconds(1000)

  private let loop: any EventLoop
  /// On a single processor whoever looks on keeps those from running for whom it waits.
  private let hasCompany: Bool
  private let now: () -> NIODeadline
  private var underWay = 0
  private var isClose = false
  private var began: NIODeadline
  private(set) var isLooking = false
  /// Whose the last request was.
  private var last: ObjectIdentifier?

  init(
    _ loop: any EventLoop, processors: Int = sysconf(Int32(_SC_NPROCESSORS_ONLN)),
    now: @escaping () -> NIODeadline = { .now() }
  ) {
    self.loop = loop
    hasCompany = processors > 1
    self.now = now
    began = now()
  }

  /// A short request is under way, and has come whole.
  func requestBegan(by connection: ObjectIdentifier) {
    underWay += 1
    let isTheSame = last == connection
    last = connection
    guard underWay == 1 else { return }
    began = now()
    guard isClose, isTheSame, !isLooking else { return }
    isLooking = true
    lookOn()
  }

  func requestEnded() {
    underWay -= 1
    if underWay == 0 { isClose = hasCompany && now() - began < Self.longest }
  }

  private func lookOn() {
    guard underWay == 1, now() - began < Self.longest else {
      isLooking = false
      return
    }
    sched_yield()
    // Behind what other threads have handed the loop meanwhile.
    let bound = NIOLoopBound(self, eventLoop: loop)
    loop.execute { bound.value.lookOn() }
  }
}
