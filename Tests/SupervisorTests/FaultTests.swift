import CSyncCount
import Foundation
import Glibc
import JobModel
import JobStore
import SQLite
import Testing

@testable import Supervisor

@Suite("Faults of jobqd's own")
struct FaultTests {
  /// Lets the database refuse every ending with this exit code, as a broken rule would.
  private func refuse(exitCode: Int, in house: House) throws {
    try open(house.directory).execute(
      """
      CREATE TRIGGER refused BEFORE UPDATE OF exit_code ON attempts WHEN new.exit_code = \(exitCode)
      BEGIN SELECT RAISE(ABORT, 'refused by the test'); END
      """)
  }

  @Test("a claim that the store refuses is asked again, though nothing else stirs")
  func claim() async throws {
    let heard = Heard()
    try await House.with(workers: 1, logger: heard.logger) { house in
      let database = try open(house.directory)
      try database.execute(
        "CREATE TRIGGER refused BEFORE INSERT ON attempts BEGIN SELECT RAISE(ABORT, 'refused by the test'); END")
      let id = try await house.enqueue("true")
      await heard.wait(for: "refused by the test")
      try database.execute("DROP TRIGGER refused")
      #expect(try await house.end(of: id).state == .succeeded)
    }
  }

  @Test(
    "a stop comes to an end though an ending waits for a disk that fails; the next start knows what became of it",
    .timeLimit(.minutes(1)))
  func stopWhileDiskFails() async throws {
    let directory = NSTemporaryDirectory() + "jobq-house-\(UUID().uuidString.prefix(8))"
    defer { try? FileManager.default.removeItem(atPath: directory) }
    let heard = Heard()
    var id: JobID?
    try await House.with(directory: directory, logger: heard.logger) { house in
      let gate = directory + "/gate"
      #expect(mkfifo(gate, 0o600) == 0)
      id = try await house.enqueue("read word < \(gate)")
      let writer = Glibc.open(gate, O_RDWR)
      sync_fail(directory, .max)
      #expect(write(writer, "go\n", 3) == 3)
      await heard.wait(for: "storage fails")
      close(writer)
      // Should it run again, it waits for nobody.
      unlink(gate)
      try Data("go\n".utf8).write(to: URL(filePath: gate))
    }
    sync_fail(directory, 0)
    try await House.with(directory: directory) { house in
      let state = try await house.end(of: #require(id)).state
      #expect(state == .succeeded)
    }
  }

  @Test("a sync that fails once costs nobody anything, and is said")
  func failedSync() async throws {
    let directory = NSTemporaryDirectory() + "jobq-house-\(UUID().uuidString.prefix(8))"
    defer { try? FileManager.default.removeItem(atPath: directory) }
    let heard = Heard()
    try await House.with(directory: directory, logger: heard.logger) { house in
      sync_fail(directory, 1)
      let id = try await house.enqueue("true")
      await heard.wait(for: "was made good")
      #expect(try await house.end(of: id).state == .succeeded)
    }
  }

  @Test("a time that has come goes off once, however long the store cannot deal with it")
  func promotion() async throws {
    let directory = NSTemporaryDirectory() + "jobq-clock-\(UUID().uuidString.prefix(8))"
    defer { try? FileManager.default.removeItem(atPath: directory) }
    let start = Moment(wall: Timestamp(milliseconds: 1_795_508_080_000), boot: 1_000_000)
    let heard = Heard()
    try await ClockHouse.with(directory, bootID: "boot 1", at: start, logger: heard.logger) { house in
      let delayed = try await house.enqueue { $0.delay = .minutes(1) }
      let timed = try await house.enqueue { $0.runAt = start.wall + .minutes(1) }
      let database = try open(directory)
      try database.execute(
        """
        CREATE TRIGGER refused BEFORE UPDATE OF state ON jobs WHEN old.state = 'scheduled' AND new.state = 'queued'
        BEGIN SELECT RAISE(ABORT, 'refused by the test'); END
        """)
      house.time.pass(.minutes(1))
      await heard.wait(for: "refused by the test")
      #expect(try await house.end(of: try await house.enqueue()).state == .succeeded)
      // One may be: an answer that was on its way as the time came.
      #expect(house.time.late < 10)
      try database.execute("DROP TRIGGER refused")
      for id in [delayed, timed] { #expect(try await house.end(of: id).state == .succeeded) }
    }
  }

  private func open(_ directory: String) throws -> Connection {
    let database = try Connection(directory + "/jobq.db", .readWrite)
    database.wait(forLocks: 10_000)
    try database.neverCheckpointOnClose()
    return database
  }

  @Test("an ending that the store refuses for ever ends its job as failed, with the reason, and frees its slot")
  func ending() async throws {
    try await House.with(workers: 1) { house in
      try refuse(exitCode: 7, in: house)
      let refused = try await house.end(of: try await house.enqueue("exit 7"))
      #expect(refused.state == .failed && refused.exitCode == nil)
      let error = try #require(refused.attempts.first?.error)
      #expect(error.contains("could not be recorded") && error.contains("refused by the test"), "\(error)")
      #expect(try await house.end(of: try await house.enqueue("exit 6")).exitCode == 6)
    }
  }
}
