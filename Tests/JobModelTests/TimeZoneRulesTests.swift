import JobModel
import SeededRandom
import Testing
import TimeZones

@Suite("Time zone rules")
struct TimeZoneRulesTests {
  @Test(
    "each version of the format is read, 64 bits wide from the second on",
    arguments: ["1", "2", "3", "4"] as [Character])
  func versions(version: Character) throws {
    let early: Int64 = version == "1" ? -2_000_000_000 : -5_000_000_000
    let bytes = TestZone.bytes(
      version: version, transitions: [(early, 1), (1_000_000_000, 0)], types: [3600, -7200], footer: "ABC-1")
    let zone = try TimeZoneRules(name: "x", tzif: bytes)
    #expect(offset(zone, early - 1) == 3600)
    #expect(offset(zone, early) == -7200)
    #expect(offset(zone, 999_999_999) == -7200)
    #expect(offset(zone, 1_000_000_000) == 3600)
    #expect(offset(zone, 100_000_000_000) == 3600)
  }

  @Test("without transitions the footer holds for all time, and without a footer the last offset stays")
  func footers() throws {
    let always = try #require(TestZone.rules(footer: "<-03>3"))
    #expect(offset(always, -5_000_000_000) == -10_800 && offset(always, 5_000_000_000) == -10_800)
    let last = try TimeZoneRules(name: "x", tzif: TestZone.bytes(transitions: [(0, 1)], types: [0, 60], footer: ""))
    #expect(offset(last, -1) == 0 && offset(last, 5_000_000_000) == 60)
  }

  @Test(
    "the footer's rule is that of POSIX, with the hours of RFC 8536",
    arguments: [
      ("CET-1CEST,M3.5.0,M10.5.0/3", "2500-03-28T00:59:59Z", 3600),
      ("CET-1CEST,M3.5.0,M10.5.0/3", "2500-03-28T01:00:00Z", 7200),
      ("CET-1CEST,M3.5.0,M10.5.0/3", "2500-10-31T00:59:59Z", 7200),
      ("CET-1CEST,M3.5.0,M10.5.0/3", "2500-10-31T01:00:00Z", 3600),
      // South of the equator daylight saving time lasts over the new year.
      ("<+1030>-10:30<+11>-11,M10.1.0,M4.1.0", "2400-01-01T00:00:00Z", 39_600),
      ("<+1030>-10:30<+11>-11,M10.1.0,M4.1.0", "2400-07-01T00:00:00Z", 37_800),
      // Winter time as the exception.
      ("IST-1GMT0,M10.5.0,M3.5.0/1", "2400-01-01T00:00:00Z", 0),
      ("IST-1GMT0,M10.5.0,M3.5.0/1", "2400-07-01T00:00:00Z", 3600),
      // Negative hours: RFC 8536 3.3.1.
      ("<-02>2<-01>,M3.5.0/-1,M10.5.0/0", "2400-03-26T00:59:59Z", -7200),
      ("<-02>2<-01>,M3.5.0/-1,M10.5.0/0", "2400-03-26T01:00:00Z", -3600),
      // Daylight saving time all year, as RFC 8536 writes it.
      ("XXX3EDT4,0/0,J365/23", "2400-01-01T03:59:59Z", -14_400),
      ("XXX3EDT4,0/0,J365/23", "2400-01-01T04:00:00Z", -14_400),
      ("XXX3EDT4,0/0,J365/23", "2401-06-01T00:00:00Z", -14_400),
      // Day 59 from 0 is 29 February in a leap year; J60 is 1 March in every year.
      ("AAA0BBB,59/0,300/0", "2400-02-29T00:00:00Z", 3600), ("AAA0BBB,59/0,300/0", "2401-02-28T23:59:59Z", 0),
      ("AAA0BBB,J60/0,J300/0", "2400-02-29T23:59:59Z", 0), ("AAA0BBB,J60/0,J300/0", "2400-03-01T00:00:00Z", 3600),
      ("AAA0BBB,J60/0,J300/0", "2401-03-01T00:00:00Z", 3600), ("AAA0BBB,J59/0,J300/0", "2400-02-28T00:00:00Z", 3600),
      ("AAA-0:20:30", "2400-01-01T00:00:00Z", 1230),
    ] as [(String, String, Int)])
  func rule(footer: String, time: String, expected: Int) throws {
    let zone = try #require(TestZone.rules(footer: footer))
    #expect(zone.utcOffset(at: try #require(Timestamp(rfc3339: time))) == expected)
  }

