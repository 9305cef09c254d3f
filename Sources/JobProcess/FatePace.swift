import Glibc
import JobModel
import Synchronization

/// Whether a thread that has prepared an attempt sleeps until its commit is safe. To be woken, on a processor that has been
/// halted meanwhile, takes longer than to look a few times whether the disk has answered: where it last did so soon, one
/// thread looks on for a moment, and lets everyone else run who can. See decision 0021 for what was measured.
final class FatePace: Sendable {
  static let longest = Duration.microseconds(1500)

  /// Whether the last commit whose fate was waited for was safe soon.
  private let isQuick = Atomic(true)
  private let isLooking = Atomic(false)
  /// On a single processor whoever looks on keeps those from running for whom it waits.
  private let hasCompany: Bool

  init(processors: Int = sysconf(Int32(_SC_NPROCESSORS_ONLN))) { hasCompany = processors > 1 }

  /// Whether it would look on now, were it asked.
  var looksOn: Bool { hasCompany && isQuick.load(ordering: .relaxed) }

  /// Returns once the fate is decided, or is not to be looked for any longer.
  func lookOn(for fate: CommitFate) {
    guard hasCompany else { return }
    let began = ContinuousClock.now
    if looksOn, !isLooking.exchange(true, ordering: .acquiring) {
      while fate.isSafe == nil, .now - began < Self.longest { sched_yield() }
      isLooking.store(false, ordering: .releasing)
    }
    guard fate.isSafe == nil else { return }
    fate.whenDecided { [self] _ in isQuick.store(.now - began < Self.longest, ordering: .relaxed) }
  }
}
