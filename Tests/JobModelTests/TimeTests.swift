import JobModel
import Testing

@Suite("Spans and times")
struct TimeTests {
  @Test(
    "a span reads as a person writes it",
    arguments: [
      ("250ms", 250), ("30s", 30_000), ("5m", 300_000), ("2h", 7_200_000), ("1d", 86_400_000), ("90", 90_000),
      ("0.25", 250), ("1.5h", 5_400_000), ("1h30m", 5_400_000), ("0", 0), ("0s", 0),
    ] as [(String, Int64)])
  func spans(text: String, milliseconds: Int64) throws {
    let span = try #require(TimeSpan(text))
    #expect(span.milliseconds == milliseconds)
    #expect(TimeSpan(span.description) == span)
  }

  @Test(
    "a span that is none is refused",
    arguments: [
      "", "-1", "+1s", "1x", "s", "1 s", "1m1h", "1s1s", "10s5", "1e3", "nan", "inf", "99999999d", "1..5s", "٣s",
    ])
  func badSpans(text: String) { #expect(TimeSpan(text) == nil) }

  @Test(
    "a time reads by RFC 3339",
    arguments: [
      ("1970-01-01T00:00:00Z", 0), ("2026-11-24T08:14:40.123Z", 1_795_508_080_123),
      ("2026-11-24T09:14:40.1239+01:00", 1_795_508_080_123), ("2024-02-29t23:59:60z", 1_709_251_199_000),
      ("0001-01-01T00:00:00Z", -62_135_596_800_000), ("2026-11-24 08:14:40-00:30", 1_795_509_880_000),
      ("9999-12-31T23:59:59.999Z", 253_402_300_799_999),
    ] as [(String, Int64)])
  func times(text: String, milliseconds: Int64) { #expect(Timestamp(rfc3339: text)?.milliseconds == milliseconds) }

  @Test(
    "a time that does not exist is refused",
    arguments: [
      "", "2026-02-29T00:00:00Z", "2026-13-01T00:00:00Z", "2026-11-24T24:00:00Z", "2026-11-24T08:14:40", "2026-11-24",
      "2026-11-24T08:14Z", "2026-11-24T08:14:40.Z", "2026-11-24T08:14:40+1:00", "2026-11-24T08:14:40Zx",
      "0000-01-01T00:00:00Z", "9999-12-31T23:59:59-00:01", "0001-01-01T00:00:00+00:01",
    ])
  func badTimes(text: String) { #expect(Timestamp(rfc3339: text) == nil) }

  @Test("every day from 1600 to 2400 comes back as it went")
  func everyDay() {
    var day = CivilTime(year: 1600, month: 1, day: 1).timestamp
    let end = CivilTime(year: 2400, month: 1, day: 1).timestamp
    var expected = (year: 1600, month: 1, day: 1)
    while day < end {
      let civil = CivilTime(day)
      #expect((civil.year, civil.month, civil.day) == expected && civil.timestamp == day)
      expected.day += 1
      if expected.day > CivilTime.days(inMonth: expected.month, of: expected.year) {
        expected = expected.month == 12 ? (expected.year + 1, 1, 1) : (expected.year, expected.month + 1, 1)
      }
      day = day + .days(1)
    }
  }

  @Test("a random time is written and read back to the same millisecond")
  func roundTrip() {
    var random = SystemRandomNumberGenerator()
    for _ in 0..<10_000 {
      let time = Timestamp(milliseconds: Int64.random(in: -60_000_000_000_000...250_000_000_000_000, using: &random))
      #expect(Timestamp(rfc3339: time.rfc3339) == time)
    }
  }
}
