import Glibc
import JobModel
import Testing

@testable import JobCommands

@Suite("Words become values", .serialized)
struct ValueTests {
  @Test("a time of day is read, and anything that is none is not")
  func timesOfDay() {
    #expect(StartTime("08:05") == .timeOfDay(hour: 8, minute: 5, second: 0))
    #expect(StartTime("23:59:59") == .timeOfDay(hour: 23, minute: 59, second: 59))
    #expect(StartTime("8:05") == .timeOfDay(hour: 8, minute: 5, second: 0))
    for text in ["", "8", "24:00", "12:60", "12:00:60", "12:00:", "-1:00", "+1:00", "12:00:00:00", "012:00", "noon"] {
      #expect(StartTime(text) == nil, "\(text)")
    }
    #expect(StartTime("2026-11-24T08:14:40Z") == .at(Timestamp(milliseconds: 1_795_508_080_000)))
  }

  @Test(
    "a time of day is today's where it is to come and tomorrow's where it is past, by the local rules",
    arguments: [
      ("12:00", "2026-06-01T09:00:00Z", "2026-06-01T10:00:00.000Z"),  // Berlin, summer: UTC+2
      ("12:00", "2026-06-01T10:00:00Z", "2026-06-01T10:00:00.000Z"),
      ("12:00", "2026-06-01T10:00:00.001Z", "2026-06-02T10:00:00.000Z"),
      ("12:00", "2026-06-30T21:00:00Z", "2026-07-01T10:00:00.000Z"),
      ("08:00:30", "2026-12-31T20:00:00Z", "2027-01-01T07:00:30.000Z"),
      ("02:30", "2026-03-28T22:00:00Z", "2026-03-29T01:30:00.000Z"),  // skipped: 03:30 summer time
      ("12:00", "2026-10-24T12:00:00Z", "2026-10-25T11:00:00.000Z"),  // the day of 25 hours
    ])
  func resolution(text: String, now: String, expected: String) throws {
    // The only tests that touch TZ are here, one after the other; tzset(3) reads it anew.
    setenv("TZ", "Europe/Berlin", 1)
    defer {
      unsetenv("TZ")
      tzset()
    }
    let time = try #require(StartTime(text))
    #expect(time.resolved(now: try #require(Timestamp(rfc3339: now))).rfc3339 == expected)
  }

  @Test(
    "the time of a selection is a moment, the last such time of day, or a duration ago",
    arguments: [
      ("12:00", "2026-06-01T09:00:00Z", "2026-05-31T10:00:00.000Z"),  // Berlin, summer: UTC+2
      ("12:00", "2026-06-01T10:00:00Z", "2026-06-01T10:00:00.000Z"),
      ("00:00", "2026-06-30T22:00:00.001Z", "2026-06-30T22:00:00.000Z"),
      ("2026-01-01T00:00:00Z", "2026-06-01T00:00:00Z", "2026-01-01T00:00:00.000Z"),
      ("2h30m", "2026-06-01T09:00:00Z", "2026-06-01T06:30:00.000Z"),
      ("90", "2026-06-01T09:00:00Z", "2026-06-01T08:58:30.000Z"),
    ])
  func past(text: String, now: String, expected: String) throws {
    setenv("TZ", "Europe/Berlin", 1)
    defer {
      unsetenv("TZ")
      tzset()
    }
    let time = try #require(PastTime(text))
    #expect(time.resolved(now: try #require(Timestamp(rfc3339: now))).rfc3339 == expected)
    for text in ["", "-2h", "yesterday", "25:00"] { #expect(PastTime(text) == nil) }
  }

  @Test("numbers, labels and states are read strictly")
  func words() throws {
    #expect(try Values.ids("42,43").all == [JobID(42), JobID(43)])
    #expect(try Values.label("a=") == Label(key: "a", value: ""))
    #expect(try Values.states("failed,held").all == [.failed, .held])
    for text in ["", "0", "-1", "1-3", "1, 2", "٤", "99999999999999999999"] {
      #expect(throws: (any Error).self, "\(text)") { try Values.ids(text) }
    }
    for text in ["", "=v", "x"] { #expect(throws: (any Error).self) { try Values.label(text) } }
    for text in ["", "Failed", "failed,", "asleep"] { #expect(throws: (any Error).self) { try Values.states(text) } }
    for text in ["0", "1001", "+5", "x"] { #expect(throws: (any Error).self) { try Values.pageSize(text) } }
  }
}
