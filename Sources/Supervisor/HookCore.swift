import JobStore

/// Which hook runs next: a plain value, as `SchedulerCore` is. It holds what is running, not what is waiting, which
/// the store has: however many jobs end at once, memory does not grow with them.
struct HookCore: Sendable {
  enum Event: Sendable {
    /// The store may hold deliveries that were not there before, or the time of one has come.
    case stirred
    /// The answer to `Action.look`.
    case found(HookReport)
    /// Whoever sees the storage answer again says `stirred`.
    case lookFailed
    /// The run of a delivery is over, and what became of it is in the store: it is out, or comes again.
    case ended(Int64, isDone: Bool)
    /// Begin nothing more.
    case close
  }

  enum Action: Sendable, Hashable {
    /// Ask for so many deliveries that are due.
    case look(limit: Int)
    case start(HookDelivery)
    /// Say `stirred` at this time of the boot clock; nil where nothing waits for a time.
    case arm(Int64?)
    /// Nothing runs, and nothing more will.
    case idle
  }

  /// How many hooks run at once.
  let width: Int
  private(set) var running: Set<Int64> = []
  private(set) var isClosed = false
  private var isLooking = false
  /// Something may be due that no look has seen.
  private var mayHaveWork = false
  /// Ended while a look was under way, which may have seen them as they were before.
  private var endedDuringLook: Set<Int64> = []
  private var asked = 0

  init(width: Int) { self.width = width }

  mutating func handle(_ event: Event) -> [Action] {
    var actions: [Action] = []
    switch event {
    case .stirred: mayHaveWork = true
    case .found(let report): take(report, &actions)
    case .lookFailed: (isLooking, endedDuringLook) = (false, [])
    case .ended(let id, let isDone):
      running.remove(id)
      // When it comes again is for a look to find out.
      if !isDone { mayHaveWork = true }
      if isLooking { endedDuringLook.insert(id) }
    case .close: isClosed = true
    }
    if isClosed {
      if running.isEmpty { actions.append(.idle) }
    } else if mayHaveWork, !isLooking, running.count < width {
      (isLooking, mayHaveWork) = (true, false)
      // Those that run are still in the store and will be found again.
      asked = width + running.count
      actions.append(.look(limit: asked))
    }
    return actions
  }

  private mutating func take(_ report: HookReport, _ actions: inout [Action]) {
    isLooking = false
    if report.due.count >= asked { mayHaveWork = true }
    for delivery in report.due where !running.contains(delivery.id) && !endedDuringLook.contains(delivery.id) {
      guard !isClosed, running.count < width else {
        mayHaveWork = true
        break
      }
      running.insert(delivery.id)
      actions.append(.start(delivery))
    }
    endedDuringLook = []
    actions.append(.arm(isClosed ? nil : report.next))
  }
}
