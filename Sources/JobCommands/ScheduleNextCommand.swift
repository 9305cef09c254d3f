import ArgumentParser
import FoundationEssentials
import JobModel
import TimeZones

/// `jobq schedule next`: when a cron expression is due. It asks no daemon.
struct ScheduleNextCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "next", abstract: "Print when a cron expression is due, without a daemon.",
    discussion: """
      The due times strictly after --from, one a line. CRON is one word for the shell: quote it.

        jobq schedule next '15 3 * * mon-fri' --timezone Europe/Berlin --count 5
        jobq schedule next '@every 90s'

      Where the clocks are set forward, a fixed time in the missing hour is due at the first instant after it; where \
      they are set back, at its first occurrence only. What has a * at the beginning of its minutes or hours runs by \
      the clock: in both of two doubled hours, and not in a missing one.
      """)

  @Argument(
    help: ArgumentHelp(
      "Five fields (minute, hour, day of month, month, day of week), or @hourly, @daily, @weekly, @monthly, @yearly, "
        + "@every SPAN.",
      valueName: "CRON"))
  var expression: String

  @Option(
    help: ArgumentHelp(
      "The zone on whose clocks it is read: a name such as Europe/Berlin, UTC, or local.", valueName: "TZ"))
  var timezone = "local"

  @Option(
    help: ArgumentHelp(
      "Print what is due after this time: RFC 3339, or HH:MM[:SS] today in the zone. @every is measured from it. "
        + "(default: now)",
      valueName: "TIME"))
  var from: String?

  @Option(parsing: .unconditional, help: ArgumentHelp("How many due times to print, 1 to 10000.", valueName: "N"))
  var count = 1

  @Flag(help: "Print a JSON array.")
  var json = false

  /// Here and not in `run`, so that a mistake is told beside this verb's usage.
  func validate() throws {
    guard (1...10_000).contains(count) else {
      throw ValidationError("--count: \(count) is out of range; 1 to 10000 is expected")
    }
    _ = try schedule(now: Self.now)
  }

  func run() throws {
    let times = try dueTimes(now: Self.now)
    if json {
      try Output.write(json: Array(JSONEncoder().encode(times)))
    } else {
      try Output.write(times.map { $0 + "\n" }.joined())
    }
  }

  /// In whole seconds, so that `@every` shows no fractions that nobody asked for.
  private static var now: Timestamp { Timestamp(milliseconds: Int64(Date().timeIntervalSince1970) * 1000) }

  /// What is printed.
  func dueTimes(now: Timestamp) throws(ValidationError) -> [String] {
    let schedule = try schedule(now: now)
    var times: [String] = []
    var time = schedule.anchor
    while times.count < count, let next = schedule.next(after: time) {
      times.append(next.rfc3339(offset: schedule.zone.utcOffset(at: next)))
      time = next
    }
    guard !times.isEmpty else {
      throw ValidationError(
        "\"\(expression.printable)\" is never due in \(timezone) after \(schedule.anchor.rfc3339(offset: 0))")
    }
    return times
  }

  /// What is asked for, from its anchor on. Throws `ValidationError`, by which the program exits 64.
  private func schedule(now: Timestamp) throws(ValidationError) -> Schedule {
    let cron: CronExpression
    let zone: TimeZoneRules
    do throws(CronError) { cron = try CronExpression(expression) } catch {
      throw ValidationError("\"\(expression.printable)\" is no cron expression: \(error)")
    }
    do throws(TimeZoneError) { zone = try TimeZoneFile().rules(of: timezone) } catch {
      throw ValidationError("--timezone: \(error)")
    }
    let start = try from.map { text throws(ValidationError) in try Self.time(text, in: zone, now: now) } ?? now
    return Schedule(cron, zone: zone, anchor: start)
  }

  /// RFC 3339, or a time of the day that it is in the zone.
  private static func time(_ text: String, in zone: TimeZoneRules, now: Timestamp) throws(ValidationError) -> Timestamp
  {
    if let time = Timestamp(rfc3339: text) { return time }
    let today = now.rfc3339(offset: zone.utcOffset(at: now)).prefix(10)
    let seconds = text.utf8.count == 5 ? ":00" : ""
    guard text.utf8.count <= 8, let clock = Timestamp(rfc3339: "\(today)T\(text)\(seconds)Z") else {
      throw ValidationError(
        "--from: \"\(text.printable)\" is no time; expected is one such as 2026-11-24T08:14:40Z or 08:14")
    }
    return zone.instants(of: CivilTime(clock)).first
  }
}
