import CJobProcess
import Glibc
import JobModel
import Synchronization

/// Whether a process that is all but its program waits for the disk as well. To be woken, on a processor that has been halted
/// meanwhile, takes longer than to look a few times whether the disk has answered: where it last did so soon, one child
/// looks on for a moment, and lets everyone else run who can. See decisions 0021 and 0024 for what was measured.
final class FatePace: Sendable {
  static let longest = Duration.microseconds(1500)

  /// Whether the last commit whose fate was waited for was safe soon.
  private let isQuick = Atomic(true)
  private let isLooking = Atomic(false)
  /// On a single processor whoever looks on keeps those from running for whom it waits.
  private let hasCompany: Bool

  init(processors: Int = sysconf(Int32(_SC_NPROCESSORS_ONLN))) { hasCompany = processors > 1 }

  /// Whether it would have someone look on now, were it asked.
  var looksOn: Bool { hasCompany && isQuick.load(ordering: .relaxed) }

  /// Calls `body` with a gate for the one to look at who looks on for this fate; nil where nobody is to.
  func lookOn<Value>(for fate: CommitFate, unless cancellation: Cancellation, _ body: (FateGate) -> Value) -> Value? {
    guard hasCompany, fate.isSafe == nil else { return nil }
    let began = ContinuousClock.now
    defer {
      if fate.isSafe == nil {
        fate.whenDecided { [self] _ in isQuick.store(.now - began < Self.longest, ordering: .relaxed) }
      }
    }
    guard looksOn, !isLooking.exchange(true, ordering: .acquiring) else { return nil }
    defer { isLooking.store(false, ordering: .releasing) }
    return body(FateGate(fate, unless: cancellation))
  }
}

/// Opens when a commit is safe, unless the attempt has been cancelled by then, and stays shut where nobody knows: in plain
/// memory, where a child can look that shares it.
@safe final class FateGate: Sendable {
  // Unsafe, and sound: the pointer never changes, what it points to lives as long as this object, which both who looks and
  // who opens hold, and is read and written by atomic operations alone.
  nonisolated(unsafe) let word: UnsafeMutablePointer<UInt32>

  init(_ fate: CommitFate, unless cancellation: Cancellation) {
    unsafe word = .allocate(capacity: 1)
    unsafe word.initialize(to: 0)
    // Holds it for as long as the fate may still be decided.
    fate.whenDecided { [self] in if $0, !cancellation.isRequested { unsafe jobq_gate_open(word) } }
  }

  var isOpen: Bool { unsafe jobq_gate_is_open(word) }

  deinit { unsafe word.deallocate() }
}
