package import JobModel
package import JobStore

/// When each schedule is due next, and which of them is being looked after just now: a plain value, as `SchedulerCore`
/// is. It holds what the store holds, never more: a schedule moves on once the store has said so.
package struct ScheduleBook: Sendable {
  private enum Phase: Sendable { case waiting, asked, stalled }

  private struct Entry: Sendable {
    var schedule: StoredSchedule
    /// Nil where its zone is not known any more: it is never due then.
    var zone: TimeZoneRules?
    var phase = Phase.waiting
  }

  /// What the store is to be asked about one schedule.
  package struct Due: Sendable, Hashable {
    package var schedule: StoredSchedule
    package var timing: Schedule
  }

  private var entries: [String: Entry] = [:]
  /// From when on due times have been looked after. What was due before it has been missed.
  private var since: Timestamp?

  package init() {}

  // MARK: What there is

  /// Takes a schedule in as the store gave it; an older state than the one that is known changes nothing.
  package mutating func put(_ schedule: StoredSchedule, zone: TimeZoneRules?) {
    if let known = entries[schedule.name], known.schedule.revision > schedule.revision { return }
    entries[schedule.name] = Entry(schedule: schedule, zone: zone)
  }

  /// Whether a schedule of this zone goes by other rules than these.
  package func goesByOther(_ zone: TimeZoneRules) -> Bool {
    entries.values.contains { $0.schedule.definition.timezone == zone.name && $0.zone != zone }
  }

  /// The rules of a zone as they are now; due times that are known already stay as they are.
  package mutating func adopt(_ zone: TimeZoneRules) {
    for (name, entry) in entries where entry.schedule.definition.timezone == zone.name { entries[name]?.zone = zone }
  }

  package mutating func remove(_ name: String) { entries[name] = nil }

  /// Takes in all that the store had, and lets go of the rest, but for what was added while the store was read.
  package mutating func replace(_ schedules: [(StoredSchedule, zone: TimeZoneRules?)]) {
    let latest = schedules.map(\.0.revision).max() ?? .min
    let names = Set(schedules.map(\.0.name))
    for (name, entry) in entries where !names.contains(name) && entry.schedule.revision <= latest {
      entries[name] = nil
    }
    for (schedule, zone) in schedules { put(schedule, zone: zone) }
  }

  /// Those, by name, for which a later time than this has come already: the clock is behind, or was ahead. They wait for
  /// their next due time all the same.
  package func ahead(of time: Timestamp) -> [String] {
    entries.filter { !$0.value.schedule.paused && ($0.value.schedule.lastDue ?? time) > time }.keys.sorted()
  }

  // MARK: What is due

  /// Due times are looked after from here on: those before have been missed.
  package mutating func begin(at time: Timestamp) { since = time }

  /// The bound between what has been missed and what is on time, for a look at `time`. A clock that was set back beyond
  /// it takes it along: what is due after that is on time.
  package mutating func since(at time: Timestamp) -> Timestamp {
    let bound = min(since ?? time, time)
    since = bound
    return bound
  }

  /// The schedules that are due, by name; none of them is given again until `done` or `stall`.
  package mutating func takeDue(at time: Timestamp) -> [Due] {
    var due: [Due] = []
    for (name, entry) in entries {
      guard entry.phase == .waiting, let zone = entry.zone, let next = entry.schedule.nextDue, next <= time
      else { continue }
      entries[name]?.phase = .asked
      due.append(
        Due(
          schedule: entry.schedule,
          timing: Schedule(entry.schedule.definition.expression, zone: zone, anchor: entry.schedule.anchor)))
    }
    return due.sorted { $0.schedule.name < $1.schedule.name }
  }

  /// The store has dealt with it, and this is what it is now; nil where it is gone.
  package mutating func done(_ name: String, _ schedule: StoredSchedule?) {
    guard let schedule else { return remove(name) }
    guard let entry = entries[name] else { return }
    entries[name]?.phase = .waiting
    guard schedule.revision > entry.schedule.revision else { return }
    entries[name]?.schedule = schedule
    // Whoever gave it another zone puts it here with that zone in a moment.
    if schedule.definition.timezone != entry.schedule.definition.timezone { entries[name]?.zone = nil }
  }

  /// It could not be looked after: it is left alone until `loosen`, or until it is put anew.
  package mutating func stall(_ name: String) { entries[name]?.phase = .stalled }

  package mutating func loosen() {
    for (name, entry) in entries where entry.phase == .stalled { entries[name]?.phase = .waiting }
  }

  /// When to look again; nil where nothing will be due.
  package var next: Timestamp? {
    entries.values.lazy.filter { $0.phase == .waiting && $0.zone != nil }.compactMap(\.schedule.nextDue).min()
  }
}
