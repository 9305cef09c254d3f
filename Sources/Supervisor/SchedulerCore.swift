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
    case claimed(ClaimReport)
    case claimFailed
    /// The answer to `Action.promote`.
    case promoted(DueReport)
    case promoteFailed
    /// An alarm armed by `Action.arm` went off, or the wall clock was set.
    case alarm
    /// A worker's own last step: its attempt is recorded and its processes are gone.
    case ended(JobID, attempt: Int)
    /// Something that held jobs back has gone, or got an end: a pause, a limit, a failing disk.
    case loosened
    case limits(workers: Int, queues: [String: QueueLimits])
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
    /// By one of which its queue may be limited, now or later.
    package var labels: [String: String]
    package var cancelling: Bool
  }

  /// When each thing that is waited for comes, as the store last said.
  private struct Alarms: Hashable {
    var wall: Timestamp?
    var boot: Int64?
    /// The first start that a rate holds back, by the time since boot.
    var start: Int64?

    var action: Action { .arm(wall: wall, boot: [boot, start].compactMap { $0 }.min()) }
  }

  /// A question to the store: at most one of a kind is under way; what comes meanwhile is remembered, not asked twice.
  private enum Question: Sendable { case idle, asked, askedAndStale }

  package private(set) var running: [JobID: Running] = [:]
  package private(set) var isDraining = false
  package private(set) var isStopping = false
  package private(set) var workers: Int
  /// In force, of each queue that has any.
  package private(set) var queueLimits: [String: QueueLimits]
  private var claiming = Question.idle
  private var promoting = Question.idle
  private var lastRequest: ClaimRequest?
  private var alarms = Alarms()
  /// False once a claim came back with less than it asked for: no more than the limits let through is waiting.
  private var mayHaveWork = true
  private var pause = PauseKnowledge()
  /// Cancels of jobs that a claim under way may be taking just now.
  private var cancelsDuringClaim: Set<JobID> = []

  package init(workers: Int, queueLimits: [String: QueueLimits] = [:]) {
    self.workers = workers
    self.queueLimits = queueLimits
  }

  package mutating func handle(_ event: Event) -> [Action] {
    var actions: [Action] = []
    switch event {
    case .changed(let changes): note(changes, &actions)
    case .claimed(let report): start(report, &actions)
    case .claimFailed:
      // Whoever sees the storage answer again says `loosened`.
      claiming = .idle
      cancelsDuringClaim.removeAll()
      return actions
    case .promoted(let report):
      let stale = promoting == .askedAndStale
      promoting = .idle
      alarms.wall = report.nextWall
      alarms.boot = report.nextBoot
      actions.append(alarms.action)
      if report.resumed { wake() }
      if stale { promote(&actions) }
    case .promoteFailed: promoting = .idle
    case .alarm:
      pause.forget()
      promote(&actions)
      // Whether it was this that came the store knows: it tells anew what is still to come.
      if alarms.start != nil {
        alarms.start = nil
        wake()
      }
    case .ended(let id, let attempt): end(id, attempt, &actions)
    case .loosened:
      wake()
      promote(&actions)
    case .limits(let workers, let queues):
      self.workers = workers
      queueLimits = queues
      wake()
    case .pauseAsked: pause.asked()
    case .pauseAnswered(let isPaused): pause.answered(isPaused)
    case .drain:
      isDraining = true
      if running.isEmpty, claiming == .idle { actions.append(.idle) }
    case .resume:
      isDraining = false
      wake()
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
      case .queued?: wake()
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
    if rearm { promote(&actions) }
  }

  /// There may be something to claim that a claim under way did not see.
  private mutating func wake() {
    pause.forget()
    mayHaveWork = true
    if claiming == .asked { claiming = .askedAndStale }
  }

  private mutating func start(_ report: ClaimReport, _ actions: inout [Action]) {
    let attempts = report.attempts
    let asked = lastRequest?.limit ?? 0
    // Work that came while the store was choosing may not be in its choice.
    mayHaveWork = claiming == .askedAndStale || attempts.count >= asked
    claiming = .idle
    lastRequest = nil
    for attempt in attempts {
      let cancelled = cancelsDuringClaim.contains(attempt.id)
      running[attempt.id] = Running(
        attempt: attempt.attempt, queue: attempt.spec.queue, labels: attempt.spec.labels, cancelling: cancelled)
      actions.append(.start(attempt))
      if cancelled { actions.append(.cancel(attempt.id, attempt: attempt.attempt)) }
    }
    cancelsDuringClaim.removeAll()
    if alarms.start != report.nextStart {
      alarms.start = report.nextStart
      actions.append(alarms.action)
    }
    if running.isEmpty, isDraining || isStopping { actions.append(.idle) }
  }

  private mutating func end(_ id: JobID, _ attempt: Int, _ actions: inout [Action]) {
    // A late ending must not remove its successor.
    guard let ended = running[id], ended.attempt == attempt else { return }
    running[id] = nil
    // A queue at its limit may have held work back that the last claim could not see.
    if queueLimits[ended.queue] != nil { wake() }
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
    let free = workers - busy
    guard free > 0 else { return }
    let request = ClaimRequest(limit: free, rooms: rooms)
    claiming = .asked
    lastRequest = request
    mayHaveWork = false
    actions.append(.claim(request))
  }

  /// What takes one of `workers`. Queues and keys are bounded by all that runs.
  package var busy: Int { running.count }

  /// What each limited queue may start beside what runs.
  private var rooms: [String: QueueRoom] {
    guard !queueLimits.isEmpty else { return [:] }
    var rooms = queueLimits.mapValues(QueueRoom.init)
    for job in running.values { rooms[job.queue]?.take(job.labels) }
    return rooms
  }
}
