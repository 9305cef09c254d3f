import FoundationEssentials
import JobModel
import SQLite

/// What can be asked of the database, over one connection, for its thread. Whoever asks more than one question
/// opens a transaction around them, so that the answers fit together.
struct JobReader {
  let statements: Statements

  // MARK: Jobs

  func row(_ id: JobID) throws(SQLiteError) -> JobRow? {
    try statements[.findJob].bind(id).first { row throws(SQLiteError) in try JobRow(row) }
  }

  /// The job with its attempts; nil where there is none.
  func job(_ id: JobID) throws(SQLiteError) -> Job? {
    guard let row = try row(id) else { return nil }
    return try job(row)
  }

  func job(_ row: JobRow) throws(SQLiteError) -> Job {
    var job = try row.told(spec(row))
    job.attempts = try attempts(of: row.id)
    return job
  }

  func attempts(of id: JobID) throws(SQLiteError) -> [Attempt] {
    try statements[.findAttempts].bind(id).all { row throws(SQLiteError) in try Attempt(row) }
  }

  /// In which tables there may be something of a job.
  struct Ties {
    var labels = true
    var dependencies = true
  }

  /// What the job is, without its standard input. `start` and `hold` are told by its row, not here.
  func spec(_ row: JobRow, looking ties: Ties = Ties()) throws(SQLiteError) -> JobSpec {
    var spec = try undecodedSpec(row, looking: ties)
    if case .payload(.string(let text)) = spec.work { spec.work = .payload(try JSONText.value(text)) }
    return spec
  }

  /// As `spec`, but a payload is still its text: reading that takes longer than all the rest.
  func undecodedSpec(_ row: JobRow, looking ties: Ties = Ties()) throws(SQLiteError) -> JobSpec {
    // Made in place: a spec is large, and each closure that it is handed through moves it.
    let columns = try statements[.findSpec].bind(row.id)
    defer { columns.reset() }
    guard try columns.step() else { throw .corrupt("job \(row.id) has no spec", doing: Query.findSpec.sql) }
    var spec = try JobSpec(row, columns)
    if ties.labels { spec.labels = try labels(of: row.id) }
    guard ties.dependencies else { return spec }
    for (id, kind) in try dependencies(of: row.id) {
      switch kind {
      case .after: spec.after.append(id)
      case .afterAny: spec.afterAny.append(id)
      }
    }
    return spec
  }

  func labels(of id: JobID) throws(SQLiteError) -> [String: String] {
    let labels = try statements[.findLabels].bind(id).all { row throws(SQLiteError) in
      (try row.read(String.self), try row.read(String.self))
    }
    return Dictionary(labels) { first, _ in first }
  }

  func stdin(of id: JobID) throws(SQLiteError) -> Data? {
    let bytes = try statements[.findStdin].bind(id).first { row throws(SQLiteError) in
      row.skipNull() ? nil : row.readBytes()
    }
    return (bytes ?? nil).map { Data($0) }
  }

  func dependencies(of id: JobID) throws(SQLiteError) -> [(JobID, DependencyKind)] {
    try statements[.findDependencies].bind(id).all { row throws(SQLiteError) in (try row.read(), try row.read()) }
  }

  func state(of id: JobID) throws(SQLiteError) -> JobState? {
    try statements[.findState].bind(id).first { row throws(SQLiteError) in try row.read() }
  }

  func leftovers() throws(SQLiteError) -> [Leftover] {
    let leftovers = try statements[.findLeftovers].all { row throws(SQLiteError) in
      var leftover = Leftover(
        id: try row.read(), attempt: try row.read(), queue: try row.read(), startedAt: try row.read(), process: nil)
      let pid = try row.read(Int?.self)
      let startTime = try row.read(Int64?.self)
      let bootID = try row.read(String?.self)
      if let pid, let startTime, let bootID {
        leftover.process = ProcessIdentity(
          pid: Int32(truncatingIfNeeded: pid), startTime: UInt64(bitPattern: startTime), bootID: bootID)
      }
      return leftover
    }
    return leftovers.sorted { $0.id < $1.id }
  }

  // MARK: Queues

  /// Of all queues.
  func pause() throws(SQLiteError) -> Pause? {
    try statements[.pause].first { row throws(SQLiteError) in try Pause.read(row) } ?? nil
  }

  func startTimes(of queue: String) throws(SQLiteError) -> StartTimes {
    try statements[.startTimes].bind(queue).first { row throws(SQLiteError) in
      StartTimes(wall: try row.read(), boot: try row.read())
    } ?? StartTimes()
  }

  func standing(of id: JobID) throws(SQLiteError) -> JobStanding? {
    guard let row = try row(id) else { return nil }
    let job = try job(row)
    let pending = try statements[.findPending].bind(id).all { row throws(SQLiteError) in
      WaitFacts.Dependency(id: try row.read(), state: try row.read())
    }
    return JobStanding(
      job: job, dependencies: pending, pause: try pause(), queuePause: try queue(job.queue)?.pause,
      nextStart: try startTimes(of: job.queue), ahead: try ahead(of: row))
  }

  /// How many of its queue go before a queued job. Nil where it or they count against keys: then the order is not
  /// that of one index.
  private func ahead(of row: JobRow) throws(SQLiteError) -> Int? {
    guard row.state == .queued, row.limitKey == nil else { return nil }
    let most = WaitFacts.countedAhead
    let first = try statements[.aheadByPriority].bind(row.queue).bind(row.kind).bind(row.priority).bind(most)
      .all(Self.id).count
    return try first
      + statements[.aheadByArrival].bind(row.queue).bind(row.kind).bind(row.priority).bind(row.id).bind(most - first)
      .all(Self.id).count
  }

