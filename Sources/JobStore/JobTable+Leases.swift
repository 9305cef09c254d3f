import JobModel
import SQLite

extension JobTable {
  // MARK: Granting

  func lease(_ terms: LeaseTerms, room: QueueRoom, at moment: Moment) throws -> WrittenLeases {
    var written = WrittenLeases()
    guard try isReady(terms.queue) else { return written }
    let end = (wall: moment.wall + terms.span, boot: moment.boot + terms.span.milliseconds)
    var bytes = 0
    let request = ClaimRequest(limit: terms.limit, rooms: [terms.queue: room])
    written.nextStart = try take(request, .payload, from: [terms.queue], at: moment) { old in
      var row = old
      row.start(at: moment)
      try save(row, was: old, at: moment)
      let token = tokens.next()
      try statements[.insertLease].bind(row.id).bind(row.attempt).bind(run).bind(moment.wall).bind(moment.boot)
        .bind(terms.worker).bind(token).bind(end.wall).bind(end.boot).run()
      let spec = try reader.undecodedSpec(row, looking: ties())
      let attempts =
        if row.attempt > 1 { try reader.attempts(of: row.id) } else {
          [Attempt(attempt: 1, startedAt: moment.wall, worker: terms.worker, leaseExpiresAt: end.wall)]
        }
      if case .payload(.string(let text)) = spec.work { bytes += text.utf8.count }
      written.leases.append(WrittenLease(row: row, spec: spec, attempts: attempts, token: token))
      written.isCut = bytes >= Self.enough
      return !written.isCut
    }
    return written
  }

  /// Payloads of so many bytes are enough for one answer, however many jobs were asked for.
  private static let enough = 4 << 20

  /// The attempt's row goes, and its number is free: nobody has seen it.
  func giveBack(_ leases: [LeasedJob], at moment: Moment) throws {
    for lease in leases {
      guard let (old, held) = try reader.leased(lease.job.id, token: lease.lease), held?.isCurrent(for: old) == true
      else {
        continue
      }
      var row = old
      try statements[.removeAttempt].bind(row.id).bind(row.attempt).run()
      row.attempt -= 1
      row.startedAt = try statements[.findAttemptStart].bind(row.id).bind(row.attempt).first {
        row throws(SQLiteError) in try row.read()
      }
      row.wait(held: false, at: moment)
      try save(row, was: old, at: moment)
    }
  }

  // MARK: What workers say

  func settle(_ reports: [EncodedReport], at moment: Moment) throws -> [SettledLease] {
    try reports.map { try settle($0, at: moment) }
  }

  private func settle(_ report: EncodedReport, at moment: Moment) throws -> SettledLease {
    let id = report.id
    guard let (row, lease) = try reader.leased(id, token: report.token) else {
      return refused(id, nil, .notFound, "there is no job \(id); it may have been removed")
    }
    guard let lease else {
      return refused(id, row.state, .stale, "job \(id) has no lease with this token")
    }
    guard lease.isCurrent(for: row) else { return answerAgain(report, lease, row) }
    guard !lease.isOver(at: moment) else {
      return refused(id, row.state, .expired, "the lease of job \(id) has expired; the job runs again")
    }
    let state: JobState
    let told = changes.count
    switch report.word {
    case .complete(let result):
      state = try conclude(row, AttemptEnding(.succeeded), result: result, at: moment)
    case .fail(let error, let retry, let random):
      var ending = AttemptEnding(.failed, error: error)
      ending.isFinal = !retry
      state = try conclude(row, ending, random: random, at: moment)
    case .extend(let span):
      let end = (wall: moment.wall + span, boot: moment.boot + span.milliseconds)
      try statements[.extendLease].bind(end.wall).bind(end.boot).bind(id).bind(row.attempt).run()
      return SettledLease(verdict: LeaseVerdict(id: id, state: row.state, expiresAt: end.wall), due: end.boot)
    }
    // The job's own end comes before what follows from it for others.
    noteReported(told)
    return SettledLease(verdict: LeaseVerdict(id: id, state: state), ended: row.attempt)
  }

  /// Of an attempt that has ended. A worker whose reply was lost says the same again, and hears the same.
  private func answerAgain(_ report: EncodedReport, _ lease: Lease, _ row: JobRow) -> SettledLease {
    let id = row.id
    switch (report.word, lease.outcome) {
    case (.complete, .succeeded?), (.fail, .failed?):
      return SettledLease(verdict: LeaseVerdict(id: id, state: row.state))
    case (_, .cancelled?):
      return refused(id, row.state, .cancelled, "job \(id) was cancelled")
    case (_, .leaseExpired?):
      return refused(
        id, row.state, .expired,
        "the lease of job \(id), attempt \(lease.attempt), has expired; the job is \(row.state.rawValue) now")
    default:
      let outcome = lease.outcome?.rawValue ?? "under way"
      return refused(id, row.state, .ended, "attempt \(lease.attempt) of job \(id) has ended already: \(outcome)")
    }
  }

