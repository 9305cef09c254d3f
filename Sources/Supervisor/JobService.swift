package import JobModel
package import JobProcess
package import JobStore

/// All that a front end can ask of the daemon. Every call answers with a value that may go on the wire, or throws
/// a `Problem`.
/// Cancelling the calling task ends a wait; it never undoes a change that has been asked for.
package struct JobService: Sendable {
  let supervisor: Supervisor
  private let pid: Int32
  private let started: Moment

  /// - Parameter pid: of this process, for `status`.
  package init(supervisor: Supervisor, pid: Int32) {
    self.supervisor = supervisor
    self.pid = pid
    started = supervisor.time.now()
  }

  private var store: any JobStore { supervisor.store }
  private var now: Moment { supervisor.time.now() }

  // MARK: Jobs

  /// Adds the jobs, all or none, and answers in their order.
  package func enqueue(_ requests: [JobRequest], by submitter: Submitter?) async throws(Problem) -> [Enqueued] {
    let specs = try await accepted(requests, by: submitter)
    return try await asking { store throws(StoreError) in try await store.enqueue(specs, at: now) }
  }

  /// Adds one job and answers with it, as the submitter may see it and as the commit left it.
  package func enqueueOne(_ request: JobRequest, by submitter: Submitter?) async throws(Problem) -> EnqueuedJob {
    let spec = try await accepted([request], by: submitter)[0]
    var added = try await asking { store throws(StoreError) in try await store.enqueueOne(spec, at: now) }
    added.job = added.job.visible(to: submitter?.uid)
    return added
  }

  /// The jobs that the requests ask for, where new work is taken and every value can be.
  private func accepted(_ requests: [JobRequest], by submitter: Submitter?) async throws(Problem) -> [JobSpec] {
    let defaults = try await supervisor.defaultsOfNewWork()
    var specs: [JobSpec] = []
    specs.reserveCapacity(requests.count)
    for (index, request) in requests.enumerated() {
      do throws(InvalidValue) {
        specs.append(try request.checked(defaults: defaults, submittedBy: submitter))
      } catch {
        var problem = Problem(error)
        if requests.count > 1 { problem.line = index + 1 }
        throw problem
      }
    }
    try await refuseClosedDirectories(specs)
    return specs
  }

  /// A directory that is there but that jobs cannot enter is a mistake that the person at the prompt can mend:
  /// said now, not at the start.
  private func refuseClosedDirectories(_ specs: [JobSpec]) async throws(Problem) {
    let directories = Set(specs.compactMap(\.cwd))
    guard !directories.isEmpty else { return }
    if let closed = await DirectoryAccess.firstClosed(of: directories) {
      throw Problem(
        .notPermitted, "cwd: \(supervisor.runAs.user), as whom jobs run, may not enter \"\(closed.printable)\"",
        field: "cwd")
    }
  }

  /// As `viewer` may see it.
  package func job(_ id: JobID, viewer: UInt32?) async throws(Problem) -> Job {
    let job = try await asking { store throws(StoreError) in try await store.job(id) }
    guard let job else { throw .noSuchJob(id) }
    return job.visible(to: viewer)
  }

  package func jobs(_ filter: JobFilter, viewer: UInt32?) async throws(Problem) -> JobPage {
    var page = try await asking { store throws(StoreError) in try await store.jobs(filter) }
    page.jobs = page.jobs.map { $0.visible(to: viewer) }
    return page
  }

  package func cancel(_ id: JobID, viewer: UInt32?) async throws(Problem) -> Job {
    try await asking { store throws(StoreError) in try await store.cancel(id, at: now) }.visible(to: viewer)
  }

  package func hold(_ id: JobID, viewer: UInt32?) async throws(Problem) -> Job {
    try await asking { store throws(StoreError) in try await store.hold(id, at: now) }.visible(to: viewer)
  }

  package func release(_ id: JobID, viewer: UInt32?) async throws(Problem) -> Job {
    try await asking { store throws(StoreError) in try await store.release(id, at: now) }.visible(to: viewer)
  }

  package func retry(_ id: JobID, withDependents: Bool, viewer: UInt32?) async throws(Problem) -> Job {
    try await asking { store throws(StoreError) in try await store.retry(id, withDependents: withDependents, at: now) }
      .visible(to: viewer)
  }

  package func remove(_ id: JobID) async throws(Problem) {
    try await asking { store throws(StoreError) in try await store.remove(id, at: now) }
    await supervisor.runner.logs.remove([id])
  }

  /// The job once it has ended, or after `timeout` as it is; nil waits without end.
  package func wait(_ id: JobID, timeout: TimeSpan?, viewer: UInt32?) async throws(Problem) -> Job {
    try await supervisor.hub.watching(id) { watch throws(Problem) in
      var job = try await self.job(id, viewer: viewer)
      guard let timeout else {
        while !job.state.hasEnded, !Task.isCancelled, !supervisor.hub.isClosed {
          await watch.next()
          job = try await self.job(id, viewer: viewer)
        }
        return job
      }
      guard !job.state.hasEnded, timeout > .zero else { return job }
      // The first of the two ends the other: the timer, or the loop that looks at each change.
      let ended: Result<Job, Problem>? = await withTaskGroup(of: Result<Job, Problem>?.self) { group in
        group.addTask {
          do throws(Problem) { return .success(try await wait(id, timeout: nil, viewer: viewer)) } catch {
            return .failure(error)
          }
        }
        group.addTask {
          try? await Task.sleep(for: timeout.duration)
          return nil
        }
        let first = await group.next() ?? nil
        group.cancelAll()
        return first
      }
      if let ended { return try ended.get() }
      job = try await self.job(id, viewer: viewer)
      return job
    }
  }

  // MARK: Queues and the daemon

  package func queues() async throws(Problem) -> [QueueInfo] {
    let overview = try await asking { store throws(StoreError) in try await store.overview() }
    return await inForce(overview.queues)
  }

  package func update(queue: String, _ patch: QueuePatch) async throws(Problem) -> QueueInfo {
    guard Limits.isQueueName(queue) else {
      throw Problem(InvalidValue("queue", "\"\(queue.printable)\" cannot be a queue's name"))
    }
    do throws(InvalidValue) { try patch.check() } catch { throw Problem(error) }
    if patch.concurrency != nil, await supervisor.configuration.queueLimits[queue] != nil {
      throw Problem(
        .wrongState,
        "the configuration file sets the concurrency of \"\(queue)\", and it wins; change it there and reload jobqd")
    }
    let info = try await asking { store throws(StoreError) in try await store.update(queue: queue, patch) }
    if let limit = patch.concurrency { await supervisor.setLive(limit: limit, of: queue) }
    if patch.paused == false { await supervisor.loosened() }
    return await inForce([info])[0]
  }

  /// The limits of the configuration file win over those in the store.
  private func inForce(_ queues: [QueueInfo]) async -> [QueueInfo] {
    let limits = await supervisor.configuration.queueLimits
    return queues.map { queue in
      var queue = queue
      queue.concurrency = limits[queue.name] ?? queue.concurrency
      return queue
    }
  }

  package func status() async throws(Problem) -> DaemonStatus {
    let overview = try await asking { store throws(StoreError) in try await store.overview() }
    let trouble = await supervisor.storageTrouble
    return DaemonStatus(
      version: JobQVersion.current, pid: pid, uptimeSeconds: Double(now.boot - started.boot) / 1000,
      draining: await supervisor.isDraining, paused: overview.paused,
      workers: .init(busy: await supervisor.busy, limit: await supervisor.workerLimit), counts: overview.counts,
      queues: await inForce(overview.queues),
      storage: .init(state: trouble == nil ? "ok" : "failing", error: trouble?.message),
      containment: supervisor.runner.containment.rawValue, unkillable: await supervisor.unkillable.sorted())
  }

  /// Pauses all queues.
  package func pause() async throws(Problem) {
    try await asking { _ throws(StoreError) in try await supervisor.setPaused(true) }
  }

  /// Takes the pause of all queues, and a drain, back.
  package func resume() async throws(Problem) {
    try await asking { _ throws(StoreError) in try await supervisor.setPaused(false) }
    await supervisor.resume()
  }

  /// Refuses enqueues and claims nothing until `resume` or a restart.
  package func drain() async throws(Problem) { await supervisor.drain() }

  /// Whether storage and the supervisor answer; throws what is wrong.
  package func health() async throws(Problem) {
    if let trouble = await supervisor.storageTrouble { throw Problem(.notReady, trouble.message) }
    do throws(Problem) {
      _ = try await asking { store throws(StoreError) in try await store.overview() }
    } catch {
      throw Problem(.notReady, error.detail)
    }
  }

  /// Counters since the start, for `GET /metrics`.
  package func counters() async -> ServiceCounters {
    var counters = await supervisor.counters
    counters.commits = supervisor.hub.commits
    return counters
  }

  // MARK: Streams

  /// An attempt's output. `attempt` nil: the latest; `stream` nil: all that was kept (for a job with split
  /// output, standard output and then
  /// standard error). `tail`: begin that many lines before the end. `follow`: go on until the job has ended,
  /// over retries where `attempt` is nil; a named
  /// attempt may then be the next one, that has not begun.
  package func log(_ id: JobID, attempt: Int?, stream: LogStream?, offset: Int64, tail: Int?, follow: Bool)
    async throws(Problem)
    -> LogFeed
  {
    let job = try await job(id, viewer: nil)
    // The next attempt may be followed before it begins.
    if let attempt, !(1...max(job.attempt + (follow ? 1 : 0), 1)).contains(attempt) {
      throw Problem(.notFound, "job \(id) has no attempt \(attempt); it has had \(job.attempt)", field: "attempt")
    }
    return try await LogFeed(
      service: self, job: job, attempt: attempt, stream: stream, offset: offset, tail: tail, follow: follow)
  }

  /// State changes from now on, or from after `lastID` (`Last-Event-ID`).
  package func events(after lastID: String?) async -> EventFeed { EventFeed(hub: supervisor.hub, after: lastID) }

  // MARK: Errors

  /// Asks the store, and says its refusals in the words of the API.
  private func asking<Value>(_ question: (any JobStore) async throws(StoreError) -> Value) async throws(Problem)
    -> Value
  {
    do throws(StoreError) {
      return try await question(store)
    } catch {
      await supervisor.storageFailed(error)
      throw Problem(error)
    }
  }
}

extension Problem {
  /// What a front end says of a store's refusal.
  init(_ error: StoreError) {
    switch error.code {
    case .noSuchJob: self.init(.notFound, error.message)
    case .wrongState, .hasDependents, .uniqueKeyTaken, .staleAttempt: self.init(.wrongState, error.message)
    case .unknownDependency: self.init(.invalidValue, error.message, field: "after")
    case .storage: self.init(.storage, error.message)
    case .refused, .closed: self.init(.notReady, error.message)
    }
  }
}

package struct ServiceCounters: Sendable {
  package var enqueued = 0
  package var attemptsByOutcome: [Outcome: Int] = [:]
  package var commits = 0

  package init() {}
}
