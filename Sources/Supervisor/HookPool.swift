import FoundationEssentials
import JobModel
import JobProcess
import JobStore
import Logging
import Synchronization

/// Runs the hooks: a pool of its own, so that hooks that hang or fail cost the jobs nothing. What it decides is
/// decided by `HookCore`; what is to be delivered is in the store, where the end of the job itself has put it.
///
/// Life: `run` until `end` returns. A delivery that is under way when the daemon dies is made again by the next one.
actor HookPool {
  private let store: any JobStore
  private let runner: ProcessRunner
  private let time: any TimeSource
  private let runAs: RunAs
  private let settings: HookSettings
  private let logger: Logger

  private var hooks = Hooks()
  private var core: HookCore
  private var counts = HookCounters()
  /// The tasks of the hooks that run, by delivery.
  private var workers: [Int64: Task<Void, Never>] = [:]
  private var look: Task<Void, Never>?
  private var alarm: Task<Void, Never>?
  private var idleWaiter: CheckedContinuation<Void, Never>?
  private var isHurried = false
  /// Waits until storage answers again; false where the daemon stops. Set while `run` runs.
  private var storageIsBack: @Sendable (StoreError) async -> Bool = { _ in false }
  /// At most one word waits: it says that there may be something, not what.
  private let stirs: AsyncStream<Void>
  private nonisolated let stir: AsyncStream<Void>.Continuation
  private nonisolated let interest = HookInterest()

  init(
    store: any JobStore, runner: ProcessRunner, time: any TimeSource, runAs: RunAs, settings: HookSettings,
    logger: Logger
  ) {
    self.store = store
    self.runner = runner
    self.time = time
    self.runAs = runAs
    self.settings = settings
    self.logger = logger
    core = HookCore(width: settings.width)
    let (stirs, stir) = AsyncStream.makeStream(of: Void.self, bufferingPolicy: .bufferingNewest(1))
    self.stirs = stirs
    self.stir = stir
    store.onCommit { [interest] changes in
      if interest.isThere, changes.contains(where: { $0.to?.hasEnded ?? false }) { stir.yield() }
    }
  }

  var counters: HookCounters {
    var counters = counts
    counters.running = core.running.count
    return counters
  }

  /// Takes new hooks over. A hook that runs is not disturbed; what waits is delivered to the new ones.
  func set(_ hooks: Hooks) {
    self.hooks = hooks
    if !hooks.isEmpty { interest.note() }
    store.setHooks(hooks)
    stir.yield()
  }

  // MARK: Life

  /// Delivers, what an earlier daemon left first, until `end`.
  func run(storageIsBack: @escaping @Sendable (StoreError) async -> Bool) async {
    self.storageIsBack = storageIsBack
    apply(.stirred)
    for await _ in stirs { apply(.stirred) }
    self.storageIsBack = { _ in false }
  }

  /// Begins nothing more, and returns once no hook runs, or at `deadline`, or once `hurry` is called.
  func finish(until deadline: ContinuousClock.Instant) async {
    apply(.close)
    guard !core.running.isEmpty else { return }
    logger.notice("waiting for running hooks", metadata: ["hooks": "\(core.running.count)"])
    await withTaskGroup(of: Void.self) { group in
      group.addTask { await self.waitUntilIdle() }
      group.addTask { try? await Task.sleep(until: deadline, clock: .continuous) }
      await group.next()
      wake()
      group.cancelAll()
    }
  }

  /// Ends the wait of `finish`, also of one that comes.
  func hurry() {
    isHurried = true
    wake()
  }

  private func wake() {
    idleWaiter?.resume()
    idleWaiter = nil
  }

  /// Ends every hook that runs, and returns once all their processes are gone. Their deliveries stay in the store.
  func end() async {
    apply(.close)
    for worker in workers.values { worker.cancel() }
    while let task = workers.values.first ?? look { await task.value }
    alarm?.cancel()
    await alarm?.value
    stir.finish()
  }

  private func waitUntilIdle() async {
    // Cancelled: the deadline came before this was heard, and its `wake` found nobody.
    guard !core.running.isEmpty, !isHurried, !Task.isCancelled else { return }
    await withCheckedContinuation { idleWaiter = $0 }
  }

  // MARK: Events and actions

  private func apply(_ event: HookCore.Event) {
    for action in core.handle(event) {
      switch action {
      case .look(let limit): look = Task { await self.look(limit: limit) }
      case .start(let delivery): workers[delivery.id] = Task { await self.work(delivery) }
      case .arm(let due): arm(due)
      case .idle: wake()
      }
    }
  }

  private func look(limit: Int) async {
    let result: Result<HookReport, StoreError>
    do throws(StoreError) {
      result = .success(try await store.dueDeliveries(at: time.now(), limit: limit))
    } catch {
      result = .failure(error)
    }
    switch result {
    case .success(let report):
      look = nil
      apply(.found(report))
    case .failure(let error):
      if error.code != .closed { logger.error("what hooks are to be told cannot be read: \(error)") }
      let isBack = await storageIsBack(error)
      look = nil
      apply(.lookFailed)
      if isBack { apply(.stirred) }
    }
  }

  /// Sleeps until then, by the clock that counts suspend too.
  private func arm(_ due: Int64?) {
    let last = alarm
    last?.cancel()
    let span = due.map { Duration.milliseconds(max($0 - time.now().boot, 0)) }
    alarm = Task {
      await last?.value
      guard let span, (try? await Task.sleep(for: span, clock: .continuous)) != nil else { return }
      self.apply(.stirred)
    }
  }

  // MARK: One delivery

  /// Runs the hook, records what became of it, and gives the slot back, in this order, whatever happens.
  private func work(_ delivery: HookDelivery) async {
    let verdict = await deliver(delivery)
    if let verdict { await settle(delivery, verdict) }
    workers[delivery.id] = nil
    apply(.ended(delivery.id, isDone: verdict == .done))
  }

  /// Nil where a stop cut it short: the next start delivers it again.
  private func deliver(_ delivery: HookDelivery) async -> HookVerdict? {
    // The hooks may have been changed since the job ended.
    guard let command = hooks.command(for: delivery.end) else { return .done }
    let plan = runAs.plan(of: delivery, command, settings)
    let logger = self.logger
    let ending = await runner.run(plan) { _ in
    } unkillable: {
      logger.error("a process of a hook outlives KILL: stuck in the kernel", metadata: delivery.metadata)
    }
    guard let ending, ending.outcome != .cancelled else { return nil }
    if ending.outcome == .succeeded {
      counts.delivered += 1
      logger.debug("a hook was told", metadata: delivery.metadata)
      return .done
    }
    return await failed(delivery, command, ending)
  }

  private func failed(_ delivery: HookDelivery, _ command: [String], _ ending: AttemptEnding) async -> HookVerdict {
    counts.failed += 1
    let tries = delivery.tries + 1
    var metadata = delivery.metadata
    metadata["hook"] = "\(command[0])"
    metadata["why"] = "\(ending.error ?? "\(ending.outcome.rawValue), exit code \(ending.exitStatus)")"
    metadata["try"] = "\(tries)"
    if let words = await lastWords(of: delivery) { metadata["output"] = "\(words)" }
    guard tries < settings.tries else {
      counts.givenUp += 1
      logger.error("a hook failed too often and is given up for this job", metadata: metadata)
      return .done
    }
    let pause = settings.backoff.delay(afterFailure: tries, random: 0)
    metadata["again_in"] = "\(pause)"
    logger.warning("a hook failed", metadata: metadata)
    return .again(at: time.now().boot + pause.milliseconds)
  }

  /// The last line that it wrote, shortened.
  private func lastWords(of delivery: HookDelivery) async -> String? {
    let log = runner.logs.reader(hook: Int(delivery.id), of: delivery.job)
    let offset = await log.offset(ofLastLines: 1)
    guard let bytes = try? await log.read(from: offset, max: 256).bytes, !bytes.isEmpty else { return nil }
    let line = bytes.last == UInt8(ascii: "\n") ? bytes.dropLast() : bytes[...]
    return String(decoding: line, as: UTF8.self)
  }

  /// While storage fails the slot is kept: a hook that has run shall not run again for want of space.
  private func settle(_ delivery: HookDelivery, _ verdict: HookVerdict) async {
    while true {
      do throws(StoreError) {
        return try await store.settle(delivery.id, verdict)
      } catch {
        if case .storage = error.code, await storageIsBack(error) { continue }
        logger.error(
          "the delivery to a hook was not recorded; it will be made again: \(error)", metadata: delivery.metadata)
        return
      }
    }
  }
}