  private func refused(_ id: JobID, _ state: JobState?, _ code: LeaseVerdict.Refusal, _ detail: String)
    -> SettledLease
  {
    SettledLease(verdict: LeaseVerdict(id: id, state: state, refused: code, detail))
  }

  // MARK: Time

  func expireLeases(at moment: Moment, limit: Int) throws -> ExpiryReport {
    var due = try statements[.leasesDueByBoot].bind(moment.boot).bind(limit).all(Self.job)
    due += try statements[.leasesDueByWall].bind(moment.wall).bind(limit - due.count).all(Self.job)
    var expired: [HeldLease] = []
    for (id, worker) in due {
      let row = try find(id)
      let name = worker.map { "worker \($0)" } ?? "its worker"
      let ending = AttemptEnding(.leaseExpired, error: "\(name) was silent for longer than the lease")
      _ = try conclude(row, ending, at: moment)
      expired.append(HeldLease(id: id, attempt: row.attempt, queue: row.queue))
    }
    return ExpiryReport(
      expired: expired, nextWall: try statements[.nextLeaseWall].first { row throws(SQLiteError) in try row.read() },
      nextBoot: try statements[.nextLeaseBoot].first { row throws(SQLiteError) in try row.read() })
  }

  private static func job(_ row: Statement) throws(SQLiteError) -> (JobID, worker: String?) {
    (try row.read(), try row.read())
  }
}

/// A lease as the one thread that writes leaves it: what is told of it is made by the caller.
struct WrittenLease: Sendable {
  var row: JobRow
  /// The payload is still its text.
  var spec: JobSpec
  var attempts: [Attempt]
  var token: String

  fileprivate func told() throws(StoreError) -> LeasedJob {
    do throws(SQLiteError) {
      var job = try row.told(spec)
      job.attempts = attempts
      if case .payload(.string(let text)) = spec.work { job.payload = try JSONText.value(text) }
      return LeasedJob(job: job, lease: token)
    } catch {
      throw StoreError(.storage(.damaged), "job \(row.id): \(error.message)")
    }
  }
}

/// What was found for a worker: see `GrantedLeases`.
struct WrittenLeases: Sendable {
  var leases: [WrittenLease] = []
  var nextStart: Int64?
  var isCut = false

  func told() throws(StoreError) -> GrantedLeases {
    var grant = GrantedLeases(nextStart: nextStart, isCut: isCut)
    grant.leases.reserveCapacity(leases.count)
    // In place: a lease is large.
    let leases = leases.span
    for index in leases.indices { grant.leases.append(try leases[index].told()) }
    return grant
  }
}

/// An attempt that a worker has, or had.
struct Lease {
  var attempt: Int
  /// Nil while it is under way.
  var outcome: Outcome?
  var wall: Timestamp?
  /// Nil after a reboot.
  var boot: Int64?

  func isCurrent(for job: JobRow) -> Bool { outcome == nil && job.state == .running && job.attempt == attempt }

  func isOver(at moment: Moment) -> Bool {
    if let boot { boot <= moment.boot } else if let wall { wall <= moment.wall } else { true }
  }
}

extension JobReader {
  /// A job, and the lease of it that this is the token of; nil where there is no such job.
  func leased(_ id: JobID, token: String) throws(SQLiteError) -> (row: JobRow, lease: Lease?)? {
    try statements[.findLeased].bind(token).bind(id).first { columns throws(SQLiteError) in
      let row = try JobRow(columns)
      guard let attempt = try columns.read(Int?.self) else { return (row, nil) }
      return (
        row, Lease(attempt: attempt, outcome: try columns.read(), wall: try columns.read(), boot: try columns.read())
      )
    }
  }

  func leases() throws(SQLiteError) -> [HeldLease] {
    var leases = try statements[.findLeases].all { row throws(SQLiteError) in
      HeldLease(id: try row.read(), attempt: try row.read(), queue: try row.read())
    }
    for index in leases.indices { leases[index].labels = try labels(of: leases[index].id) }
    return leases.sorted { $0.id < $1.id }
  }
}

/// A report with its result as text: encoded by the caller, not by the one thread that writes.
struct EncodedReport: Sendable {
  enum Word: Sendable {
    case complete(String?)
    case fail(error: String?, retry: Bool, random: Double)
    case extend(TimeSpan)
  }

  let id: JobID
  let token: String
  let word: Word

  init(_ report: LeaseReport) throws(StoreError) {
    id = report.id
    token = report.token
    switch report.word {
    case .complete(let result?): word = .complete(try JSONText.text(result))
    case .complete(nil): word = .complete(nil)
    case .fail(let error, let retry, let random): word = .fail(error: error, retry: retry, random: random)
    case .extend(let span): word = .extend(span)
    }
  }
}
