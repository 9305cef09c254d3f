import JobModel
import SQLite

/// What is kept of schedules; what falls due is in `JobTable+ScheduleRuns`.
extension JobTable {
  /// - Throws: `StoreError.noSuchSchedule`.
  func findSchedule(_ name: String) throws -> StoredSchedule {
    guard let schedule = try reader.schedule(name) else { throw StoreError.noSuchSchedule(name) }
    return schedule
  }

  func add(_ schedule: TimedSchedule, template: String, isReplacing: Bool, paused: Bool?, at moment: Moment) throws
    -> (StoredSchedule, isNew: Bool)
  {
    let old = try reader.schedule(schedule.definition.name)
    if let old {
      guard old.definition.source != .file else { throw StoreError.scheduleOfFile(old.name) }
      guard isReplacing else { throw StoreError.scheduleTaken(old.name) }
    } else if try reader.scheduleCount() >= Limits.schedules {
      throw StoreError.tooManySchedules
    }
    return (try put(schedule, template: template, over: old, paused: paused, at: moment), isNew: old == nil)
  }

  func setFileSchedules(_ schedules: [(TimedSchedule, template: String)], at moment: Moment) throws {
    let names = Set(schedules.map(\.0.definition.name))
    for gone in try reader.schedules() where gone.definition.source == .file && !names.contains(gone.name) {
      try statements[.removeSchedule].bind(gone.name).run()
    }
    for (schedule, template) in schedules {
      let old = try reader.schedule(schedule.definition.name)
      _ = try put(schedule, template: template, over: old, paused: nil, at: moment)
    }
  }

  func findDueTimes(by zones: [String: TimeZoneRules], at moment: Moment) throws -> [StoredSchedule] {
    var moved: [StoredSchedule] = []
    for var schedule in try reader.schedules() {
      // What has come already is dealt with as it was announced.
      guard let zone = zones[schedule.definition.timezone], let due = schedule.nextDue, due > moment.wall else {
        continue
      }
      let timing = TimedSchedule(schedule.definition, zone: zone).timing(from: schedule.anchor)
      schedule.nextDue = timing.next(after: max(moment.wall, schedule.lastDue ?? moment.wall))
      guard schedule.nextDue != due else { continue }
      try advance(&schedule)
      moved.append(schedule)
    }
    return moved
  }

  func removeSchedule(_ name: String) throws {
    guard try findSchedule(name).definition.source != .file else { throw StoreError.scheduleOfFile(name) }
    // Its facts go with it: ON DELETE CASCADE.
    try statements[.removeSchedule].bind(name).run()
  }

  func pauseSchedule(_ name: String) throws -> StoredSchedule {
    var schedule = try findSchedule(name)
    guard !schedule.paused else { return schedule }
    schedule.paused = true
    schedule.nextDue = nil
    try advance(&schedule)
    return schedule
  }

  func resumeSchedule(_ name: String, _ timing: Schedule, at moment: Moment) throws -> StoredSchedule {
    var schedule = try findSchedule(name)
    let timing = timing.anchored(at: schedule.anchor)
    let next = timing.next(after: moment.wall)
    if let due = schedule.nextDue, due <= next ?? due { return schedule }
    schedule.paused = false
    schedule.nextDue = next
    // A person says that the clock is right now: what lies before the next due time is all that counts as done.
    if let next, let last = schedule.lastDue, last >= next { schedule.lastDue = nil }
    try advance(&schedule)
    return schedule
  }

  /// Writes how far a schedule is, under a new revision.
  func advance(_ schedule: inout StoredSchedule) throws {
    schedule.revision = try nextRevision()
    try statements[.advanceSchedule].bind(schedule.revision).bind(schedule.paused).bind(schedule.lastDue)
      .bind(schedule.nextDue).bind(schedule.name).run()
  }

  private func put(
    _ schedule: TimedSchedule, template: String, over old: StoredSchedule?, paused: Bool?, at moment: Moment
  ) throws -> StoredSchedule {
    let definition = schedule.definition
    var new = StoredSchedule(
      definition: definition, revision: old?.revision ?? 0, paused: paused ?? old?.paused ?? false,
      createdAt: old?.createdAt ?? moment.wall, anchor: moment.wall, lastDue: old?.lastDue, nextDue: nil)
    let isSameTime =
      old?.definition.expression == definition.expression && old?.definition.timezone == definition.timezone
    if let old, isSameTime {
      new.anchor = old.anchor
      new.nextDue = old.nextDue
    }
    if new.paused {
      new.nextDue = nil
    } else if new.nextDue == nil {
      // Whatever the clock says now: what has been dealt with is not due again.
      new.nextDue = schedule.timing(from: new.anchor).next(after: max(moment.wall, old?.lastDue ?? moment.wall))
    }
    guard new != old else { return new }
    new.revision = try nextRevision()
    try statements[.putSchedule].bind(new.name).bind(definition.source).bind(new.revision).bind(definition.expression)
      .bind(definition.timezone).bind(definition.jitter).bind(definition.missed).bind(definition.overlap)
      .bind(new.paused).bind(new.createdAt).bind(new.anchor).bind(new.lastDue).bind(new.nextDue)
      .bind(definition.submittedBy.map { Int($0.uid) }).bind(definition.submittedBy.map { Int($0.pid) })
      .bind(template).run()
    return new
  }

  private func nextRevision() throws(SQLiteError) -> Int64 {
    let revision: Int64? = try statements[.nextScheduleRevision].first { row throws(SQLiteError) in try row.read() }
    guard let revision else { throw .corrupt("the store's own row is gone", doing: Query.nextScheduleRevision.sql) }
    return revision
  }
}

extension Schedule {
  fileprivate func anchored(at anchor: Timestamp) -> Schedule { Schedule(expression, zone: zone, anchor: anchor) }
}

extension StoreError {
  package static func noSuchSchedule(_ name: String) -> StoreError {
    StoreError(.noSuchSchedule(name), "there is no schedule \"\(name.printable)\"")
  }

  static func scheduleTaken(_ name: String) -> StoreError {
    StoreError(.scheduleTaken(name), "there is a schedule \"\(name)\" already; remove it first, or replace it")
  }

  static let tooManySchedules = StoreError(
    .tooManySchedules, "there are \(Limits.schedules) schedules, and that is as many as there can be; remove one first")

  static func scheduleOfFile(_ name: String) -> StoreError {
    StoreError(
      .scheduleTaken(name),
      "the schedule \"\(name)\" stands in the configuration file, and it wins; change it there and reload jobqd")
  }
}
