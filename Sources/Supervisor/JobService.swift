package import JobModel
package import JobProcess
package import JobStore

/// All that a front end can ask of the daemon. Every call answers with a value that may go on the wire, or throws
/// a `Problem`.
/// Cancelling the calling task ends a wait; it never undoes a change that has been asked for.
package struct JobService: Sendable {
  let supervisor: Supervisor
  let pid: Int32
  let surroundings: @Sendable () async -> [Diagnosis.Finding]
  private let started: Moment

  /// - Parameters:
  ///   - pid: of this process, for `status`.
  ///   - surroundings: what a doctor shall know that only the program itself does: its files, its socket.
  package init(
    supervisor: Supervisor, pid: Int32,
    surroundings: @escaping @Sendable () async -> [Diagnosis.Finding] = { [] }
  ) {
    self.supervisor = supervisor
    self.pid = pid
    self.surroundings = surroundings
    started = supervisor.time.now()
  }

  var store: any JobStore { supervisor.store }
  var now: Moment { supervisor.time.now() }

  // MARK: Jobs

  /// Adds one job and answers with it, as the submitter may see it and as the commit left it.
  package func enqueueOne(_ request: JobRequest, by submitter: Submitter?) async throws(Problem) -> EnqueuedJob {
    let defaults: JobDefaults
    do throws(Problem) { defaults = try supervisor.intake.defaults() } catch {
      // Whoever asks again after a lost reply brings no new work.
      guard let id = request.requestID,
        let job = try await asking({ store throws(StoreError) in try await store.job(answering: id, at: now) })
      else { throw error }
      return EnqueuedJob(job: job, isNew: false).visible(to: submitter?.uid)
    }
    let spec = try EncodedSpec(request, defaults: defaults, by: submitter)
    if let directory = spec.cwd { try await refuseClosedDirectories([directory]) }
    let links = RequestLinks(request)
    if links.usesRefs {
      do throws(RequestGraph.Flaw) { _ = try RequestGraph([links]) } catch { throw Problem(error.value) }
    }
    return try await asking { store throws(StoreError) in try await store.enqueueOne(spec, at: now) }
      .visible(to: submitter?.uid)
  }

  /// A directory that is there but that jobs cannot enter is a mistake that the person at the prompt can mend:
  /// said now, not at the start.
  func refuseClosedDirectories(_ directories: Set<String>) async throws(Problem) {
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

  /// What a job waits for and what waits for it, at most `limit` jobs of each.
  package func graph(_ id: JobID, limit: Int) async throws(Problem) -> JobGraph {
    let graph = try await asking { store throws(StoreError) in try await store.graph(id, limit: limit) }
    guard let graph else { throw .noSuchJob(id) }
    return graph
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

  // MARK: The daemon

  package func status() async throws(Problem) -> DaemonStatus {
    let overview = try await asking { store throws(StoreError) in try await store.overview() }
    let trouble = await supervisor.storageTrouble
    return DaemonStatus(
      version: JobQVersion.current, pid: pid, uptimeSeconds: Double(now.boot - started.boot) / 1000,
      draining: await supervisor.isDraining, pause: overview.pause,
      workers: .init(busy: await supervisor.busy, limit: await supervisor.workerLimit), counts: overview.counts,
      queues: await inForce(overview.queues),
      storage: .init(state: trouble == nil ? "ok" : "failing", error: trouble?.message),
      containment: supervisor.runner.containment.rawValue, unkillable: await supervisor.unkillable.sorted())
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
    var counters = await supervisor.currentCounters
    counters.hooks = await supervisor.hooks.counters
    return counters
  }

  /// What the store has done since the start, for `GET /metrics`.
  package func statistics() async throws(Problem) -> StoreStatistics {
    try await asking { store throws(StoreError) in try await store.statistics() }
  }

  package var startedAt: Timestamp { started.wall }

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
  func asking<Value>(_ question: (any JobStore) async throws(StoreError) -> Value) async throws(Problem)
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
    case .tooManyLabels: self.init(.invalidValue, error.message, field: "labels")
    case .noSuchSchedule: self.init(.notFound, error.message)
    case .scheduleTaken, .tooManySchedules: self.init(.wrongState, error.message)
    case .unknownDependency: self.init(.invalidValue, error.message, field: "after")
    case .storage: self.init(.storage, error.message)
    case .fault: self.init(.fault, error.message)
    case .refused, .busy, .closed: self.init(.notReady, error.message)
    }
  }
}
