package import JobModel

/// Where schedules are kept, beside the jobs that they give: a part of `JobStore`, under the same rules.
///
/// The store knows no time zones: whoever asks it to compute a due time hands the `Schedule` over.
package protocol ScheduleStore: Sendable {
  /// All, by name.
  func schedules() async throws(StoreError) -> [StoredSchedule]
  /// Nil where there is none.
  func schedule(_ name: String) async throws(StoreError) -> StoredSchedule?
  /// What became of the newest due times, and of runs that a person asked for, newest first.
  func runs(ofSchedule name: String, limit: Int) async throws(StoreError) -> [ScheduleRun]

  /// Adds a schedule, or changes the one of that name. What was due of it stays dealt with; its next due time is found
  /// anew, after the moment and after the newest that was dealt with, where its expression or zone is another.
  /// - Parameter paused: nil leaves it as it is, and a new one not paused.
  /// - Throws: `.scheduleTaken` where there is one that the configuration file made, or any and not `isReplacing`;
  ///   `.tooManySchedules` where it would be one more than `Limits.schedules`.
  func add(_ schedule: TimedSchedule, isReplacing: Bool, paused: Bool?, at moment: Moment) async throws(StoreError)
    -> (StoredSchedule, isNew: Bool)
  /// Makes the schedules of the configuration file these: one that is there under the same name, of whatever source,
  /// is changed as by `add` and is the file's from then on; the file's others are removed. All or nothing.
  func setFileSchedules(_ schedules: [TimedSchedule], at moment: Moment) async throws(StoreError)
  /// Finds next due times that have not come yet anew, after the moment and after the newest that was dealt with: the
  /// rules of a zone may be others than those by which they were found. Gives the schedules that have another now.
  /// - Parameter zones: by name; a schedule in another zone stays as it is.
  func findDueTimes(by zones: [String: TimeZoneRules], at moment: Moment) async throws(StoreError) -> [StoredSchedule]
  /// - Throws: `.noSuchSchedule`; `.scheduleTaken` where the configuration file made it.
  func removeSchedule(_ name: String) async throws(StoreError)
  /// Lets due times pass unrecorded until `resumeSchedule`.
  /// - Throws: `.noSuchSchedule`.
  func pauseSchedule(_ name: String) async throws(StoreError) -> StoredSchedule
  /// Takes a pause back; the next due time is the first after the moment. One that was not paused stays as it is, but
  /// for a next due time that a wall clock set back has left in the distance.
  /// - Throws: `.noSuchSchedule`.
  func resumeSchedule(_ name: String, _ timing: Schedule, at moment: Moment) async throws(StoreError) -> StoredSchedule

  /// Does what `SchedulePlan` says about the due times that have come, in one synced transaction: each gets its fact,
  /// those that are run their jobs. Facts beyond the newest thousand are removed, but for those of jobs that have not
  /// ended. A due time that has a fact already gets neither a second one nor a job.
  ///
  /// Nil, and nothing is done, where the schedule is not what `revision` says any more, or nothing is due.
  /// - Parameters:
  ///   - spec: of each job, but for what `forDue` makes of it.
  ///   - since: see `SchedulePlan.init`.
  ///   - random: draws from 0..<1, for the jitter. Called on the store's thread.
  func runDue(
    _ name: String, revision: Int64, _ timing: Schedule, _ spec: JobSpec, since: Timestamp,
    random: @escaping @Sendable () -> Double, at moment: Moment
  ) async throws(StoreError) -> ScheduleReport?
  /// Adds a job of the schedule's because a person asks for it, whatever of it runs.
  /// - Throws: `.noSuchSchedule`.
  func runSchedule(_ name: String, _ spec: JobSpec, at moment: Moment) async throws(StoreError) -> EnqueuedJob
}

/// A schedule with the rules of its zone, which the store does not know.
package struct TimedSchedule: Sendable, Hashable {
  package var definition: ScheduleDefinition
  package var zone: TimeZoneRules

  package init(_ definition: ScheduleDefinition, zone: TimeZoneRules) {
    self.definition = definition
    self.zone = zone
  }

  /// Its due times, `@every` counted from `anchor`.
  package func timing(from anchor: Timestamp) -> Schedule {
    Schedule(definition.expression, zone: zone, anchor: anchor)
  }
}

/// A schedule as the store keeps it.
package struct StoredSchedule: Sendable, Hashable {
  package var definition: ScheduleDefinition
  /// Grows with each change, over all schedules.
  package var revision: Int64
  package var paused: Bool
  package var createdAt: Timestamp
  package var anchor: Timestamp
  package var lastDue: Timestamp?
  package var nextDue: Timestamp?

  package init(
    definition: ScheduleDefinition, revision: Int64, paused: Bool, createdAt: Timestamp, anchor: Timestamp,
    lastDue: Timestamp?, nextDue: Timestamp?
  ) {
    self.definition = definition
    self.revision = revision
    self.paused = paused
    self.createdAt = createdAt
    self.anchor = anchor
    self.lastDue = lastDue
    self.nextDue = nextDue
  }

  package var name: String { definition.name }
}

/// What was done about a schedule's due times.
package struct ScheduleReport: Sendable, Hashable {
  package var schedule: StoredSchedule
  /// The facts that were recorded, in the order of the due times.
  package var runs: [ScheduleRun]
  /// See `SchedulePlan.isCut`.
  package var isCut: Bool

  package init(schedule: StoredSchedule, runs: [ScheduleRun], isCut: Bool) {
    self.schedule = schedule
    self.runs = runs
    self.isCut = isCut
  }
}
