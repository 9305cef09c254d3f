import Dispatch
import Glibc
import JobModel
import Testing
import TimeZones

/// The model against schedule_oracle.py, which works out the same the slow way. `JOBQ_TEST_SEED` repeats a run,
/// `JOBQ_TEST_CASES` makes it longer.
@Suite(
  "Schedules against an independent implementation",
  .enabled(if: Oracle.isThere, "python3 with zoneinfo is not installed: schedules are NOT checked against it"))
struct ScheduleOracleTests {
  @Test("thousands of random expressions are due when a minute-by-minute search in Python says so")
  func dueTimes() async throws {
    let lines = await Oracle.lines("due", cases: 3000)
    var zones: [String: TimeZoneRules] = [:]
    var count = 0
    for line in lines {
      let columns = line.split(separator: "\t")
      let zone = String(columns[0])
      let expression = String(columns[1])
      guard columns.count > 2 else {
        #expect(throws: CronError.self, "\(expression) never comes") { try CronExpression(expression) }
        continue
      }
      let times = columns.dropFirst(2).map(Oracle.time)
      if zones[zone] == nil { zones[zone] = try TimeZoneFile().rules(of: zone) }
      let schedule = Schedule(try CronExpression(expression), zone: try #require(zones[zone]), anchor: times[0])
      var due: [Timestamp] = []
      var next = schedule.next(after: times[0])
      while let time = next, time <= times[1], due.count <= times.count {
        due.append(time)
        next = schedule.next(after: time)
      }
      count += due.count
      #expect(due == Array(times[2...]), "\(expression) in \(zone) from \(times[0]) to \(times[1])")
    }
    print("schedule oracle: \(lines.count) expressions, \(count) due times in \(zones.count) zones")
  }

  @Test("every zone of the system has the offsets, gaps and doubled hours that Python's zoneinfo finds")
  func zones() async throws {
    var rules: [String: TimeZoneRules] = [:]
    for line in await Oracle.lines("zones", cases: 6000) {
      let columns = line.split(separator: "\t")
      let name = String(columns[0])
      if rules[name] == nil { rules[name] = try TimeZoneFile().rules(of: name) }
      let zone = try #require(rules[name])
      let time = Oracle.time(columns[1])
      #expect(zone.utcOffset(at: time) == Int(columns[2]), "\(name) at \(time)")
      let local = Oracle.time(columns[3])
      let expected: LocalInstants =
        if columns[4] == "gap" {
          .never(gapEnd: Oracle.time(columns[5]))
        } else if columns.count == 6 {
          .twice(Oracle.time(columns[4]), Oracle.time(columns[5]))
        } else {
          .once(Oracle.time(columns[4]))
        }
      #expect(zone.instants(of: CivilTime(local)) == expected, "\(name), \(local) on its clock")
    }
    print("zone oracle: \(rules.count) zones")
  }
}

private enum Oracle {
  static let isThere = system("python3 -c 'import zoneinfo' 2>/dev/null") == 0

  static func time(_ seconds: Substring) -> Timestamp { Timestamp(milliseconds: Int64(seconds)! * 1000) }

  /// What the script prints, at least a line for each case; read on a thread that may block.
  static func lines(_ mode: String, cases: Int) async -> [String] {
    let seed = number("JOBQ_TEST_SEED") ?? Int.random(in: 0..<1_000_000_000)
    let cases = number("JOBQ_TEST_CASES") ?? cases
    print("\(mode): JOBQ_TEST_SEED=\(seed) JOBQ_TEST_CASES=\(cases)")
    let script = #filePath.replacing("ScheduleOracleTests.swift", with: "schedule_oracle.py")
    let lines: [String] = await withCheckedContinuation { continuation in
      DispatchQueue.global().async {
        continuation.resume(returning: output(of: "exec python3 '\(script)' \(mode) \(seed) \(cases)"))
      }
    }
    #expect(lines.count >= cases, "the script failed")
    return lines
  }

  private static func number(_ name: String) -> Int? { getenv(name).flatMap { Int(String(cString: $0)) } }

  private static func output(of command: String) -> [String] {
    guard let pipe = popen(command, "r") else { return [] }
    defer { pclose(pipe) }
    var lines: [String] = []
    var buffer: UnsafeMutablePointer<CChar>?
    var size = 0
    defer { free(buffer) }
    while getline(&buffer, &size, pipe) > 0, let buffer { lines.append(String(cString: buffer).filter { $0 != "\n" }) }
    return lines
  }
}
