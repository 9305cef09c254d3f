package import JobModel
package import JobStore

/// What may start next, and what an event means: a plain value. Events go in, actions come out; nothing here waits,
/// reads a clock or does I/O. It holds what is running and the limits, not what is waiting: it says how much may
/// be taken, and the
/// store takes that by index. So its memory is bounded by the number of workers and of leases that are out, whatever the queue's length.
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
    /// - `slot`: that the store may have given on.
    case ended(JobID, attempt: Int, slot: FreedSlot? = nil)
    /// What an earlier daemon left running has been ended and recorded.
    case recovered
    /// Something that held jobs back has gone, or got an end: a pause, a limit, a failing disk.
    case loosened
    case limits(workers: Int, queues: [String: QueueLimits])
    case lease(LeaseEvent)
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
    /// The claim under way, which waits in the store, is to take nothing more and to be answered.
    case takeBackClaim
    case start(ClaimedAttempt)
    /// End the worker of this attempt: a person cancelled the job.
    case cancel(JobID, attempt: Int)
    /// Ask the store to queue what is due, and when the next is.
    case promote
    /// One alarm for each clock; nil disarms it.
    case arm(wall: Timestamp?, boot: Int64?)
    /// Let the worker that asked with this number look for so many jobs, in this room of its queue.
    case look(ticket: UInt64, Int, QueueRoom)
    /// Tell the worker that there is nothing for it.
    case turnAway(ticket: UInt64)
    /// Ask the store to end the leases whose time has come, and when the next does.
    case expire
    /// Nothing runs any more: what waits for a drain or a stop may go on.
    case idle
  }

  package struct Running: Sendable, Hashable {
    package var attempt: Int
    package var queue: String
    /// By one of which its queue may be limited, now or later: for `why`.
    package var labels: [String: String]
    package var cancelling: Bool
    /// An outside worker has it: no worker of ours does.
    package var isLeased = false
  }

  /// When each thing that is waited for comes, as the store last said.
  struct Alarms: Hashable {
    var wall: Timestamp?
    var boot: Int64?
    /// The first start that a rate holds back, by the time since boot: of a command, and of a lease.
    var start: Int64?
    var leaseStart: Int64?
    /// The first end of a lease.
    var leaseWall: Timestamp?
    var leaseBoot: Int64?

    var next: (wall: Timestamp?, boot: Int64?) {
      (
        wall: [wall, leaseWall].compactMap { $0 }.min(),
        boot: [boot, start, leaseStart, leaseBoot].compactMap { $0 }.min()
      )
    }

    var action: Action {
      let next = next
      return .arm(wall: next.wall, boot: next.boot)
    }
  }

  /// A question to the store: at most one of a kind is under way; what comes meanwhile is remembered, not asked twice.
  enum Question: Sendable { case idle, asked, askedAndStale }

  package internal(set) var running: [JobID: Running] = [:]
  /// Until then nothing is claimed, whatever is asked meanwhile: a job must not start before the last of its earlier
  /// attempt is gone, and what is started would be taken for a leftover.
  private(set) var isRecovering: Bool
  /// Slots that the store has given on: of those in the first set a claimed attempt has it, and the worker whose it was has not
  /// said yet that it is done; of those in the second the worker has, and what was claimed is still to be heard of.
  private var passedOn: Set<FreedSlot> = []
  private var awaited: Set<FreedSlot> = []
  package private(set) var isDraining = false
  package private(set) var isStopping = false
  package private(set) var workers: Int
  /// In force, of each queue that has any.
  package internal(set) var queueLimits: [String: QueueLimits]
  var claiming = Question.idle
  private var promoting = Question.idle
  var lastRequest: ClaimRequest?
  var alarms = Alarms()
  /// False once a claim came back with less than it asked for: no more than the limits let through is waiting. A claim that
  /// waits is asked all the same.
  var mayHaveWork = true
  /// The last claim failed: none is asked without a reason until something comes or loosens.
  private var hasClaimFailed = false
  /// What the claim that waits in the store may take is not what may be taken any more.
  private var isClaimOutdated = false
  private var isClaimTakenBack = false
  private var pause = PauseKnowledge()
  /// Cancels of jobs that a claim under way may be taking just now.
  private var cancelsDuringClaim: Set<Attempt> = []
  var desk = LeaseDesk()
  var expiring = Question.idle
  /// Leases that ended while a look is under way that may have granted them, or a read that may find them, with the number of the latest such look.
  var leasesEnded: [Attempt: UInt64] = [:]
  /// How often the store is being asked for what is out.
  var leaseReads = 0

  /// - Parameter isRecovering: hold everything back until `.recovered`.
  package init(workers: Int, queueLimits: [String: QueueLimits] = [:], isRecovering: Bool = false) {
    self.isRecovering = isRecovering
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
      (hasClaimFailed, isClaimTakenBack) = (true, false)
      cancelsDuringClaim.removeAll()
      if isDraining || isStopping, busy == 0 { actions.append(.idle) }
      serve(&actions)
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
      expire(&actions)
      // Whether it was this that came the store knows: it tells anew what is still to come.
      if alarms.start != nil || alarms.leaseStart != nil {
        (alarms.start, alarms.leaseStart) = (nil, nil)
        wake()
      }
    case .ended(let id, let attempt, let slot): end(id, attempt, slot, &actions)
    case .recovered:
      isRecovering = false
      wake()
      promote(&actions)
      expire(&actions)
    case .loosened:
      wake()
      promote(&actions)
      expire(&actions)
    case .limits(let workers, let queues):
      self.workers = workers
      queueLimits = queues
      wake()
    case .lease(let event): handle(event, &actions)
    case .pauseAsked: pause.asked()
    case .pauseAnswered(let isPaused): pause.answered(isPaused)
    case .drain:
      isDraining = true
      if busy == 0, claiming == .idle { actions.append(.idle) }
    case .resume:
      isDraining = false
      wake()
    case .stop:
      isStopping = true
      if busy == 0, claiming == .idle { actions.append(.idle) }
    }
    serve(&actions)
    takeBackClaim(&actions)
    claim(&actions)
    return actions
  }

  private mutating func note(_ changes: [JobChange], _ actions: inout [Action]) {
    var rearm = false
    for change in changes {
      noteLease(change)
      switch change.to {
      case .queued?:
        wakeClaims()
        desk.note(newJobIn: change.queue)
      case .scheduled?: rearm = true
      case .running? where change.cancelling:
        // Of a job that follows itself the attempt before may be all that is known.
        if running[change.id]?.attempt == change.attempt {
          running[change.id]?.cancelling = true
          actions.append(.cancel(change.id, attempt: change.attempt))
        } else if claiming != .idle {
          cancelsDuringClaim.insert(Attempt(id: change.id, number: change.attempt))
        }
      default: break
      }
    }
    if rearm { promote(&actions) }
  }

  /// Anything may have changed that a claim or a look under way did not see.
  mutating func wake() {
    pause.forget()
    wakeClaims()
    isClaimOutdated = true
    desk.noteAnything()
  }

  /// There may be something to claim that a claim under way did not see.
  mutating func wakeClaims() {
    mayHaveWork = true
    hasClaimFailed = false
    if claiming == .asked { claiming = .askedAndStale }
  }

  private mutating func start(_ report: ClaimReport, _ actions: inout [Action]) {
    let attempts = report.attempts
    let asked = lastRequest?.limit ?? 0
    // Work that came while the store was choosing may not be in its choice.
    mayHaveWork = claiming == .askedAndStale || attempts.count >= asked
    claiming = .idle
    isClaimTakenBack = false
    lastRequest = nil
    for attempt in attempts {
      if let slot = attempt.slot, awaited.remove(slot) == nil { passedOn.insert(slot) }
      let cancelled = cancelsDuringClaim.contains(Attempt(id: attempt.id, number: attempt.attempt))
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
    if isDraining || isStopping, busy == 0 { actions.append(.idle) }
  }

  private mutating func end(_ id: JobID, _ attempt: Int, _ slot: FreedSlot?, _ actions: inout [Action]) {
    if let slot, passedOn.remove(slot) == nil, slot.isTaken { awaited.insert(slot) }
    // A late ending must not remove its successor.
    if let ended = running[id], ended.attempt == attempt {
      running[id] = nil
      // A queue at its limit may have held work back that the last claim could not see.
      makeRoom(in: ended.queue)
    }
    // A claim that waits for slots alone would not take what comes for this one.
    if claiming != .idle, lastRequest?.limit == 0, busy < workers { isClaimOutdated = true }
    if isDraining || isStopping, busy == 0, claiming == .idle { actions.append(.idle) }
  }

  private mutating func promote(_ actions: inout [Action]) {
    guard !isStopping else { return }
    switch promoting {
    case .idle:
      promoting = .asked
      // The answer tells anew what is still to come: a time that has passed would go off again and again.
      (alarms.wall, alarms.boot) = (nil, nil)
      actions.append(.promote)
    case .asked: promoting = .askedAndStale
    case .askedAndStale: break
    }
  }

  /// When it is to be woken next. What has come and is being dealt with is not among it: whoever arms for other times too
  /// takes these from here each time, since one that has passed would go off again and again.
  package var alarm: (wall: Timestamp?, boot: Int64?) { alarms.next }

  /// How many of our workers have an attempt: all that runs but what is leased. Queues and keys are bounded by both.
  package var busy: Int { occupants.count { !$0.value.isLeased } + awaited.count }

  /// What runs, without those that have ended in the store and whose slot another has by now.
  package var occupants: [JobID: Running] {
    guard !passedOn.isEmpty else { return running }
    var occupants = running
    for slot in passedOn where running[slot.id]?.attempt == slot.attempt { occupants[slot.id] = nil }
    return occupants
  }

  /// Whether anything may be claimed at all.
  var mayClaim: Bool { !isRecovering && !isDraining && !isStopping && !pause.isCertain }

  private mutating func claim(_ actions: inout [Action]) {
    // Where no queue has limits what may be taken does not depend on what else runs or is leased, and the store may be
    // told of it before there is anything: a job that comes is taken by the transaction that it comes with, and one that
    // waits by that which records the end of another.
    let waits = queueLimits.isEmpty
    guard claiming == .idle, mayClaim, !hasClaimFailed, mayHaveWork || waits else { return }
    let free = workers - busy
    guard free > 0 || (free == 0 && waits) else { return }
    let request = ClaimRequest(limit: free, rooms: rooms, waits: waits)
    claiming = .asked
    isClaimOutdated = false
    lastRequest = request
    mayHaveWork = false
    actions.append(.claim(request))
  }

  private mutating func takeBackClaim(_ actions: inout [Action]) {
    guard claiming != .idle, lastRequest?.waits == true, !isClaimTakenBack, !mayClaim || isClaimOutdated else { return }
    isClaimTakenBack = true
    actions.append(.takeBackClaim)
  }

  /// What each limited queue may start beside what runs.
  private var rooms: [String: QueueRoom] {
    guard !queueLimits.isEmpty else { return [:] }
    var rooms = queueLimits.mapValues(QueueRoom.init)
    for job in running.values { rooms[job.queue]?.take() }
    for (queue, line) in desk.lines { rooms[queue]?.spare(line.looking) }
    return rooms
  }
}
