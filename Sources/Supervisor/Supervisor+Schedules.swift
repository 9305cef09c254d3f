import Glibc
import JobModel
import JobStore
import Logging

/// Schedules: what is due is asked of `ScheduleBook`, what is done about it of `SchedulePlan`, in the store's own
/// transaction. Here the one is brought to the other.
///
/// While jobqd drains or stops, due times pass; they have been missed once it goes on.
extension Supervisor {
  /// Brings the store's schedules to what the configuration says, and reads them. All or nothing.
  /// - Throws: what the store says. Where it has them and could not give them back, they are read again once storage is
  ///   back.
  func synchroniseSchedules(_ configured: [TimedSchedule]) async throws(StoreError) {
    let before = try await store.schedules()
    // Whoever runs the daemon made them.
    let submitter = Submitter(uid: getuid(), pid: getpid())
    let ours = configured.map { schedule in
      var schedule = schedule
      schedule.definition.submittedBy = submitter
      return schedule
    }
    try await store.setFileSchedules(ours, at: time.now())
    for schedule in before where schedule.definition.source == .api {
      if ours.contains(where: { $0.definition.name == schedule.name }) {
        logger.warning(
          "the configuration file takes a schedule over that was added by hand",
          metadata: ["schedule": "\(schedule.name)"])
      }
    }
    var known: [(StoredSchedule, zone: TimeZoneRules?)] = []
    var rules: [String: TimeZoneRules] = [:]
    for schedule in try await store.schedules() {
      let zone =
        if let ours = ours.first(where: { $0.definition.name == schedule.name }) { ours.zone } else {
          await zone(of: schedule)
        }
      known.append((schedule, zone: zone))
      rules[schedule.definition.timezone] = zone
    }
    let moved = try await store.findDueTimes(by: rules, at: time.now())
    schedules.replace(known)
    for schedule in moved { schedules.put(schedule, zone: rules[schedule.definition.timezone]) }
    runDueSchedules()
  }

  private func zone(of schedule: StoredSchedule) async -> TimeZoneRules? {
    do throws(InvalidValue) {
      return try await zones(schedule.definition.timezone)
    } catch {
      logger.error(
        "a schedule is not run, for its time zone is not to be had: \(error.message)",
        metadata: ["schedule": "\(schedule.name)"])
      return nil
    }
  }

  /// Looks after due times from here on, at the start and after a drain.
  func beginSchedules() {
    let now = time.now().wall
    schedules.begin(at: now)
    let ahead = schedules.ahead(of: now)
    if !ahead.isEmpty {
      logger.warning(
        "the clock is behind what these schedules have seen; they wait, unless `jobq schedule resume` says that it is right",
        metadata: ["schedules": "\(ahead.joined(separator: " "))"])
    }
    runDueSchedules()
  }

  /// After an alarm, and whenever something may be due that was not: each schedule that is gets a task of its own.
  func runDueSchedules() {
    guard takesDueTimes else { return }
    let now = time.now().wall
    let since = schedules.since(at: now)
    for due in schedules.takeDue(at: now) { chore { await $0.run(due, since: since) } }
    rearm()
  }

  /// What could not be looked after is tried again.
  func loosenSchedules() {
    schedules.loosen()
    runDueSchedules()
  }

  private func run(_ due: ScheduleBook.Due, since: Timestamp) async {
    let name = due.schedule.name
    defer { rearm() }
    let spec: JobSpec
    do throws(InvalidValue) { spec = try due.schedule.definition.spec(defaults: configuration.defaults) } catch {
      // It was checked when it was added: only another version of jobqd can have let it in.
      logger.error("a schedule is not run, for its job cannot be: \(error)", metadata: ["schedule": "\(name)"])
      return schedules.stall(name)
    }
    let renewed = await renewedZone(of: due)
    var timing = due.timing
    if let renewed { timing.zone = renewed }
    do throws(StoreError) {
      let report = try await store.runDue(
        name, revision: due.schedule.revision, timing, spec, since: since, random: random, at: time.now())
      if let report {
        schedules.done(name, report.schedule)
        tell(report)
      } else {
        // It was changed meanwhile: what it is now is asked anew.
        schedules.done(name, try await store.schedule(name))
      }
      if let renewed { try await adopt(renewed) }
    } catch {
      schedules.stall(name)
      logger.error("a schedule could not be run: \(error)", metadata: ["schedule": "\(name)"])
      return schedulingFailed(error)
    }
    // A moment may have been long enough for the next due time to come.
    runDueSchedules()
  }

  /// The rules of its zone, where they are others than they were: a package of tzdata has come, or the host has moved.
  /// Where they cannot be read, those that are known hold on.
  private func renewedZone(of due: ScheduleBook.Due) async -> TimeZoneRules? {
    guard due.timing.isReadOnClocks, let zone = try? await zones(due.schedule.definition.timezone),
      zone != due.timing.zone
    else { return nil }
    return zone
  }

  /// All schedules of this zone follow its new rules, once: those that were due together have each come upon them.
  private func adopt(_ zone: TimeZoneRules) async throws(StoreError) {
    guard schedules.goesByOther(zone) else { return }
    let found = try await store.findDueTimes(by: [zone.name: zone], at: time.now())
    if schedules.goesByOther(zone) {
      logger.notice("the rules of a time zone have changed", metadata: ["timezone": "\(zone.name)"])
    }
    schedules.adopt(zone)
    for schedule in found { schedules.put(schedule, zone: zone) }
  }

  private func tell(_ report: ScheduleReport) {
    let missed = report.runs.count { $0.result == .missed }
    guard missed > 0 || report.isCut else { return }
    logger.notice(
      "due times of a schedule were missed",
      metadata: [
        "schedule": "\(report.schedule.name)", "missed": "\(missed)", "enqueued": "\(report.runs.count - missed)",
        "unrecorded": "\(report.isCut ? "those before the newest \(SchedulePlan.limit)" : "none")",
      ])
  }

  // MARK: What a front end changes

  /// A schedule that the store has just added or changed.
  func note(_ schedule: StoredSchedule, zone: TimeZoneRules) {
    schedules.put(schedule, zone: zone)
    runDueSchedules()
  }

  func noteRemoved(schedule name: String) {
    schedules.remove(name)
    rearm()
  }
}
