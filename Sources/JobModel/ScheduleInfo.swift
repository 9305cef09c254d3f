/// What became of one due time of a schedule: a fact that stays, with the newest thousand of its kind.
package struct ScheduleRun: Sendable, Hashable, Codable {
  package enum Result: String, Sendable, Codable, CaseIterable { case enqueued, skipped, missed }

  /// Nil for a run that a person asked for.
  package var dueAt: Timestamp?
  package var result: Result
  /// Of `enqueued` its job; of `skipped` the job that was in the way, where there was one.
  package var jobID: JobID?
  /// When it was dealt with.
  package var at: Timestamp

  package init(dueAt: Timestamp?, result: Result, jobID: JobID?, at: Timestamp) {
    self.dueAt = dueAt
    self.result = result
    self.jobID = jobID
    self.at = at
  }

  package enum CodingKeys: String, CodingKey, CaseIterable {
    case dueAt = "due_at"
    case result
    case jobID = "job_id"
    case at
  }

  package func encode(to encoder: any Encoder) throws {
    var c = encoder.container(keyedBy: CodingKeys.self)
    try c.encode(dueAt, forKey: .dueAt)
    try c.encode(result, forKey: .result)
    try c.encode(jobID, forKey: .jobID)
    try c.encode(at, forKey: .at)
  }
}

/// A schedule as `GET /v1/schedules` and `jobq schedule list` show it.
package struct ScheduleInfo: Sendable, Hashable, Codable {
  package var name: String
  package var source: ScheduleSource
  package var cron: String
  package var timezone: String
  package var jitter: TimeSpan
  package var missed: MissedPolicy
  package var overlap: OverlapPolicy
  package var paused: Bool
  package var createdAt: Timestamp
  /// The newest due time that has been dealt with.
  package var lastDueAt: Timestamp?
  /// Nil while it is paused.
  package var nextDueAt: Timestamp?
  /// The request that each due time makes, without its standard input.
  package var job: JSONValue
  package var submittedBy: Submitter?
  /// What became of the newest due times, newest first.
  package var runs: [ScheduleRun]

  package init(
    _ definition: ScheduleDefinition, paused: Bool, createdAt: Timestamp, lastDueAt: Timestamp?, nextDueAt: Timestamp?,
    job: JSONValue, runs: [ScheduleRun]
  ) {
    name = definition.name
    source = definition.source
    cron = definition.expression.description
    timezone = definition.timezone
    jitter = definition.jitter
    missed = definition.missed
    overlap = definition.overlap
    self.paused = paused
    self.createdAt = createdAt
    self.lastDueAt = lastDueAt
    self.nextDueAt = nextDueAt
    self.job = job
    submittedBy = definition.submittedBy
    self.runs = runs
  }

  package enum CodingKeys: String, CodingKey, CaseIterable {
    case name, source, cron, timezone
    case jitter = "jitter_seconds"
    case missed, overlap, paused
    case createdAt = "created_at"
    case lastDueAt = "last_due_at"
    case nextDueAt = "next_due_at"
    case job
    case submittedBy = "submitted_by"
    case runs
  }

  package func encode(to encoder: any Encoder) throws {
    var c = encoder.container(keyedBy: CodingKeys.self)
    try c.encode(name, forKey: .name)
    try c.encode(source, forKey: .source)
    try c.encode(cron, forKey: .cron)
    try c.encode(timezone, forKey: .timezone)
    try c.encode(jitter, forKey: .jitter)
    try c.encode(missed, forKey: .missed)
    try c.encode(overlap, forKey: .overlap)
    try c.encode(paused, forKey: .paused)
    try c.encode(createdAt, forKey: .createdAt)
    try c.encode(lastDueAt, forKey: .lastDueAt)
    try c.encode(nextDueAt, forKey: .nextDueAt)
    try c.encode(job, forKey: .job)
    try c.encode(submittedBy, forKey: .submittedBy)
    try c.encode(runs, forKey: .runs)
  }
}

extension JSONValue {
  /// A job's request as `viewer` may see it: without standard input, which can be long, and the values of `env` only
  /// for the submitting user and root, as a job shows them.
  package func asTemplate(of submitter: Submitter?, visibleTo viewer: UInt32?) -> JSONValue {
    guard case .object(var request) = self else { return self }
    request[JobRequest.CodingKeys.stdin.rawValue] = nil
    request[JobRequest.CodingKeys.stdinBase64.rawValue] = nil
    let isOwner = viewer == 0 || (viewer != nil && viewer == submitter?.uid)
    if !isOwner, case .object(let env)? = request[JobRequest.CodingKeys.env.rawValue] {
      request[JobRequest.CodingKeys.env.rawValue] = .object(env.mapValues { _ in .null })
    }
    return .object(request)
  }
}
