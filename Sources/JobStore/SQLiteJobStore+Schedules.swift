package import JobModel

extension SQLiteJobStore {
  package func schedules() async throws(StoreError) -> [StoredSchedule] { try await read { try $0.schedules() } }

  package func schedule(_ name: String) async throws(StoreError) -> StoredSchedule? {
    try await read { try $0.schedule(name) }
  }

  package func runs(ofSchedule name: String, limit: Int) async throws(StoreError) -> [ScheduleRun] {
    try await read { try $0.runs(ofSchedule: name, limit: limit) }
  }

  package func add(_ schedule: TimedSchedule, isReplacing: Bool, paused: Bool?, at moment: Moment)
    async throws(StoreError) -> (StoredSchedule, isNew: Bool)
  {
    let template = try schedule.definition.job.template()
    return try await write { table in
      try table.add(schedule, template: template, isReplacing: isReplacing, paused: paused, at: moment)
    }
  }

  package func setFileSchedules(_ schedules: [TimedSchedule], at moment: Moment) async throws(StoreError) {
    var encoded: [(TimedSchedule, template: String)] = []
    for schedule in schedules { encoded.append((schedule, template: try schedule.definition.job.template())) }
    let all = encoded
    try await write { table in try table.setFileSchedules(all, at: moment) }
  }

  package func findDueTimes(by zones: [String: TimeZoneRules], at moment: Moment) async throws(StoreError)
    -> [StoredSchedule]
  {
    try await write { table in try table.findDueTimes(by: zones, at: moment) }
  }

  package func removeSchedule(_ name: String) async throws(StoreError) {
    try await write { table in try table.removeSchedule(name) }
  }

  package func pauseSchedule(_ name: String) async throws(StoreError) -> StoredSchedule {
    try await write { table in try table.pauseSchedule(name) }
  }

  package func resumeSchedule(_ name: String, _ timing: Schedule, at moment: Moment) async throws(StoreError)
    -> StoredSchedule
  {
    try await write { table in try table.resumeSchedule(name, timing, at: moment) }
  }

  package func runDue(
    _ name: String, revision: Int64, _ timing: Schedule, _ spec: JobSpec, since: Timestamp,
    random: @escaping @Sendable () -> Double, at moment: Moment
  ) async throws(StoreError) -> ScheduleReport? {
    try await write { table in
      try table.runDue(name, revision: revision, timing, spec, since: since, random: random, at: moment)
    }
  }

  package func runSchedule(_ name: String, _ spec: JobSpec, at moment: Moment) async throws(StoreError) -> EnqueuedJob {
    try await write { table in try table.runSchedule(name, spec, at: moment) }
  }
}
