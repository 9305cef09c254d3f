import CSyncCount
import Dispatch
import Glibc
import JobModel
import SQLite
import Synchronization
import Testing

@testable import JobStore

/// The next transaction's statements are done while the one before is on its way to the disk; and nobody hears of anything
/// that is not there yet.
@Suite struct SQLitePipelineTests {
  /// Blocks a thread of its own, not the cooperative pool.
  private func away(_ body: @escaping @Sendable () -> Void) async {
    await withCheckedContinuation { continuation in
      do throws(StoreError) {
        try StoreThread.start("test") {
          body()
          continuation.resume()
        }
      } catch {
        Issue.record("\(error)")
        continuation.resume()
      }
    }
  }

  private func isHeld(_ directory: String) async { await away { sync_wait_held(directory) } }

  /// What the database shows to whoever looks past the store.
  private func count(in directory: String) throws -> Int {
    try Connection(directory + "/jobq.db", .readOnly).value("SELECT count(*) FROM jobs") ?? 0
  }

  /// Two enqueues: the statements of the second are done while the first waits for its sync. Gives what the order was.
  private func overlap(in directory: String, _ store: SQLiteJobStore, whileHeld: @Sendable () async throws -> Void)
    async throws -> (first: Result<JobID, StoreError>, second: Result<JobID, StoreError>)
  {
    let isFirst = DispatchSemaphore(value: 0)
    let isPosted = DispatchSemaphore(value: 0)
    let secondDone = DispatchSemaphore(value: 0)
    sync_hold(directory, 1)
    async let first = Self.result { () async throws(StoreError) in
      try await store.write { table in
        isFirst.signal()
        isPosted.wait()
        return try table.enqueue([EncodedSpec(.command())], at: .start)[0].id
      }
    }
    await away { isFirst.wait() }
    // Waits in the inbox when the first commits, as it must for the writer to be handed over.
    async let second = Self.result { () async throws(StoreError) in
      try await store.write { table in
        defer { secondDone.signal() }
        return try table.enqueue([EncodedSpec(.command())], at: .start)[0].id
      }
    }
    await away {
      while !store.hasWaitingWrites { sched_yield() }
      isPosted.signal()
      secondDone.wait()
    }
    await isHeld(directory)
    try await whileHeld()
    sync_hold(directory, 0)
    return await (first, second)
  }

  private static func result(_ body: () async throws(StoreError) -> JobID) async -> Result<JobID, StoreError> {
    do throws(StoreError) { return .success(try await body()) } catch { return .failure(error) }
  }

  @Test("the next transaction's statements are done while the one before waits for the disk; its COMMIT is not")
  func overlaps() async throws {
    try await withDirectory { directory in
      let store = try await SQLiteJobStore.open(directory: directory)
      let told = Mutex<[JobID]>([])
      store.onCommit { changes in told.withLock { $0 += changes.map(\.id) } }
      let before = sync_count(directory)
      let (first, second) = try await overlap(in: directory, store) {
        let committed = try count(in: directory)
        #expect(committed == 1 && told.withLock { $0.isEmpty })
      }
      #expect(first == .success(JobID(1)) && second == .success(JobID(2)))
      #expect(told.withLock { $0 } == [JobID(1), JobID(2)])
      #expect(sync_count(directory) - before == 2)
      await store.close()
    }
  }

  @Test("a sync that fails while the next transaction is at work costs neither anything where it can be made good")
  func failsMeanwhile() async throws {
    try await withDirectory { directory in
      let store = try await SQLiteJobStore.open(directory: directory)
      let (first, second) = try await overlap(in: directory, store) { sync_fail(directory, 1) }
      #expect(first == .success(JobID(1)) && second == .success(JobID(2)))
      #expect(try count(in: directory) == 2)
      await store.close()
      let again = try await SQLiteJobStore.open(directory: directory)
      #expect(try await again.overview().counts[.queued] == 2)
      await again.close()
    }
  }

  @Test(
    "where a sync fails and cannot be made good at once, those that it was for wait until it can; what is new is refused"
  )
  func failsForLonger() async throws {
    try await withDirectory { directory in
      let store = try await SQLiteJobStore.open(directory: directory)
      // The sync, and its repair.
      let (first, second) = try await overlap(in: directory, store) { sync_fail(directory, 2) }
      #expect(first == .success(JobID(1)), "a second later")
      guard case .failure(let error) = second, error.code == .storage(.failed) else {
        Issue.record("\(second)")
        return
      }
      #expect(try await store.add() == JobID(2), "the second was never committed")
      await store.close()
    }
  }

