import Dispatch
import Glibc
import JobModel
import Testing
import TimeZones

/// The model against schedule_oracle.py, which works out the same the slow way. `JOBQ_TEST_SEED` repeats a run,
/// `JOBQ_TEST_CASES` makes it longer.
@Suite("Schedules against an independent implementation")
struct ScheduleOracleTests {
  @Test(
    "thousands of random expressions are due when a minute-by-minute search in Python says so",
    .enabled(if: Oracle.isThere, "python3 with zoneinfo is not installed: schedules are NOT checked against it"))
  func agrees() async throws {
    let seed = number("JOBQ_TEST_SEED") ?? Int.random(in: 0..<1_000_000_000)
    let cases = number("JOBQ_TEST_CASES") ?? 3000
    print("schedule oracle: JOBQ_TEST_SEED=\(seed), \(cases) cases")
    let lines = await Oracle.lines(seed: seed, cases: cases)
    #expect(lines.count >= cases)

    var zones: [String: TimeZoneRules] = [:]
    var dueTimes = 0
    for line in lines {
      let columns = line.split(separator: "\t")
      let zone = String(columns[0])
      let expression = String(columns[1])
      guard columns.count > 2 else {
        #expect(throws: CronError.self, "\(expression) never comes, seed \(seed)") { try CronExpression(expression) }
        continue
      }
      let times = columns.dropFirst(2).map { Timestamp(milliseconds: Int64($0)! * 1000) }
      if zones[zone] == nil { zones[zone] = try TimeZoneFile().rules(of: zone) }
      let schedule = Schedule(try CronExpression(expression), zone: try #require(zones[zone]), anchor: times[0])
      var due: [Timestamp] = []
      var next = schedule.next(after: times[0])
      while let time = next, time <= times[1], due.count <= times.count {
        due.append(time)
        next = schedule.next(after: time)
      }
      dueTimes += due.count
      #expect(due == Array(times[2...]), "\(expression) in \(zone) from \(times[0]) to \(times[1]), seed \(seed)")
    }
    print("schedule oracle: \(dueTimes) due times agree in \(zones.count) zones")
  }

  private func number(_ name: String) -> Int? { getenv(name).flatMap { Int(String(cString: $0)) } }
}

private enum Oracle {
  static let isThere = system("python3 -c 'import zoneinfo' 2>/dev/null") == 0

  /// What the script prints, read on a thread that may block.
  static func lines(seed: Int, cases: Int) async -> [String] {
    let script = #filePath.replacing("ScheduleOracleTests.swift", with: "schedule_oracle.py")
    return await withCheckedContinuation { continuation in
      DispatchQueue.global().async {
        continuation.resume(returning: lines(of: "exec python3 '\(script)' \(seed) \(cases)"))
      }
    }
  }

  private static func lines(of command: String) -> [String] {
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