  @Test(
    "a footer that is no rule is refused",
    arguments: [
      "X", "XX1", "XXX", "XXX25", "XXX1YYY", "XXX1YYY,M3.5.0", "XXX1YYY,M13.1.0,M10.1.0", "XXX1YYY,M3.6.0,M10.1.0",
      "XXX1YYY,M3.1.7,M10.1.0", "XXX1YYY,J0,J300", "XXX1YYY,366,J300", "XXX1YYY,M3.1.0/168,M10.1.0",
      "XXX1YYY,M3.1.0,M10.1.0,", "<X1", "XXX1:60",
      "XXX0001",
    ])
  func badFooters(footer: String) { #expect(TestZone.rules(footer: footer) == nil) }

  @Test("a local time is told to come once, twice or never")
  func localTimes() throws {
    let berlin = try TimeZoneFile().rules(of: "Europe/Berlin")
    func time(_ text: String) throws -> Timestamp { try #require(Timestamp(rfc3339: text)) }
    func meaning(_ text: String) throws -> LocalInstants { berlin.instants(of: CivilTime(try time(text + "Z"))) }
    #expect(try meaning("2026-07-01T12:00:00.250") == .once(time("2026-07-01T10:00:00.250Z")))
    #expect(try meaning("2026-03-29T02:00:00") == .never(gapEnd: time("2026-03-29T01:00:00Z")))
    #expect(try meaning("2026-03-29T02:59:59.999") == .never(gapEnd: time("2026-03-29T01:00:00Z")))
    #expect(try meaning("2026-03-29T03:00:00") == .once(time("2026-03-29T01:00:00Z")))
    #expect(try meaning("2026-10-25T02:00:00") == .twice(time("2026-10-25T00:00:00Z"), time("2026-10-25T01:00:00Z")))
    #expect(try meaning("2026-10-25T01:59:59.999") == .once(time("2026-10-24T23:59:59.999Z")))
    #expect(try meaning("2026-10-25T03:00:00") == .once(time("2026-10-25T02:00:00Z")))
    #expect(
      TimeZoneRules.utc.instants(of: CivilTime(try time("2026-10-25T03:00:00Z")))
        == .once(try time("2026-10-25T03:00:00Z")))
  }

  @Test("bytes that are no zone, or hold an impossible one, are refused with their reason")
  func malformed() {
    func reason(_ bytes: [UInt8]) -> String? {
      do throws(TZifError) {
        _ = try TimeZoneRules(name: "x", tzif: bytes)
        return nil
      } catch {
        return error.reason
      }
    }
    #expect(reason([]) == "it is not in the TZif format")
    #expect(reason(Array("#!/bin/sh".utf8)) == "it is not in the TZif format")
    #expect(reason(TestZone.bytes(leaps: 1)) == "it counts leap seconds, which the system's clock does not")
    #expect(reason(TestZone.bytes(types: [])) == "it has no local time types")
    #expect(reason(TestZone.bytes(types: [100_000])) == "an offset of 100000 seconds is no zone's")
    #expect(reason(TestZone.bytes(transitions: [(0, 1)])) == "a transition has a type that is not there")
    #expect(reason(TestZone.bytes(transitions: [(5, 0), (5, 0)])) == "its transitions are not in order")
    #expect(reason(TestZone.bytes(transitions: [(.min, 0)])) == "its transitions are not in order")
    #expect(reason(TestZone.bytes(footer: "nonsense")) == "its footer \"nonsense\" is no time zone's rule")
    #expect(reason(TestZone.bytes().dropLast()) == "its footer is cut short")
  }

  @Test("a file cut anywhere is refused, and one with random bytes changed gives a zone or an error, never a trap")
  func damage() throws {
    let whole = TestZone.bytes(
      version: "3", transitions: (0..<40).map { (Int64($0) * 15_000_000, UInt8($0 % 2)) }, types: [3600, 7200],
      footer: "CET-1CEST,M3.5.0,M10.5.0/3")
    for length in whole.indices {
      #expect(throws: TZifError.self, "\(length) bytes") {
        try TimeZoneRules(name: "x", tzif: Array(whole.prefix(length)))
      }
    }
    let seed = testSeed()
    print("damaged zones: seed \(seed)")
    var random = SplitMix(seed: seed)
    let cron = try CronExpression("30 2 * * *")
    for _ in 0..<3000 {
      var bytes = whole
      for _ in 0..<Int.random(in: 1...4, using: &random) {
        bytes[Int.random(in: bytes.indices, using: &random)] = UInt8.random(in: 0...255, using: &random)
      }
      guard let zone = try? TimeZoneRules(name: "x", tzif: bytes) else { continue }
      let time = Timestamp(milliseconds: Int64.random(in: 0...4_000_000_000_000, using: &random))
      let next = Schedule(cron, zone: zone, anchor: time).next(after: time)
      #expect(next.map { $0 > time } ?? true, "seed \(seed)")
      _ = zone.instants(of: CivilTime(time))
    }
  }

  private func offset(_ zone: TimeZoneRules, _ seconds: Int64) -> Int {
    zone.utcOffset(at: Timestamp(milliseconds: seconds * 1000))
  }
}