  @Test("a read that has seen what is not on the disk yet is answered once it is")
  func readsWait() async throws {
    try await withDirectory { directory in
      let store = try await SQLiteJobStore.open(directory: directory)
      sync_hold(directory, 1)
      async let added = store.add()
      await isHeld(directory)
      #expect(try count(in: directory) == 1)
      let log = Mutex<[String]>([])
      let hasLooked = DispatchSemaphore(value: 0)
      async let answer: Void = {
        let found = try await store.read { reader in
          defer { hasLooked.signal() }
          return try reader.job(JobID(1))?.state
        }
        log.withLock { $0.append("read \(found.map(\.rawValue) ?? "nothing")") }
      }()
      await away { hasLooked.wait() }
      // Both readers must have answered what they did before, to be here at once.
      let meeting = DispatchSemaphore(value: 0)
      let met = DispatchSemaphore(value: 0)
      async let one: Void = store.read { _ in
        meeting.signal()
        met.wait()
      }
      async let other: Void = store.read { _ in
        meeting.signal()
        met.wait()
      }
      await away { for _ in 0..<2 { meeting.wait() } }
      log.withLock { $0.append("released") }
      sync_hold(directory, 0)
      for _ in 0..<2 { met.signal() }
      _ = try await (added, answer, one, other)
      #expect(log.withLock { $0 } == ["released", "read queued"])
      await store.close()
    }
  }

  @Test("a claim that waits is answered while its commit is on its way to the disk, and told when it is there")
  func answersEarly() async throws {
    try await withDirectory { directory in
      let store = try await SQLiteJobStore.open(directory: directory)
      let claim = try await ClaimInWaiting(in: store)
      let before = sync_count(directory)
      sync_hold(directory, 1)
      async let added = store.add()
      await isHeld(directory)
      let taken = try await claim.report.attempts
      let fate = try #require(taken.first?.fate)
      #expect(taken.map(\.id) == [JobID(1)] && fate.isSafe == nil)
      sync_hold(directory, 0)
      #expect(await fate.decision)
      #expect(try await added == JobID(1))
      #expect(sync_count(directory) - before == 1, "the claim costs none of its own")
      await store.close()
    }
  }

  @Test(
    "where the sync of what a claim was answered with fails, it is told once that is made good, or that it never will be",
    arguments: [1, 2, 1000])
  func earlyAndLost(failures: Int64) async throws {
    try await withDirectory { directory in
      let store = try await SQLiteJobStore.open(directory: directory)
      let claim = try await ClaimInWaiting(in: store)
      sync_fail(directory, failures)
      async let added = Self.result { () async throws(StoreError) in
        try await store.enqueueOne(.command(), at: .start).job.id
      }
      let attempt = try #require(try await claim.report.attempts.first)
      let isGivenUp = failures == 1000
      if isGivenUp { store.setPatience(false) }
      #expect(await attempt.fate?.decision == !isGivenUp)
      let answer = await added
      #expect((try? answer.get()) == (isGivenUp ? nil : attempt.id))
      sync_fail(directory, 0)
      await store.close()
    }
  }

  @Test("one that waits while nothing can be written is answered when it is taken back")
  func takenBackWhileFailing() async throws {
    try await withDirectory { directory in
      let store = try await SQLiteJobStore.open(directory: directory)
      let claim = try await ClaimInWaiting(in: store)
      sync_fail(directory, .max)
      store.setPatience(false)
      let failure = await Self.result { () async throws(StoreError) in
        // Nothing for the claim, which goes on waiting.
        try await store.enqueueOne(.command { $0.hold = true }, at: .start).job.id
      }
      #expect(throws: StoreError.self) { try failure.get() }
      claim.takeBack()
      #expect(try await claim.report == ClaimReport())
      sync_fail(directory, 0)
      await store.close()
    }
  }

  @Test("what is on its way to the disk when the store is closed arrives, and is told of")
  func closes() async throws {
    try await withDirectory { directory in
      let store = try await SQLiteJobStore.open(directory: directory)
      sync_hold(directory, 1)
      async let added = store.add()
      await isHeld(directory)
      async let closed: Void = store.close()
      sync_hold(directory, 0)
      #expect(try await added == JobID(1))
      await closed
      let again = try await SQLiteJobStore.open(directory: directory)
      #expect(try await again.overview().counts[.queued] == 1)
      await again.close()
    }
  }
}
