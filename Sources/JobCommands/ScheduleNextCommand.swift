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

      Where the clocks are set forward, a fixed time in the missing hour is due at the first instant after it; where they are set \
      back, at its first occurrence only. What has a * at the beginning of its minutes or hours runs by the clock: in both of two \
      doubled hours, and not in a missing one.
      """)

  @Argument(
    help: ArgumentHelp(
      "Five fields (minute, hour, day of month, month, day of week), or @hourly, @daily, @weekly, @monthly, @yearly, @every SPAN.",
      valueName: "CRON"))
  var expression: String

  @Option(
    help: ArgumentHelp(
      "The zone on whose clocks it is read: a name such as Europe/Berlin, UTC, or local.", valueName: "TZ"))
  var timezone = "local"

  @Option(
    help: ArgumentHelp(
      "Print what is due after this time: RFC 3339, or HH:MM[:SS] today in the zone. @every is measured from it. (default: now)",
      valueName: "TIME"))
  var from: String?

  @Option(help: ArgumentHelp("How many due times to print, 1 to 10000.", valueName: "N"))
  var count = 1

  @Flag(help: "Print a JSON array.")
  var json = false

  func run() throws {
    let times = try dueTimes(now: Timestamp(milliseconds: Int64(Date().timeIntervalSince1970) * 1000))
    if json {
      print(String(decoding: try JSONEncoder().encode(times), as: UTF8.self))
    } else {
      for time in times { print(time) }
    }
  }

  /// What is printed. Throws `ValidationError`, by which the program exits 64.
  func dueTimes(now: Timestamp) throws(ValidationError) -> [String] {
    guard (1...10_000).contains(count) else {
      throw ValidationError("--count: \(count) is out of range; 1 to 10000 is expected")
    }
    let schedule: Schedule
    let start: Timestamp
    do {
      let cron = try CronExpression(expression)
      let zone = try TimeZoneFile().rules(of: timezone)
      start = try from.map { try Self.time($0, in: zone, now: now) } ?? now
      schedule = Schedule(cron, zone: zone, anchor: start)
    } catch let error as CronError {
      throw ValidationError("\"\(expression.printable)\" is no cron expression: \(error)")
    } catch let error as TimeZoneError {
      throw ValidationError("--timezone: \(error)")
    } catch let error as ValidationError {
      throw error
    } catch {
      throw ValidationError("\(error)")
    }

    let times = sequence(state: start) { (time: inout Timestamp) -> Timestamp? in
      guard let next = schedule.next(after: time) else { return nil }
      time = next
      return next
    }.prefix(count).map { $0.rfc3339(offset: schedule.zone.utcOffset(at: $0)) }
    guard !times.isEmpty else {
      throw ValidationError("\"\(expression.printable)\" is never due in \(timezone) after \(start.rfc3339(offset: 0))")
    }
    return times
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