  func overview() throws(SQLiteError) -> StoreOverview {
    StoreOverview(
      pause: try pause(), queues: try statements[.queues].all { row throws(SQLiteError) in try QueueInfo(row) })
  }

  func queue(_ name: String) throws(SQLiteError) -> QueueInfo? {
    try statements[.queue].bind(name).first { row throws(SQLiteError) in try QueueInfo(row) }
  }

  func total() throws(SQLiteError) -> Int {
    try statements[.total].first { row throws(SQLiteError) in try row.read(Int?.self) ?? 0 } ?? 0
  }
}

// MARK: The model's types from their rows

extension JobSpec {
  /// Reads `Query.findSpec`, and from the job's row what stands there. A payload is left as its text.
  fileprivate init(_ job: JobRow, _ row: Statement) throws(SQLiteError) {
    self.init(queue: job.queue, work: .command([]), killGrace: .zero, retries: 0, backoff: .standard)
    priority = job.priority
    onInterrupt = job.onInterrupt
    uniqueKey = job.uniqueKey
    name = try row.read()
    cwd = try row.read()
    umask = try row.read(Int?.self).map { UInt16(truncatingIfNeeded: $0) }
    timeout = try row.read()
    killGrace = try row.read()
    retries = try row.read()
    backoff = try Backoff(row)
    retryOn = try row.read()
    noRetryOn = try row.read()
    splitOutput = try row.read()
    let uid = try row.read(Int?.self)
    let pid = try row.read(Int?.self)
    if let uid, let pid {
      submittedBy = Submitter(uid: UInt32(truncatingIfNeeded: uid), pid: Int32(truncatingIfNeeded: pid))
    }
    let command = try row.read(String?.self)
    let env = try row.read(String?.self)
    let payload = try row.read(String?.self)
    if let env {
      guard let variables = StringJSON.object(env) else {
        throw .corrupt("the environment of job \(job.id) is not JSON", doing: row.sql)
      }
      self.env = variables
    }
    if let payload {
      work = .payload(.string(payload))
    } else {
      guard let words = command.flatMap(StringJSON.array) else {
        throw .corrupt("the command of job \(job.id) is not JSON", doing: row.sql)
      }
      work = .command(words)
    }
  }
}

extension Backoff {
  init(_ row: Statement) throws(SQLiteError) {
    self.init(kind: try row.read(), base: try row.read(), max: try row.read(), jitter: try row.read())
  }
}

extension JobRow {
  /// The job as people and programs are told of it, without its attempts.
  func told(_ spec: JobSpec) throws(SQLiteError) -> Job {
    var job = Job(
      id: id, state: state, queue: queue, priority: priority, createdAt: createdAt, attempt: attempt,
      maxAttempts: maxAttempts, killGrace: spec.killGrace, backoff: spec.backoff, onInterrupt: onInterrupt,
      splitOutput: spec.splitOutput, cancelling: cancelling)
    job.name = spec.name
    job.labels = spec.labels
    switch spec.work {
    case .command(let words): job.command = words
    case .payload(let value): job.payload = value
    }
    job.cwd = spec.cwd
    // Most have none of these.
    if !spec.env.isEmpty { job.env = spec.env.mapValues { $0 } }
    if !spec.after.isEmpty { job.after = spec.after.sorted() }
    if !spec.afterAny.isEmpty { job.afterAny = spec.afterAny.sorted() }
    job.umask = spec.umask.map { mask in
      let digits = String(mask, radix: 8)
      return String(repeating: "0", count: max(0, 3 - digits.count)) + digits
    }
    job.runAt = runAt
    job.startedAt = startedAt
    job.finishedAt = finishedAt
    job.timeout = spec.timeout
    job.retryOn = spec.retryOn
    job.noRetryOn = spec.noRetryOn
    job.uniqueKey = uniqueKey
    job.exitCode = exitCode
    job.signal = signal
    job.outcome = outcome
    job.error = error
    if let result { job.result = try JSONText.value(result) }
    job.submittedBy = spec.submittedBy
    return job
  }
}

extension Attempt {
  /// Reads `Query.findAttempts`.
  fileprivate init(_ row: Statement) throws(SQLiteError) {
    self.init(
      attempt: try row.read(), startedAt: try row.read(), finishedAt: try row.read(), outcome: try row.read(),
      exitCode: try row.read(), signal: try row.read(), error: try row.read(), userSeconds: try row.read(),
      systemSeconds: try row.read(), maxRSSBytes: try row.read(), unkillable: try row.read(), worker: try row.read(),
      leaseExpiresAt: try row.read())
  }
}

extension Pause {
  /// Reads the flag, the reason and the end; nil where the flag is not set.
  fileprivate static func read(_ row: Statement) throws(SQLiteError) -> Pause? {
    let paused = try row.read(Bool.self)
    let pause = Pause(reason: try row.read(), until: try row.read())
    return paused ? pause : nil
  }
}

extension QueueInfo {
  /// Reads `Query.queue`.
  fileprivate init(_ row: Statement) throws(SQLiteError) {
    let name = try row.read(String.self)
    let pause = try Pause.read(row)
    var limits = QueueLimits(priority: try row.read())
    limits.concurrency = try row.read()
    limits.rate = try row.read()
    let label = try row.read(String?.self)
    let concurrency = try row.read(Int?.self)
    if let label, let concurrency { limits.perKey = KeyLimit(label: label, concurrency: concurrency) }
    var counts = StateCounts()
    for state in JobState.allCases { counts[state] = try row.read() }
    self.init(name: name, pause: pause, limits: limits, counts: counts)
  }
}
