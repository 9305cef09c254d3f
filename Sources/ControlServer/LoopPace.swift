import Glibc
import NIOCore

/// Whether the event loop sleeps while the store answers its one request. To be woken, on a processor that has been
/// halted meanwhile, takes longer than to look a few times whether the answer is there: where the last one came soon, the
/// loop rests for most of the time that one took, and then looks on until the answer is there, or 1 ms has passed since the
/// request. While it looks it lets everyone else run who can. See decision 0016 for what was measured.
///
/// Only for a request that is alone, of a connection that asked last time too: those that are under way together share a
/// wake-up as they share a commit. While it looks on the loop reads no socket: another client that comes just then waits for a
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
  /// How long the last two answers took. They may have been to requests of different kinds: the shorter says when the next may
  /// be there.
  private var took = (last: TimeAmount.zero, before: TimeAmount.zero)
  /// Whether the one request under way may be looked on for.
  private var isWorthIt = false
  /// Whether it looks on, or will when it has rested.
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
    isWorthIt = isClose && isTheSame
    guard isWorthIt, !isLooking else { return }
    isLooking = true
    lookOn()
  }

  func requestEnded() {
    underWay -= 1
    guard underWay == 0 else { return }
    took = (last: now() - began, before: took.last)
    isClose = hasCompany && took.last < Self.longest
  }

  /// For so long after a request nobody looks. Whoever looks from the start uses up a quota of processor time that the disk's
  /// own answer needs; whoever rests for longer than this is late.
  private var rest: TimeAmount { .nanoseconds(min(took.last, took.before).nanoseconds * 3 / 5) }

  private func lookOn() {
    // The timer may have been set for the request before.
    guard underWay == 1, isWorthIt, case let passed = now() - began, passed < Self.longest else {
      isLooking = false
      return
    }
    let bound = NIOLoopBound(self, eventLoop: loop)
    guard passed >= rest else {
      loop.scheduleTask(in: rest - passed) { bound.value.lookOn() }
      return
    }
    sched_yield()
    // Behind what other threads have handed the loop meanwhile.
    loop.execute { bound.value.lookOn() }
  }
}