/// Whether this daemon has ever had hooks: without, no end of a job is a reason to look for what is to be delivered. Once
/// there it stays: an end that is being committed as the last hook goes may still have left something.
private final class HookInterest: Sendable {
  private let noted = Atomic(false)

  var isThere: Bool { noted.load(ordering: .acquiring) }
  func note() { noted.store(true, ordering: .releasing) }
}

extension HookDelivery {
  fileprivate var metadata: Logger.Metadata {
    ["job": "\(job)", "queue": "\(end.queue)", "outcome": "\(end.outcome.rawValue)"]
  }
}

extension RunAs {
  /// A hook as an attempt of its own: in the daemon user's home, with a small clean environment.
  fileprivate func plan(of delivery: HookDelivery, _ command: [String], _ settings: HookSettings) -> AttemptPlan {
    var plan = AttemptPlan(
      id: delivery.job, attempt: Int(delivery.id), command: command, cwd: home,
      env: [
        "PATH": Self.standardPath, "HOME": home, "USER": user, "SHELL": shell, "JOBQ_ID": delivery.job.description,
        "JOBQ_QUEUE": delivery.end.queue, "JOBQ_OUTCOME": delivery.end.outcome.rawValue, "JOBQ_SOCKET": socket,
      ],
      umask: 0o022, stdin: Data((delivery.text + "\n").utf8), timeout: settings.timeout,
      killGrace: settings.killGrace, splitOutput: false, logMax: settings.logMax)
    plan.kind = .hook
    plan.isCwdHome = true
    return plan
  }
}
