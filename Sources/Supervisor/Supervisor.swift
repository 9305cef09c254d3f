import CrashPoints
import JobModel
package import JobProcess
package import JobStore
package import Logging

/// Runs the jobs: asks the core what may start, keeps a strong reference to the task of every worker, and joins
/// every one of them
/// before it lets go. All that it decides is decided by `SchedulerCore`; this is the shell that performs it.
///
/// Life: `recover`, then `run` until `stop` returns.
package actor Supervisor {
  /// A worker's task and why it was told to end, if it was.
  private struct Worker {
    var task: Task<Void, Never>
    var isCancelledByPerson = false
  }

  enum Phase { case starting, running, stopping, ending, stopped }

  nonisolated let store: any JobStore
  nonisolated let runner: ProcessRunner
  nonisolated let time: any TimeSource
  nonisolated let hub: ChangeHub
  private let changes: ChangeInbox
  nonisolated let runAs: RunAs
  nonisolated let logger: Logger
  nonisolated let hooks: HookPool
  /// Reads the rules of a time zone.
  nonisolated let zones: ZoneLookup
  /// Draws the number that decides an attempt's jitter.
  nonisolated let random: @Sendable () -> Double
  nonisolated let intake: Intake

  var configuration: SupervisorConfiguration { didSet { intake.set(configuration.defaults) } }
  private(set) var counters = ServiceCounters()
  private(set) var core: SchedulerCore
  private(set) var phase = Phase.starting
  /// By attempt: the next of the same job may begin while the one before takes its last step.
  private var workers: [SchedulerCore.Attempt: Worker] = [:]
  /// Every other task that this actor began: questions to the store, repair, pruning. Each takes itself out.
  private var chores: [UInt64: Task<Void, Never>] = [:]
  private var choreNumber: UInt64 = 0
  /// The latest claim. The core asks for one at a time.
  private var claimChore: UInt64 = 0
  var settings = QueueSettings()
  var storage = StorageTrouble()
  var unkillable: Set<JobID> = []
  private var idleWaiters: [UInt64: CheckedContinuation<Void, Never>] = [:]
  var schedules = ScheduleBook()
  /// Who waits for a word of the core on its leases, by ticket.
  var leaseTurns: [UInt64: CheckedContinuation<LeaseTurn, Never>] = [:]
  var leaseTickets: UInt64 = 0
  /// Of those whose time to wait is over while their answer is still on its way.
  var leaseTimesUp: Set<UInt64> = []
  private let inbox: AsyncStream<Input>
  private nonisolated let post: AsyncStream<Input>.Continuation

  /// Hands an event in from another thread.
  nonisolated func post(_ event: SchedulerCore.Event) { post.yield(.event(event)) }

  /// What reaches the actor from other threads, in order.
  private enum Input: Sendable {
    /// Some are in `changes`.
    case changes
    case event(SchedulerCore.Event)
    case unkillable(JobID, attempt: Int)
    case trouble(StoreTrouble)
    case abandonedWait(UInt64)
  }

  /// - Parameters:
  ///   - epoch: drawn anew at each start; it marks event numbers.
  ///   - zones: reads the rules of the time zones that schedules name.
  ///   - random: draws from 0..<1, for jitter.
  package init(
    store: any JobStore, runner: ProcessRunner, time: any TimeSource, configuration: SupervisorConfiguration,
    runAs: RunAs,
    epoch: String, logger: Logger, hooks: HookSettings = HookSettings(),
    zones: @escaping ZoneLookup = ZoneLookups.utc,
    random: @escaping @Sendable () -> Double = { Double.random(in: 0..<1) }
  ) {
    self.store = store
    self.runner = runner
    self.time = time
    self.configuration = configuration
    intake = Intake(configuration.defaults)
    self.runAs = runAs
    self.logger = logger
    self.zones = zones
    self.random = random
    self.hooks = HookPool(
      store: store, runner: runner, time: time, runAs: runAs, settings: hooks, logger: logger)
    core = SchedulerCore(workers: configuration.workers, isRecovering: true)
    let (inbox, post) = AsyncStream.makeStream(of: Input.self)
    self.inbox = inbox
    self.post = post
    let changes = ChangeInbox(core.concern) { post.yield(.changes) }
    self.changes = changes
    hub = ChangeHub(epoch: epoch) { changes.put($0) }
    let hub = self.hub
    store.onCommit { hub.publish($0) }
    store.onTrouble { post.yield(.trouble($0)) }
    time.onAlarm { post.yield(.event(.alarm)) }
  }

  // MARK: Life

  /// Handles what happens until `stop` has ended everything.
  package func run() async {
    if phase == .starting {
      phase = .running
      store.setPatience(true)
    }
    apply(.recovered)
    beginSchedules()
    // A stop that came first waits for what was begun before it, and for nothing that begins after.
    if phase == .running { keepPruning() }
    async let delivering: Void = hooks.run { await self.storageIsBack(after: $0) }
    for await input in inbox {
      switch input {
      case .changes: lookAtChanges()
      case .event(let event):
        apply(event)
        if case .alarm = event { runDueSchedules() }
      case .unkillable(let id, let attempt):
        if workers[.init(id: id, number: attempt)] != nil { unkillable.insert(id) }
      case .trouble(.failing(let error)): storageFailed(error)
      case .trouble(.mended(let failure)): logger.warning("a sync failed, and was made good: \(failure)")
      case .abandonedWait(let ticket): idleWaiters.removeValue(forKey: ticket)?.resume()
      }
    }
    await delivering
  }

  /// Claims nothing more, lets running attempts go on for `shutdownGrace`, ends the rest, awaits every worker, and
  /// returns once nothing is left. What KILL does not end is not waited for. May be called again: it then ends
  /// the grace at once.
  package func stop() async {
    guard phase != .stopped else { return }
    guard phase != .stopping, phase != .ending else { return await hurry() }
    phase = .stopping
    apply(.stop)
    // Whatever waits for a disk that fails would wait for ever.
    store.setPatience(false)
    do { try await store.noteStopping() } catch { logger.error("the stop could not be noted: \(error)") }
    let graceEnd = ContinuousClock.now + configuration.shutdownGrace.duration
    CrashPoint.stopNoted.pass()
    if !workers.isEmpty {
      logger.notice(
        "waiting for running attempts",
        metadata: ["attempts": "\(workers.count)", "grace": "\(configuration.shutdownGrace)"])
      await idle(within: configuration.shutdownGrace)
    }
    // Until here hooks were begun as jobs ended; those that run get what is left of the grace.
    await hooks.finish(until: graceEnd)
    phase = .ending
    async let hooksEnded: Void = hooks.end()
    runner.limitGrace(to: .seconds(10))
    for worker in workers.values { worker.task.cancel() }
    runner.abandonUnkillable()
    resumeStorageWaiters(false)
    for chore in chores.values { chore.cancel() }
    // A chore that ends may have started a worker; it was born cancelled, since the phase is `ending`.
    while let task = chores.values.first ?? workers.values.first?.task { await task.value }
    await hooksEnded
    phase = .stopped
    CrashPoint.stopped.pass()
    post.finish()
    hub.close()
  }

  /// Ends the grace of a stop that is under way.
  package func hurry() async {
    wakeIdleWaiters()
    await hooks.hurry()
  }

  // MARK: Events and actions

  func apply(_ event: SchedulerCore.Event) {
    lookAtChanges()
    handle(event)
  }

  /// Hands what has been committed meanwhile to the core: before anything else, so that it never knows less than whoever
  /// tells it of something.
  func lookAtChanges() {
    let changes = changes.takeAll()
    guard !changes.isEmpty else { return }
    counters.note(changes)
    tell(changes)
    handle(.changed(changes))
  }

  private func handle(_ event: SchedulerCore.Event) {
    let actions = core.handle(event)
    switch event {
    case .drain, .resume, .stop: intake.set(isDraining: core.isDraining, isStopping: core.isStopping)
    default: break
    }
    var concern = core.concern
    concern.everything = logger.logLevel <= .debug
    changes.set(concern)
    for action in actions { perform(action) }
  }

  /// As of the latest commit.
  var currentCounters: ServiceCounters {
    lookAtChanges()
    return counters
  }

  private func perform(_ action: SchedulerCore.Action) {
    switch action {
    case .claim(let request): claimChore = chore { await $0.claim(request) }
    case .takeBackClaim: chores[claimChore]?.cancel()
    case .promote: chore { await $0.promote() }
    case .expire: chore { await $0.expireLeases() }
    case .look(let ticket, let count, let room): take(.look(count, room), ticket)
    case .turnAway(let ticket): take(.leave, ticket)
    case .arm: rearm()
    case .start(let attempt): start(attempt)
    case .cancel(let id, let attempt):
      let key = SchedulerCore.Attempt(id: id, number: attempt)
      workers[key]?.isCancelledByPerson = true
      workers[key]?.task.cancel()
    case .idle: wakeIdleWaiters()
    }
  }

  /// One alarm serves the core's times and the schedules'.
  func rearm() {
    let alarm = core.alarm
    let due = takesDueTimes ? schedules.next : nil
    time.arm(wall: [alarm.wall, due].compactMap(\.self).min(), boot: alarm.boot)
  }

  /// Whether schedules are looked after: not before the start, in a drain, or in a stop.
  var takesDueTimes: Bool { phase == .running && !core.isDraining }

  private func start(_ attempt: ClaimedAttempt) {
    let work = AttemptWork(
      attempt: attempt, environment: runAs.environment(of: attempt), home: runAs.home, logMax: configuration.logMax,
      supervisor: self)
    // The entry is made in the same step as the task: there is no moment at which it runs and nobody holds it.
    let task = Task { await work.run() }
    workers[.init(id: attempt.id, number: attempt.attempt)] = Worker(task: task)
    if phase == .ending { task.cancel() }
  }

  /// A worker's own last step.
  func ended(_ id: JobID, attempt: Int, _ slot: FreedSlot) {
    guard workers.removeValue(forKey: .init(id: id, number: attempt)) != nil else { return }
    unkillable.remove(id)
    apply(.ended(id, attempt: attempt, slot: slot))
  }

  /// Why the attempt was told to end: by a person, or by the daemon's stop.
  func wasCancelledByPerson(_ id: JobID, attempt: Int) -> Bool {
    workers[.init(id: id, number: attempt)]?.isCancelledByPerson ?? false
  }

  /// Called from the process reactor: KILL did not end the tree. Does not wait.
  nonisolated func reportUnkillable(_ id: JobID, attempt: Int) {
    logger.error(
      "a process outlives KILL: stuck in the kernel; the job stays running",
      metadata: ["job": "\(id)", "attempt": "\(attempt)"])
    store.noteUnkillable(id, attempt: attempt)
    post.yield(.unkillable(id, attempt: attempt))
  }

  private func claim(_ request: ClaimRequest) async {
    do throws(StoreError) {
      apply(.claimed(try await store.claim(request) { [time] in time.now() }))
    } catch {
      apply(.claimFailed)
      schedulingFailed(error)
    }
  }

  private func promote() async {
    do throws(StoreError) {
      apply(.promoted(try await store.promoteDue(at: time.now(), limit: 1000)))
    } catch {
      apply(.promoteFailed)
      schedulingFailed(error)
    }
  }

  @discardableResult
  func chore(_ body: @escaping @Sendable (Supervisor) async -> Void) -> UInt64 {
    choreNumber += 1
    let number = choreNumber
    chores[number] = Task {
      await body(self)
      self.chores[number] = nil
    }
    return number
  }

  /// For the watchdog: an answer is a sign of life. Asks no storage.
  package func answers() {}

  /// Where the daemon listens.
  package nonisolated var socket: String { runAs.socket }

  // MARK: What a front end asks

  var isDraining: Bool { core.isDraining }
  var busy: Int { core.busy }
  var workerLimit: Int { core.workers }

  func drain() {
    apply(.drain)
    rearm()
  }

  /// A pause or a limit has gone, or got an end.
  func loosened() { apply(.loosened) }

  func resume() {
    let wasDraining = core.isDraining
    apply(.resume)
    apply(.loosened)
    if wasDraining { beginSchedules() }
  }

  // MARK: Waiting until nothing runs

  private func idle(within span: TimeSpan) async {
    await withTaskGroup(of: Void.self) { group in
      group.addTask { await self.waitUntilIdle() }
      group.addTask { try? await Task.sleep(for: span.duration) }
      await group.next()
      group.cancelAll()
    }
  }

  private func waitUntilIdle() async {
    guard core.busy > 0 || core.claiming != .idle else { return }
    choreNumber += 1
    let ticket = choreNumber
    await withTaskCancellationHandler {
      await withCheckedContinuation { continuation in
        if Task.isCancelled {
          continuation.resume()
        } else {
          idleWaiters[ticket] = continuation
        }
      }
    } onCancel: {
      post.yield(.abandonedWait(ticket))
    }
  }

  private func wakeIdleWaiters() {
    let waiters = idleWaiters.values
    idleWaiters = [:]
    for waiter in waiters { waiter.resume() }
  }
}
