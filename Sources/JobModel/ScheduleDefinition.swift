/// What becomes of the due times of a schedule that have been missed: they passed while jobqd was down, drained or
/// could not write, or while the host slept; or it came to them more than a minute late, or after the next one. Each is
/// recorded; this says which are run all the same.
package enum MissedPolicy: String, Sendable, Codable, CaseIterable {
  /// None.
  case skip
  /// One for all of them: the newest, or the one that is on time after them.
  case once
  /// Each.
  case all
}

/// What a due time does where a job of the schedule's has not ended.
package enum OverlapPolicy: String, Sendable, Codable, CaseIterable {
  /// It is recorded, and gives no job.
  case skip
  /// It gives its job all the same.
  case queue
  /// It cancels what has not ended, and gives its job.
  case cancelPrevious = "cancel-previous"
}

/// Who made a schedule, and so who may change it: the configuration file, or a person over the API.
package enum ScheduleSource: String, Sendable, Codable, CaseIterable { case file, api }

/// What a schedule is, checked: when it is due, and the job that each due time gives.
package struct ScheduleDefinition: Sendable, Hashable {
  /// Made as a queue's name is.
  package var name: String
  package var source: ScheduleSource
  package var expression: CronExpression
  /// As it was given: a name of the tz database, `UTC`, or `local` for the host's own zone.
  package var timezone: String
  /// Each job is delayed by a span that is drawn evenly from 0 up to this.
  package var jitter = TimeSpan.zero
  package var missed = MissedPolicy.once
  package var overlap = OverlapPolicy.skip
  /// A request that `checkTemplate` has accepted. What it leaves open is filled in anew at each due time.
  package var job: JobRequest
  package var submittedBy: Submitter?

  package init(
    name: String, source: ScheduleSource, expression: CronExpression, timezone: String = Self.localZone,
    job: JobRequest
  ) {
    self.name = name
    self.source = source
    self.expression = expression
    self.timezone = timezone
    self.job = job
  }

  package static let localZone = "local"

  /// The job that a due time gives. It has the schedule's name where the request has none, and a command finds it in
  /// `JOBQ_SCHEDULE`.
  package func spec(defaults: JobDefaults) throws(InvalidValue) -> JobSpec {
    var spec = try job.checked(defaults: defaults, submittedBy: submittedBy)
    spec.name = spec.name ?? name
    if case .command = spec.work { spec.env["JOBQ_SCHEDULE"] = name }
    return spec
  }
}

extension Limits {
  /// So many are kept: jobqd has all of them in memory, each with its job.
  package static let schedules = 1000
}

extension JobSpec {
  /// The same, for one due time: a command finds it in `JOBQ_DUE_AT`, since it may start much later.
  package func forDue(at time: Timestamp, delay: TimeSpan) -> JobSpec {
    var spec = self
    if delay > .zero { spec.start = .delay(delay) }
    if case .command = spec.work { spec.env["JOBQ_DUE_AT"] = time.rfc3339 }
    return spec
  }
}

extension JobRequest {
  /// Throws `InvalidValue` where this cannot be the job of a schedule: beside what no job can have, what would only
  /// make sense for one of its jobs.
  package func checkTemplate(defaults: JobDefaults) throws(InvalidValue) {
    func refuse(_ isGiven: Bool, _ key: CodingKeys, _ reason: String) throws(InvalidValue) {
      if isGiven { throw InvalidValue(key.rawValue, reason) }
    }
    let isTimed = "the schedule says when its jobs start; to spread them, give it a jitter"
    let isSingle = "the jobs of a schedule depend on no single job"
    try refuse(runAt != nil, .runAt, isTimed)
    try refuse(delay != nil, .delay, isTimed)
    try refuse(after != nil, .after, isSingle)
    try refuse(afterAny != nil, .afterAny, isSingle)
    try refuse(requestID != nil, .requestID, "each job of a schedule is a new one")
    _ = try checked(defaults: defaults, submittedBy: nil)
  }
}
