import ArgumentParser
import JobModel
import Testing

@testable import JobCommands

@Suite("jobq schedule next")
struct ScheduleNextCommandTests {
  @Test("it prints the due times after --from, with the zone's offset")
  func prints() throws {
    #expect(
      try run(["30 2 * * *", "--timezone", "Europe/Berlin", "--from", "2026-03-28T12:00:00Z", "--count", "2"])
        == ["2026-03-29T03:00:00+02:00", "2026-03-30T02:30:00+02:00"])
    #expect(try run(["0 0 1 1 *", "--timezone", "UTC"]) == ["2027-01-01T00:00:00+00:00"])
  }

  @Test("@every is measured from --from, to the millisecond")
  func every() throws {
    #expect(
      try run(["@every 90s", "--timezone", "America/New_York", "--from", "2026-01-01T00:00:00.5Z", "--count", "2"])
        == ["2025-12-31T19:01:30.500-05:00", "2025-12-31T19:03:00.500-05:00"])
  }

  @Test("--from takes a time of today in the zone, and the first of two")
  func timeOfDay() throws {
    #expect(
      try run(["*/30 * * * *", "--timezone", "Asia/Kolkata", "--from", "08:14"]) == ["2026-10-25T08:30:00+05:30"])
    #expect(
      try run(["*/30 * * * *", "--timezone", "Europe/Berlin", "--from", "02:14:59", "--count", "2"])
        == ["2026-10-25T02:30:00+02:00", "2026-10-25T02:00:00+01:00"])
  }

  @Test(
    "what is wrong is said in one line, and the exit code is 64",
    arguments: [
      (["61 * * * *"], "\"61 * * * *\" is no cron expression: minute: 61 is out of range; 0 to 59 is expected"),
      (
        ["* * * *\n*"],
        "\"* * * *\\u{a}*\" is no cron expression: five fields are expected, minute, hour, day of month, month and day of week; there are 4"
      ),
      (
        ["* * * * *", "--timezone", "Mars/Base"],
        "--timezone: the time zone \"Mars/Base\" cannot be read from /usr/share/zoneinfo/Mars/Base: No such file or directory; the package tzdata brings the zones that there are"
      ),
      (["* * * * *", "--count", "0"], "--count: 0 is out of range; 1 to 10000 is expected"),
      (["* * * * *", "--count", "10001"], "--count: 10001 is out of range; 1 to 10000 is expected"),
      (
        ["* * * * *", "--from", "yesterday"],
        "--from: \"yesterday\" is no time; expected is one such as 2026-11-24T08:14:40Z or 08:14"
      ),
      (
        ["* * * * *", "--from", "25:00"],
        "--from: \"25:00\" is no time; expected is one such as 2026-11-24T08:14:40Z or 08:14"
      ),
      (
        ["@yearly", "--timezone", "UTC", "--from", "9999-01-01T00:00:00Z"],
        "\"@yearly\" is never due in UTC after 9999-01-01T00:00:00+00:00"
      ),
    ])
  func refused(arguments: [String], message: String) throws {
    do {
      _ = try run(arguments)
      Issue.record("nothing was refused")
    } catch {
      #expect(ScheduleNextCommand.message(for: error) == message)
      #expect(ScheduleNextCommand.exitCode(for: error) == .validationFailure)
      #expect(ExitCode.validationFailure.rawValue == 64)
    }
  }

  @Test(
    "words that are no numbers, and five unquoted fields, are bad usage",
    arguments: [
      ["* * * * *", "--count", "many"], ["0", "3", "1", "1", "1"], [],
    ])
  func badUsage(arguments: [String]) {
    #expect(throws: (any Error).self) { try ScheduleCommand.parseAsRoot(["next"] + arguments) }
  }

  /// At a time within the doubled hour of Berlin.
  private func run(_ arguments: [String]) throws -> [String] {
    let command = try #require(try ScheduleCommand.parseAsRoot(["next"] + arguments) as? ScheduleNextCommand)
    return try command.dueTimes(now: try #require(Timestamp(rfc3339: "2026-10-25T00:30:00Z")))
  }
}
