import FoundationEssentials
package import JobModel
package import JobStore

/// What a front end can ask of schedules.
extension JobService {
  /// All, by name, each with what became of its newest due time.
  package func schedules(viewer: UInt32?) async throws(Problem) -> [ScheduleInfo] {
    var infos: [ScheduleInfo] = []
    for schedule in try await asking({ store throws(StoreError) in try await store.schedules() }) {
      infos.append(try await info(schedule, runs: 1, viewer: viewer))
    }
    return infos
  }

  /// - Parameter runs: of how many due times it is told what became of them.
  package func schedule(_ name: String, runs: Int, viewer: UInt32?) async throws(Problem) -> ScheduleInfo {
    let schedule = try await asking { store throws(StoreError) in try await store.schedule(name) }
    guard let schedule else { throw Problem(StoreError.noSuchSchedule(name)) }
    return try await info(schedule, runs: runs, viewer: viewer)
  }

  /// Adds a schedule, or, where `isReplacing`, makes the one of that name this.
  /// - Parameter name: from the path; nil where the request says it.
  package func add(_ request: ScheduleRequest, name: String?, isReplacing: Bool, by submitter: Submitter?)
    async throws(Problem) -> (ScheduleInfo, isNew: Bool)
  {
    let definition: ScheduleDefinition
    let spec: JobSpec
    let zone: TimeZoneRules
    do throws(InvalidValue) {
      let defaults = await supervisor.configuration.defaults
      definition = try request.checked(name: name, defaults: defaults, submittedBy: submitter)
      spec = try definition.spec(defaults: defaults)
      zone = try await supervisor.zones(definition.timezone)
    } catch {
      throw Problem(error)
    }
    let schedule = TimedSchedule(definition, zone: zone)
    guard schedule.timing(from: now.wall).next(after: now.wall) != nil else {
      throw Problem(InvalidValue("cron", "\"\(definition.expression)\" is never due in \(definition.timezone)"))
    }
    if let directory = spec.cwd { try await refuseClosedDirectories([directory]) }
    let (stored, isNew) = try await asking { store throws(StoreError) in
      try await store.add(schedule, isReplacing: isReplacing, paused: request.paused, at: now)
    }
    await supervisor.note(stored, zone: zone)
    return (try await info(stored, runs: 1, viewer: submitter?.uid), isNew)
  }

  package func removeSchedule(_ name: String) async throws(Problem) {
    try await asking { store throws(StoreError) in try await store.removeSchedule(name) }
    await supervisor.noteRemoved(schedule: name)
  }

  /// Its due times pass, and are not missed, until it is resumed.
  package func pauseSchedule(_ name: String, viewer: UInt32?) async throws(Problem) -> ScheduleInfo {
    let zone = try await zone(ofSchedule: name)
    let stored = try await asking { store throws(StoreError) in try await store.pauseSchedule(name) }
    await supervisor.note(stored, zone: zone)
    return try await info(stored, runs: 1, viewer: viewer)
  }

  /// It goes on with its first due time from now on.
  package func resumeSchedule(_ name: String, viewer: UInt32?) async throws(Problem) -> ScheduleInfo {
    let zone = try await zone(ofSchedule: name)
    let schedule = try await found(name)
    let timing = TimedSchedule(schedule.definition, zone: zone).timing(from: schedule.anchor)
    let stored = try await asking { store throws(StoreError) in
      try await store.resumeSchedule(name, timing, at: now)
    }
    await supervisor.note(stored, zone: zone)
    return try await info(stored, runs: 1, viewer: viewer)
  }

  /// Adds a job of the schedule's now, whatever of it runs, and paused or not.
  package func runSchedule(_ name: String, viewer: UInt32?) async throws(Problem) -> EnqueuedJob {
    let defaults = try supervisor.intake.defaults()
    let definition = try await found(name).definition
    let spec: JobSpec
    do throws(InvalidValue) { spec = try definition.spec(defaults: defaults) } catch { throw Problem(error) }
    return try await asking { store throws(StoreError) in try await store.runSchedule(name, spec, at: now) }
      .visible(to: viewer)
  }

  // MARK: Parts

  private func found(_ name: String) async throws(Problem) -> StoredSchedule {
    let schedule = try await asking { store throws(StoreError) in try await store.schedule(name) }
    guard let schedule else { throw Problem(StoreError.noSuchSchedule(name)) }
    return schedule
  }

  private func zone(ofSchedule name: String) async throws(Problem) -> TimeZoneRules {
    let timezone = try await found(name).definition.timezone
    do throws(InvalidValue) { return try await supervisor.zones(timezone) } catch { throw Problem(error) }
  }

  private func info(_ schedule: StoredSchedule, runs: Int, viewer: UInt32?) async throws(Problem) -> ScheduleInfo {
    let runs = try await asking { store throws(StoreError) in
      try await store.runs(ofSchedule: schedule.name, limit: runs)
    }
    let definition = schedule.definition
    return ScheduleInfo(
      definition, paused: schedule.paused, createdAt: schedule.createdAt, lastDueAt: schedule.lastDue,
      nextDueAt: schedule.nextDue,
      job: try JSONValue(definition.job).asTemplate(of: definition.submittedBy, visibleTo: viewer), runs: runs)
  }
}

extension JSONValue {
  /// A request as JSON.
  fileprivate init(_ request: JobRequest) throws(Problem) {
    do {
      let text = try JSONEncoder().encode(request)
      self = try JSONValue.plain(Array(text).span) ?? JSONDecoder().decode(JSONValue.self, from: text)
    } catch {
      throw Problem(.fault, "the job of a schedule cannot be written as JSON: \(error)")
    }
  }
}
