import ArgumentParser
import CAllocationCount
import FoundationEssentials
import Glibc
import JobModel
import SQLite
import Synchronization
import Testing

@testable import JobCommands
@testable import JobStore

/// What the hot paths may allocate, where a time would say more of the machine than of the program. Each budget is what
/// was counted when it was set (the debug build, x86-64 and arm64 alike) and a seventh more; the release build stays
/// under it. A change that goes over has made the path dearer: mend it, or set the budget anew and say why.
@Suite("Budgets of the hot paths, in allocations")
struct AllocationBudgetTests {
  /// The fewest of some runs: what is made once, such as metadata and prepared statements, is made in the first.
  private func allocations(_ body: () throws -> Void) rethrows -> Int64 {
    var fewest = Int64.max
    for _ in 0..<8 {
      let before = allocation_count()
      try body()
      fewest = min(fewest, allocation_count() - before)
    }
    return fewest
  }

  private func hold(_ found: Int64, to budget: Int64, _ path: String) {
    #expect(found <= budget, "\(path): \(found) allocations")
    // Twice under it, it holds nothing any more.
    #expect(allocation_count() == 0 || found * 2 >= budget, "\(path): \(found) allocations; lower the budget")
  }

  @Test("a line of NDJSON is decoded and checked")
  func decode() throws {
    let line = Array(#"{"command":["/bin/echo","hello"],"queue":"mail","priority":5}"#.utf8)
    let found = try allocations {
      let request = JobRequest.plain(line.span)
      _ = try #require(try request?.checked(defaults: JobDefaults(), submittedBy: nil))
    }
    hold(found, to: 5, "decode")
  }

  @Test("a job is written as the answer to its enqueue")
  func write() throws {
    var job = Job(
      id: JobID(7), state: .queued, queue: "default", priority: 0, createdAt: Timestamp(milliseconds: 0), attempt: 0,
      maxAttempts: 1, killGrace: .seconds(10), backoff: .standard, onInterrupt: .retry, splitOutput: false,
      cancelling: false)
    job.command = ["/bin/true"]
    let found = allocations {
      var json = JSONBuilder()
      job.write(to: &json)
    }
    // The text's own memory comes from posix_memalign(3), which is not counted.
    hold(found, to: 0, "write")
  }

  @Test("a job is put into the store and committed")
  func enqueue() throws {
    let directory = "/tmp/jobq-budget-\(UUID().uuidString)"
    defer { try? FileManager.default.removeItem(atPath: directory) }
    let writer = try SQLiteJobStore.openWriter(StateDirectory(directory), bootID: "boot 1", StoreSignals()).0
    let spec = JobSpec(
      queue: "default", work: .command(["/bin/true"]), killGrace: .seconds(10), retries: 0, backoff: .standard)
    let moment = Moment(wall: Timestamp(milliseconds: 1_795_508_080_000), boot: 1_000_000)
    let added = Atomic(0)
    let found = try allocations {
      let encoded = try EncodedSpec(spec)
      let request = WriteRequest(isSynced: true) { table in
        let job = try table.enqueueOne(encoded, at: moment)
        return { if job.isNew { added.add(1, ordering: .relaxed) } }
      } fail: { _ in
      }
      writer.commit([request])
    }
    #expect(added.load(ordering: .relaxed) == 8)
    // A system's library may lack the memory that ours has for what lives as long as a statement: see decision 0020.
    let hasLookaside =
      try writer.connection.value("SELECT sqlite_compileoption_used('OMIT_LOOKASIDE')", as: Int.self) == 0
    hold(found, to: hasLookaside ? 43 : 104, "enqueue")
  }

  @Test("`jobq enqueue` reads its words and makes its request")
  func command() throws {
    let words = CommandWords.separated(["enqueue", "-q", "mail", "-p", "5", "make", "-j4"])
    let found = try allocations {
      let command = try #require(EnqueueCommand(plain: words))
      _ = try command.request(isOwnDaemon: true)
    }
    hold(found, to: 258, "command")
  }
}
