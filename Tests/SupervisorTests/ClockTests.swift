import Foundation
import JobModel
import Supervisor
import Testing

/// What becomes of delays, times, backoff and timeouts when the clocks do what clocks do.
@Suite("Time")
struct ClockTests {
  private static let day = TimeSpan.days(1)
  private static let start = Moment(wall: Timestamp(milliseconds: 1_795_508_080_000), boot: 1_000_000)

  private func withDirectory(_ body: (String) async throws -> Void) async throws {
    let directory = NSTemporaryDirectory() + "jobq-clock-\(UUID().uuidString.prefix(8))"
    defer { try? FileManager.default.removeItem(atPath: directory) }
    try await body(directory)
  }

  private func withHouse(_ body: (ClockHouse) async throws -> Void) async throws {
    try await withDirectory { try await ClockHouse.with($0, bootID: "boot 1", at: Self.start, body) }
  }

  @Test(
    "a wall clock that is set by a day moves what is to start at a time, and neither delay nor backoff",
    arguments: [1, -1])
  func wallClock(direction: Int) async throws {
    try await withHouse { house in
      let delayed = try await house.enqueue { $0.delay = .minutes(1) }
      let timed = try await house.enqueue { $0.runAt = Self.start.wall + .minutes(60) }
      let failing = try await house.enqueue("exit 1") {
        $0.retries = 1
        $0.backoff = Backoff(kind: .fixed, base: .minutes(1), max: .minutes(1), jitter: 0)
      }
      try await house.isScheduled(failing)
      house.time.setWall(by: TimeSpan(milliseconds: Int64(direction) * Self.day.milliseconds))
      #expect(try await house.state(delayed) == .scheduled)
      #expect(try await house.state(failing) == .scheduled)
      if direction > 0 {
        #expect(try await house.end(of: timed).state == .succeeded)
      } else {
        #expect(try await house.state(timed) == .scheduled)
      }
      house.time.pass(.minutes(1))
      #expect(try await house.end(of: delayed).state == .succeeded)
      #expect(try await house.end(of: failing).attempt == 2)
      if direction < 0 {
        house.time.pass(Self.day)
        #expect(try await house.state(timed) == .scheduled, "it is an hour to go")
        house.time.pass(.minutes(60))
        #expect(try await house.end(of: timed).state == .succeeded)
      }
    }
  }

  @Test("neither a wall clock that is set nor a suspend runs into a job's timeout")
  func timeout() async throws {
    try await withHouse { house in
      let id = try await house.enqueue("echo up; sleep 0.3") { $0.timeout = .minutes(1) }
      var feed = try await house.service.log(id, attempt: nil, stream: nil, offset: 0, tail: nil, follow: true)
      _ = try await feed.next()
      house.time.setWall(by: Self.day)
      house.time.pass(Self.day)
      #expect(try await house.end(of: id).state == .succeeded)
    }
  }

  @Test("after a week in which the machine was off, what came due meanwhile starts at once, and the rest at its time")
  func week() async throws {
    try await withDirectory { (directory: String) async throws in
      var (delayed, far, timed, failing) = (JobID(0), JobID(0), JobID(0), JobID(0))
      try await ClockHouse.with(directory, bootID: "boot 1", at: Self.start) { (house: ClockHouse) async throws in
        delayed = try await house.enqueue { $0.delay = .days(2) }
        far = try await house.enqueue { $0.delay = .days(10) }
        timed = try await house.enqueue { $0.runAt = Self.start.wall + .days(3) }
        failing = try await house.enqueue("exit 1") {
          $0.retries = 1
          $0.backoff = Backoff(kind: .fixed, base: .minutes(10), max: .minutes(10), jitter: 0)
        }
        try await house.isScheduled(failing)
      }
      // The boot clock begins anew, and says less than it did.
      let back = Moment(wall: Self.start.wall + .days(7), boot: 5000)
      try await ClockHouse.with(directory, bootID: "boot 2", at: back) { (house: ClockHouse) async throws in
        for id in [delayed, timed] { #expect(try await house.end(of: id).state == .succeeded) }
        #expect(try await house.end(of: failing).attempt == 2)
        #expect(try await house.state(far) == .scheduled)
        house.time.pass(.days(3))
        #expect(try await house.end(of: far).state == .succeeded)
      }
    }
  }
}
