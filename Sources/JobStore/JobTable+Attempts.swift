import JobModel
import SQLite

extension JobTable {
  /// Makes a job that may run `running`, with an attempt.
  func start(_ old: JobRow, at moment: Moment) throws -> ClaimedAttempt {
    let id = old.id
    var row = old
    row.start(at: moment)
    try save(row, was: old, at: moment)
    try statements[.insertAttempt].bind(id).bind(row.attempt).bind(run).bind(moment.wall).bind(moment.boot).run()
    var spec = try reader.spec(row, looking: ties())
    spec.stdin = try reader.stdin(of: id)
    return ClaimedAttempt(id: id, attempt: row.attempt, spec: spec, startedAt: moment.wall)
  }

  // MARK: Notes

  func noteProcess(_ id: JobID, attempt: Int, _ process: ProcessIdentity) throws(SQLiteError) {
    try statements[.noteProcess].bind(Int(process.pid)).bind(Int64(bitPattern: process.startTime)).bind(process.bootID)
      .bind(id).bind(attempt).run()
  }

  func noteUnkillable(_ id: JobID, attempt: Int) throws(SQLiteError) {
    try statements[.noteUnkillable].bind(id).bind(attempt).run()
  }

  // MARK: Endings

  func finish(_ id: JobID, attempt: Int, _ ending: AttemptEnding, result: String?, random: Double, at moment: Moment)
    throws -> JobState
  {
    guard let row = try reader.row(id), row.state == .running, row.attempt == attempt else {
      throw StoreError(
        .staleAttempt(id, attempt),
        "attempt \(attempt) of job \(id) is not the one that runs; its ending was not recorded")
    }
    return try conclude(row, ending, deaths: 0, result: result, random: random, at: moment)
  }

  /// An attempt that is not running any more needs no interruption: it is left out.
  func interrupt(_ leftovers: [Leftover], at moment: Moment) throws {
    for leftover in leftovers {
      guard let row = try reader.row(leftover.id), row.state == .running, row.kind == .command,
        row.attempt == leftover.attempt
      else {
        continue
      }
      let (cause, counts) = try cause(ofDeathUnder: row, at: moment)
      let ending = AttemptEnding(.interrupted, error: cause)
      _ = try conclude(row, ending, deaths: counts ? row.deaths + 1 : 0, result: nil, random: 0, at: moment)
    }
  }

  /// - Parameter deaths: daemons that died under the job one after the other, this time included; 0 ends the
  ///   row.
  func conclude(
    _ old: JobRow, _ ending: AttemptEnding, deaths: Int = 0, result: String? = nil, random: Double = 0,
    at moment: Moment
  ) throws -> JobState {
    var row = old
    row.deaths = deaths
    row.expiries = ending.outcome == .leaseExpired ? old.expiries + 1 : 0
    // Success asks for no policy, and is what is recorded most.
    let step: NextStep =
      if ending.outcome == .succeeded, !row.cancelling { .end(.succeeded, reason: nil) } else {
        try facts(of: row).next(after: ending, random: random)
      }
    row.conclude(ending, step, result: result, at: moment)
    try statements[.endAttempt].bind(moment.wall).bind(row.outcome).bind(row.exitCode).bind(row.signal)
      .bind(ending.error).bind(ending.userSeconds).bind(ending.systemSeconds).bind(ending.maxRSSBytes)
      .bind(row.id).bind(row.attempt).run()
    try save(row, was: old, outcome: ending.outcome, at: moment)
    if row.state.hasEnded, try anyDepends() { try tellDependents(of: row, at: moment) }
    return row.state
  }

  private func facts(of job: JobRow) throws(SQLiteError) -> AttemptFacts {
    let facts = try statements[.findPolicy].bind(job.id).first { row throws(SQLiteError) in
      AttemptFacts(
        attempt: job.attempt, maxAttempts: job.maxAttempts, retries: try row.read(), backoff: try Backoff(row),
        retryOn: try row.read(), noRetryOn: try row.read(), onInterrupt: job.onInterrupt, cancelling: job.cancelling,
        deathsInARow: job.deaths, expiriesInARow: job.expiries)
    }
    guard let facts else { throw .corrupt("job \(job.id) has no spec", doing: Query.findPolicy.sql) }
    return facts
  }

  /// How long after the start of an attempt the daemon's death may still be the attempt's doing.
  private static let suspicion = TimeSpan.minutes(5)

  /// Why an earlier daemon left the job running, and whether that counts as a death under it. The time of the
  /// death is not known: that of the recovery stands for it, so that a daemon that nobody restarts blames no
  /// job.
  private func cause(ofDeathUnder job: JobRow, at moment: Moment) throws(SQLiteError) -> (String, counts: Bool) {
    let start = try statements[.findStart].bind(job.id).bind(job.attempt).first { row throws(SQLiteError) in
      (
        run: try row.read(Int64.self), boot: try row.read(Int64.self), bootID: try row.read(String?.self),
        wasStopping: try row.read(Bool?.self) ?? true
      )
    }
    guard let start, start.bootID == bootID else { return ("the host went down under it", false) }
    if start.wasStopping { return ("jobqd stopped under it", false) }
    return ("jobqd died under it", moment.boot - start.boot <= Self.suspicion.milliseconds)
  }
}
