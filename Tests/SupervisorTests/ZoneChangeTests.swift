import Foundation
import JobModel
import JobStore
import Supervisor
import Synchronization
import Testing

/// A zone whose rules change under the supervisor: the host has got another tzdata, or another /etc/localtime.
@Suite("Time zones that change", .timeLimit(.minutes(10)))
struct ZoneChangeTests {
  private static let start = Timestamp(rfc3339: "2026-11-24T00:00:00Z")!

  /// What a test says that the host's files hold.
  private final class Zones: Sendable {
    private let offset: Mutex<String?>

    init(_ offset: String) { self.offset = Mutex(offset) }

    /// East of UTC, in hours; nil where the file cannot be read.
    func set(_ offset: String?) { self.offset.withLock { $0 = offset } }

    var lookup: ZoneLookup {
      { name throws(InvalidValue) in
        guard let offset = self.offset.withLock({ $0 }),
          // Their names count westwards.
          let bytes = FileManager.default.contents(atPath: "/usr/share/zoneinfo/Etc/GMT-\(offset)"),
          let rules = try? TimeZoneRules(name: name, tzif: Array(bytes))
        else { throw InvalidValue("timezone", "cannot be read") }
        return rules
      }
    }
  }

  private func request(_ cron: String) -> ScheduleRequest {
    var request = ScheduleRequest()
    request.cron = cron
    request.timezone = "Test/Zone"
    request.overlap = .queue
    request.job = JobRequest()
    request.job?.command = ["true"]
    request.job?.hold = true
    return request
  }

  private func at(_ text: String) -> Timestamp { Timestamp(rfc3339: "2026-11-\(text):00Z")! }

  private func next(_ house: House, _ name: String) async throws -> Timestamp? {
    try await house.service.schedule(name, runs: 1, viewer: 0).nextDueAt
  }

  @Test("a reload finds due times by the rules that hold now; what has been run is not run again")
  func reload() async throws {
    let time = ManualTime(Self.start)
    let zones = Zones("1")
    try await House.with(time: time, zones: zones.lookup) { house in
      _ = try await house.service.add(request("0 3 * * *"), name: "daily", isReplacing: false, by: nil)
      await time.pass(to: at("24T02:00"), next: at("25T02:00"))
      zones.set("3")
      #expect(try await next(house, "daily") == at("25T02:00"))
      try await house.supervisor.reconfigure(SupervisorConfiguration(workers: 2, shutdownGrace: .milliseconds(200)))
      await time.armed(for: at("25T00:00"))
      #expect(try await next(house, "daily") == at("25T00:00"))
      // The other way round, in the hours between: three o'clock comes again, on another day.
      await time.pass(to: at("25T00:00"), next: at("26T00:00"))
      zones.set("1")
      try await house.supervisor.reconfigure(SupervisorConfiguration(workers: 2, shutdownGrace: .milliseconds(200)))
      await time.armed(for: at("25T02:00"))
      #expect(try await house.store.overview().counts.total == 2)
    }
  }

  @Test("a start does so too, and what was missed is dealt with as it was announced")
  func start() async throws {
    let directory = NSTemporaryDirectory() + "jobq-zones-\(UUID().uuidString.prefix(8))"
    defer { try? FileManager.default.removeItem(atPath: directory) }
    let zones = Zones("1")
    try await House.with(directory: directory, time: ManualTime(Self.start), zones: zones.lookup) { house in
      _ = try await house.service.add(request("0 3 * * *"), name: "daily", isReplacing: false, by: nil)
      _ = try await house.service.add(request("0 9 26 * *"), name: "later", isReplacing: false, by: nil)
    }
    zones.set("3")
    let time = ManualTime(at("24T03:00"))
    try await House.with(directory: directory, time: time, zones: zones.lookup) { house in
      await time.armed(for: at("25T00:00"))
      #expect(try await next(house, "later") == at("26T06:00"))
      let daily = try await house.service.schedule("daily", runs: 9, viewer: 0)
      #expect(daily.runs.map(\.dueAt) == [at("24T02:00")] && daily.runs.map(\.result) == [.enqueued])
    }
  }

  @Test("the first due time that comes brings all schedules of its zone to the new rules")
  func notices() async throws {
    let time = ManualTime(Self.start)
    let zones = Zones("1")
    try await House.with(time: time, zones: zones.lookup) { house in
      for (name, cron) in [("first", "0 3 * * *"), ("second", "0 20 * * *")] {
        _ = try await house.service.add(request(cron), name: name, isReplacing: false, by: nil)
      }
      zones.set("3")
      await time.pass(to: at("24T02:00"), next: at("24T17:00"))
      #expect(try await next(house, "first") == at("25T00:00"))
      #expect(try await next(house, "second") == at("24T17:00"))
      // Where they cannot be read, those that are known hold on.
      zones.set(nil)
      try await house.service.removeSchedule("first")
      await time.pass(to: at("24T17:00"), next: at("25T17:00"))
    }
  }

  @Test("@every, a delay and a wait for the next attempt know no zone")
  func noZone() async throws {
    let time = ManualTime(Self.start)
    let zones = Zones("1")
    try await House.with(time: time, zones: zones.lookup) { house in
      _ = try await house.service.add(request("@every 1h"), name: "hourly", isReplacing: false, by: nil)
      let delayed = try await house.enqueue("true") { $0.delay = .minutes(10) }
      zones.set("12")
      try await house.supervisor.reconfigure(SupervisorConfiguration(workers: 2, shutdownGrace: .milliseconds(200)))
      #expect(try await next(house, "hourly") == at("24T01:00"))
      #expect(try await house.service.job(delayed, viewer: 0).runAt == at("24T00:10"))
    }
  }
}
