package import JobModel
package import JobStore

/// What may start next, and what an event means: a plain value. Events go in, actions come out; nothing here waits,
/// reads a clock or does I/O. It holds what is running and the limits, not what is waiting: it says how much may
/// be taken, and the
/// store takes that by index. So its memory is bounded by the number of workers, whatever the queue's length.
///
/// Limits are derived from `running` each time they are asked for, never kept in a counter that could leak.
package struct SchedulerCore: Sendable {
  package enum Event: Sendable {
    /// The store committed these changes.
    case changed([JobChange])
    /// The answer to `Action.claim`.
    case claimed([ClaimedAttempt])
    case claimFailed
    /// The answer to `Action.promote`.
    case promoted(DueReport)
    case promoteFailed
    /// An alarm armed by `Action.arm` went off, or the wall clock was set.
    case alarm
    /// A worker's own last step: its attempt is recorded and its processes are gone.
    case ended(JobID, attempt: Int)
    /// Something that held jobs back has gone: a pause, a limit, a failing disk.
    case loosened
    case limits(workers: Int, queues: [String: Int])
    /// The store is asked to pause all queues, or to let them go on.
    case pauseAsked
    /// It has answered; nil where it could not.
    case pauseAnswered(Bool?)
    case drain
    case resume
    case stop
  }

  package enum Action: Sendable, Hashable {
    case claim(ClaimRequest)
    case start(ClaimedAttempt)
    /// End the worker of this attempt: a person cancelled the job.
    case cancel(JobID, attempt: Int)
    /// Ask the store to queue what is due, and when the next is.
    case promote
    /// One alarm for each clock; nil disarms it.
    case arm(wall: Timestamp?, boot: Int64?)
    /// Nothing runs any more: what waits for a drain or a stop may go on.
    case idle
  }

  package struct Running: Sendable, Hashable {
    package var attempt: Int
    package var queue: String
    package var cancelling: Bool
  }

  /// A question to the store: at most one of a kind is under way; what comes meanwhile is remembered, not asked twice.
  private enum Question: Sendable { case idle, asked, askedAndStale }

  package private(set) var running: [JobID: Running] = [:]
  package private(set) var isDraining = false
  package private(set) var isStopping = false
  package private(set) var workers: Int
  private var queueLimits: [String: Int]
  private var claiming = Question.idle
  private var promoting = Question.idle
  private var lastRequest: ClaimRequest?
  /// False once a claim came back with less than it asked for: no more than the limits let through is waiting.
  private var mayHaveWork = true
  private var pause = PauseKnowledge()
  /// Cancels of jobs that a claim under way may be taking just now.
  private var cancelsDuringClaim: Set<JobID> = []

  package init(workers: Int, queueLimits: [String: Int] = [:]) {
    self.workers = workers
    self.queueLimits = queueLimits
  }

  package mutating func handle(_ event: Event) -> [Action] {
    var actions: [Action] = []
    switch event {
    case .changed(let changes): note(changes, &actions)
    case .claimed(let attempts): start(attempts, &actions)
    case .claimFailed:
      // Whoever sees the storage answer again says `loosened`.
      claiming = .idle
      cancelsDuringClaim.removeAll()
      return actions
    case .promoted(let report):
      let stale = promoting == .askedAndStale
      promoting = .idle
      actions.append(.arm(wall: report.nextWall, boot: report.nextBoot))
      if stale { promote(&actions) }
    case .promoteFailed: promoting = .idle
    case .alarm:
      pause.forget()
      promote(&actions)
    case .ended(let id, let attempt): end(id, attempt, &actions)
    case .loosened:
      loosened()
      promote(&actions)
    case .limits(let workers, let queues):
      self.workers = workers
      queueLimits = queues
      loosened()
    case .pauseAsked: pause.asked()
    case .pauseAnswered(let isPaused): pause.answered(isPaused)
    case .drain:
      isDraining = true
      if running.isEmpty, claiming == .idle { actions.append(.idle) }
    case .resume:
      isDraining = false
      loosened()
    case .stop:
      isStopping = true
      if running.isEmpty, claiming == .idle { actions.append(.idle) }
    }
    claim(&actions)
    return actions
  }

  private mutating func note(_ changes: [JobChange], _ actions: inout [Action]) {
    var rearm = false
    for change in changes {
      switch change.to {
      case .queued?: mayHaveWork = true
      case .scheduled?: rearm = true
      case .running? where change.cancelling:
        if let attempt = running[change.id]?.attempt {
          running[change.id]?.cancelling = true
          actions.append(.cancel(change.id, attempt: attempt))
        } else if claiming != .idle {
          cancelsDuringClaim.insert(change.id)
        }
      default: break
      }
    }
    if claiming == .asked, mayHaveWork { claiming = .askedAndStale }
    if rearm { promote(&actions) }
  }

  /// What held jobs back has gone, perhaps after a claim under way met it: then that one's answer is stale.
  private mutating func loosened() {
    pause.forget()
    mayHaveWork = true
    if claiming == .asked { claiming = .askedAndStale }
  }

  private mutating func start(_ attempts: [ClaimedAttempt], _ actions: inout [Action]) {
    let asked = lastRequest?.limit ?? 0
    // Work that came while the store was choosing may not be in its choice.
    mayHaveWork = claiming == .askedAndStale || attempts.count >= asked
    claiming = .idle
    lastRequest = nil
    for attempt in attempts {
      let cancelled = cancelsDuringClaim.contains(attempt.id)
      running[attempt.id] = Running(attempt: attempt.attempt, queue: attempt.spec.queue, cancelling: cancelled)
      actions.append(.start(attempt))
      if cancelled { actions.append(.cancel(attempt.id, attempt: attempt.attempt)) }
    }
    cancelsDuringClaim.removeAll()
    if running.isEmpty, isDraining || isStopping { actions.append(.idle) }
  }

  private mutating func end(_ id: JobID, _ attempt: Int, _ actions: inout [Action]) {
    // A late ending must not remove its successor.
    guard let ended = running[id], ended.attempt == attempt else { return }
    running[id] = nil
    // A queue at its limit may have held work back that the last claim could not see.
    if queueLimits[ended.queue] != nil { mayHaveWork = true }
    if running.isEmpty, claiming == .idle, isDraining || isStopping { actions.append(.idle) }
  }

  private mutating func promote(_ actions: inout [Action]) {
    guard !isStopping else { return }
    switch promoting {
    case .idle:
      promoting = .asked
      actions.append(.promote)
    case .asked: promoting = .askedAndStale
    case .askedAndStale: break
    }
  }

  private mutating func claim(_ actions: inout [Action]) {
    guard mayHaveWork, claiming == .idle, !isDraining, !isStopping, !pause.isCertain else { return }
    let free = workers - running.count
    guard free > 0 else { return }
    let request = ClaimRequest(limit: free, room: room)
    claiming = .asked
    lastRequest = request
    mayHaveWork = false
    actions.append(.claim(request))
  }

  /// How many more each limited queue may start.
  private var room: [String: Int] {
    guard !queueLimits.isEmpty else { return [:] }
    var room = queueLimits
    for job in running.values {
      if let left = room[job.queue] { room[job.queue] = max(0, left - 1) }
    }
    return room
  }
}
