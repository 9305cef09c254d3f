import JobModel
import JobStore
import SQLite
import Testing

@testable import Supervisor

@Suite("Faults of jobqd's own")
struct FaultTests {
  /// Lets the database refuse every ending with this exit code, as a broken rule would.
  private func refuse(exitCode: Int, in house: House) throws {
    let database = try Connection(house.directory + "/jobq.db", .readWrite)
    database.wait(forLocks: 10_000)
    try database.neverCheckpointOnClose()
    try database.execute(
      """
      CREATE TRIGGER refused BEFORE UPDATE OF exit_code ON attempts WHEN new.exit_code = \(exitCode)
      BEGIN SELECT RAISE(ABORT, 'refused by the test'); END
      """)
  }

  @Test("a claim that the store refuses is asked again, though nothing else stirs")
  func claim() async throws {
    try await House.with(workers: 1) { house in
      let database = try Connection(house.directory + "/jobq.db", .readWrite)
      database.wait(forLocks: 10_000)
      try database.neverCheckpointOnClose()
      try database.execute(
        "CREATE TRIGGER refused BEFORE INSERT ON attempts BEGIN SELECT RAISE(ABORT, 'refused by the test'); END")
      let id = try await house.enqueue("true")
      while await !house.supervisor.storage.isAskedAgain { await Task.yield() }
      try database.execute("DROP TRIGGER refused")
      #expect(try await house.end(of: id).state == .succeeded)
    }
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
