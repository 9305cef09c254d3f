import JobModel
import Testing
import TimeZones

@Suite("Schedules")
struct ScheduleTests {
  @Test("a due time is strictly after the time that is asked about")
  func strictlyAfter() throws {
    #expect(
      try due("15 3 * * *", after: "2026-01-01T03:14:59.999Z", 2) == [
        "2026-01-01T03:15:00+00:00", "2026-01-02T03:15:00+00:00",
      ])
    #expect(try due("15 3 * * *", after: "2026-01-01T03:15:00Z", 1) == ["2026-01-02T03:15:00+00:00"])
    #expect(try due("15 3 * * *", after: "2026-01-01T03:15:00.001Z", 1) == ["2026-01-02T03:15:00+00:00"])
    #expect(
      try due("* * * * *", after: "1969-12-31T23:58:30Z", 2) == [
        "1969-12-31T23:59:00+00:00", "1970-01-01T00:00:00+00:00",
      ])
  }

  @Test("a fixed time in the missing hour is due once, at the first instant after the gap")
  func missingHour() throws {
    #expect(
      try due("30 2 * * *", "Europe/Berlin", after: "2026-03-28T12:00:00Z", 2)
        == ["2026-03-29T03:00:00+02:00", "2026-03-30T02:30:00+02:00"])
    #expect(
      try due("0,15,30 2,3 * * *", "Europe/Berlin", after: "2026-03-29T00:30:00Z", 3)
        == ["2026-03-29T03:00:00+02:00", "2026-03-29T03:15:00+02:00", "2026-03-29T03:30:00+02:00"])
    #expect(
      try due("15 2 * * *", "Australia/Lord_Howe", after: "2026-10-03T12:00:00Z", 1) == ["2026-10-04T02:30:00+11:00"])
  }

  @Test("a fixed time in the doubled hour is due once, at its first occurrence")
  func doubledHour() throws {
    #expect(
      try due("30 2 * * *", "Europe/Berlin", after: "2026-10-24T12:00:00Z", 2)
        == ["2026-10-25T02:30:00+02:00", "2026-10-26T02:30:00+01:00"])
    // Asked between the two, it does not come back.
    #expect(
      try due("30 2 * * *", "Europe/Berlin", after: "2026-10-25T01:00:00Z", 1) == ["2026-10-26T02:30:00+01:00"])
    #expect(
      try due("0 1 * * *", "America/New_York", after: "2026-11-01T04:00:00Z", 2)
        == ["2026-11-01T01:00:00-04:00", "2026-11-02T01:00:00-05:00"])
  }

  @Test("an interval runs by the clock: in both of the doubled hours, not in the missing one")
  func intervals() throws {
    #expect(
      try due("*/30 2 * * *", "Europe/Berlin", after: "2026-10-25T00:00:00Z", 4)
        == [
          "2026-10-25T02:30:00+02:00", "2026-10-25T02:00:00+01:00", "2026-10-25T02:30:00+01:00",
          "2026-10-26T02:00:00+01:00",
        ])
    #expect(
      try due("*/30 2 * * *", "Europe/Berlin", after: "2026-03-28T12:00:00Z", 1) == ["2026-03-30T02:00:00+02:00"])
    #expect(
      try due("@hourly", "Europe/Berlin", after: "2026-03-29T00:30:00Z", 2)
        == ["2026-03-29T03:00:00+02:00", "2026-03-29T04:00:00+02:00"])
  }

  @Test("a day that a zone left out is a gap like any other")
  func skippedDay() throws {
    #expect(
      try due("0 12 * * *", "Pacific/Apia", after: "2011-12-29T00:00:00Z", 3)
        == ["2011-12-29T12:00:00-10:00", "2011-12-31T00:00:00+14:00", "2011-12-31T12:00:00+14:00"])
    #expect(
      try due("0 */12 * * *", "Pacific/Apia", after: "2011-12-29T12:00:00Z", 2)
        == ["2011-12-29T12:00:00-10:00", "2011-12-31T00:00:00+14:00"])
  }

  @Test("what is rare is found: a leap day on a Sunday, over a century without one")
  func rare() throws {
    #expect(
      try due("0 0 29 2 */7", after: "2026-01-01T00:00:00Z", 3)
        == ["2032-02-29T00:00:00+00:00", "2060-02-29T00:00:00+00:00", "2088-02-29T00:00:00+00:00"])
    #expect(try due("0 0 29 2 *", after: "2096-03-01T00:00:00Z", 1) == ["2104-02-29T00:00:00+00:00"])
    #expect(try due("0 0 29 2 */7", "Europe/Berlin", after: "2088-03-01T00:00:00Z", 1) == ["2128-02-29T00:00:00+01:00"])
  }

  @Test("what a zone's clocks never show ends the search")
  func never() throws {
    // The last hour of March is left out each year.
    let zone = try #require(TestZone.rules(footer: "XXX0YYY,J90/2,J300/2"))
    let schedule = Schedule(try CronExpression("*/5 2 31 3 *"), zone: zone, anchor: Timestamp(milliseconds: 0))
    #expect(schedule.next(after: Timestamp(milliseconds: 0)) == nil)
    let daily = Schedule(try CronExpression("*/5 2 30,31 3 *"), zone: zone, anchor: Timestamp(milliseconds: 0))
    #expect(daily.next(after: Timestamp(milliseconds: 0))?.rfc3339 == "1970-03-30T02:00:00.000Z")
  }

  @Test("no due time lies beyond the year 9998")
  func end() throws {
    #expect(try due("0 0 1 1 *", after: "9997-06-01T00:00:00Z", 5) == ["9998-01-01T00:00:00+00:00"])
    #expect(try due("@every 100d", after: "9998-12-01T00:00:00Z", 5) == [])
    #expect(try due("* * * * *", after: "9999-12-31T23:59:59Z", 1) == [])
  }

  @Test("an offset with seconds, as zones had them long ago, gives the right instant")
  func localMeanTime() throws {
    #expect(
      try due("0 0 1 1 *", "Europe/Berlin", after: "1850-06-01T00:00:00Z", 1) == ["1850-12-31T23:59:32+00:53"])
  }

  @Test("@every is measured from its anchor, whatever the zone and wherever the question lies")
  func every() throws {
    let anchor = try #require(Timestamp(rfc3339: "2026-03-29T00:59:59.250Z"))
    let schedule = Schedule(
      try CronExpression("@every 90s"), zone: try TimeZoneFile().rules(of: "Europe/Berlin"), anchor: anchor)
    #expect(schedule.next(after: anchor) == anchor + .seconds(90))
    #expect(schedule.next(after: anchor + .seconds(89)) == anchor + .seconds(90))
    #expect(schedule.next(after: anchor + .seconds(90)) == anchor + .seconds(180))
    #expect(schedule.next(after: Timestamp(milliseconds: anchor.milliseconds - 1)) == anchor)
    #expect(schedule.next(after: Timestamp(milliseconds: anchor.milliseconds - 90_000)) == anchor)
  }

  private func due(_ expression: String, _ zone: String = "UTC", after: String, _ count: Int) throws -> [String] {
    var time = try #require(Timestamp(rfc3339: after))
    let schedule = Schedule(try CronExpression(expression), zone: try TimeZoneFile().rules(of: zone), anchor: time)
    var times: [String] = []
    while times.count < count, let next = schedule.next(after: time) {
      times.append(next.rfc3339(offset: schedule.zone.utcOffset(at: next)))
      time = next
    }
    return times
  }
}
