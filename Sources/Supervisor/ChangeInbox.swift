import JobModel
import JobStore
import Synchronization

/// What the store has committed and the supervisor has not looked at. The supervisor is woken for what it would act on
/// now; the rest waits until something else wakes it, and is looked at before that. So a job that is added while all
/// queues are paused, or all workers busy, costs no wake-up.
///
/// `put` is called on the store's thread; it takes a lock for microseconds.
final class ChangeInbox: Sendable {
  private struct State {
    var changes: [JobChange] = []
    var concern: ChangeConcern
    /// The supervisor has been rung for, and has not looked yet.
    var isRung = false

    /// Whether to ring now.
    mutating func rings(for new: [JobChange]) -> Bool {
      guard !isRung, changes.count >= ChangeInbox.most || new.contains(where: concern.covers) else { return false }
      isRung = true
      return true
    }
  }

  /// No more wait without a ring.
  private static let most = 1000

  private let state: Mutex<State>
  private let ring: @Sendable () -> Void

  init(_ concern: ChangeConcern, ring: @escaping @Sendable () -> Void) {
    state = Mutex(State(concern: concern))
    self.ring = ring
  }

  func put(_ new: [JobChange]) {
    let rings = state.withLock { state in
      state.changes.append(contentsOf: new)
      return state.rings(for: new)
    }
    if rings { ring() }
  }

  /// All that wait, in the order of their commits.
  func takeAll() -> [JobChange] {
    state.withLock { state in
      defer { state.changes = [] }
      state.isRung = false
      return state.changes
    }
  }

  /// From now on these are rung for; what waits already is judged anew.
  func set(_ concern: ChangeConcern) {
    let rings = state.withLock { state in
      guard state.concern != concern else { return false }
      state.concern = concern
      return state.rings(for: state.changes)
    }
    if rings { ring() }
  }
}

/// Which changes would make the core do something, as it stands.
struct ChangeConcern: Sendable, Hashable {
  /// A job that is queued may be taken.
  var arrivals = true
  /// Leases are out, or being granted: how they end matters, where nobody else tells of it.
  var leases = true
  /// Every change goes to the log.
  var everything = false

  func covers(_ change: JobChange) -> Bool {
    if everything || (leases && change.from == .running && change.to != .running && !change.isReported) { return true }
    return switch change.to {
    case .queued?: arrivals
    case .running?: change.cancelling
    // `failed` goes to the log.
    case .scheduled?, .failed?: true
    default: false
    }
  }
}

extension SchedulerCore {
  /// A claim under way needs no word of arrivals: whoever brings its answer looks at them first, and one that waits is
  /// answered by what arrives, or, where no slot is free, by the end that frees one.
  var concern: ChangeConcern {
    ChangeConcern(
      arrivals: !desk.lines.isEmpty
        || (claiming == .idle && mayClaim && busy < workers + (queueLimits.isEmpty ? 1 : 0)),
      leases: desk.oldestLook != nil || running.values.contains(where: \.isLeased))
  }
}
