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

  @Test(
    "so they are where nothing waited when it was committed, if it wrote more than is on the disk at once",
    .timeLimit(.minutes(1)))
  func overlapsWithWhatIsLarge() async throws {
    try await withDirectory { directory in
      let store = try await SQLiteJobStore.open(directory: directory)
      sync_hold(directory, 1)
      async let first = store.write { table in
        try table.enqueue(Array(repeating: EncodedSpec(.command()), count: 1000), at: .start).count
      }
      await isHeld(directory)
      let secondDone = DispatchSemaphore(value: 0)
      async let second = store.write { table in
        defer { secondDone.signal() }
        return try table.enqueue([EncodedSpec(.command())], at: .start)[0].id
      }
      await away { secondDone.wait() }
      #expect(try count(in: directory) == 1000)
      sync_hold(directory, 0)
      #expect(try await first == 1000)
      #expect(try await second == JobID(1001))
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

  @Test("a slot that ends is given on while its end is on its way to the disk")
  func slotsEarly() async throws {
    try await withDirectory { directory in
      let store = try await SQLiteJobStore.open(directory: directory)
      let ids = [try await store.add(), try await store.add()]
      _ = try await store.claim()
      let claim = try await ClaimInWaiting(in: store, limit: 0)
      let before = sync_count(directory)
      sync_hold(directory, 1)
      let slot = FreedSlot(ids[0], attempt: 1)
      async let ended = store.finish(ids[0], attempt: 1, .exit(0), random: 0, at: .start, freeing: slot)
      await isHeld(directory)
      let taken = try await claim.report.attempts
      #expect(taken.map(\.id) == [ids[1]] && taken.map(\.slot) == [slot] && taken.first?.fate?.isSafe == nil)
      sync_hold(directory, 0)
      #expect(try await ended == .succeeded)
      #expect(slot.isTaken && taken.first?.fate?.isSafe == true)
      #expect(sync_count(directory) - before == 1)
      await store.close()
    }
  }

  @Test(
    "whatever becomes of the commit, a slot counts as given on where a claim was answered with it, and else not",
    arguments: [1, 2, 1000])
  func slotsAndFailures(failures: Int64) async throws {
    try await withDirectory { directory in
      let store = try await SQLiteJobStore.open(directory: directory)
      let ids = [try await store.add(), try await store.add()]
      _ = try await store.claim()
      let claim = try await ClaimInWaiting(in: store, limit: 0)
      sync_fail(directory, failures)
      if failures == 1000 { store.setPatience(false) }
      let slot = FreedSlot(ids[0], attempt: 1)
      let ended = await Self.result { () async throws(StoreError) in
        _ = try await store.finish(ids[0], attempt: 1, .exit(0), random: 0, at: .start, freeing: slot)
        return ids[0]
      }
      #expect((try? ended.get()) == (failures == 1000 ? nil : ids[0]))
      let isTaken = slot.isTaken
      // Which of the two hears first of a commit that is lost is open.
      let taken = (try? await claim.report)?.attempts ?? []
      #expect(isTaken == !taken.isEmpty && taken.allSatisfy { $0.slot == slot })
      #expect(isTaken || failures == 1000)
      sync_fail(directory, 0)
      await store.close()
    }
  }

  @Test("a slot of what is undone is not given on, and the claim waits on", .timeLimit(.minutes(1)))
  func slotsUndone() async throws {
    try await withDirectory { directory in
      let store = try await SQLiteJobStore.open(directory: directory)
      let ids = [try await store.add(), try await store.add(), try await store.add()]
      _ = try await store.claim(2)
      let claim = try await ClaimInWaiting(in: store, limit: 0)
      let slots = ids.map { FreedSlot($0, attempt: 1) }
      let refused = await refusal {
        try await store.write { table in
          _ = try table.finish(ids[0], attempt: 1, .exit(0), result: nil, random: 0, at: .start)
          table.freed.append(slots[0])
          throw StoreError(.busy, "it changes its mind")
        }
      }
      #expect(refused != nil && !slots[0].isTaken)

      // The counts break a rule with what the claim takes, which they are told of after it has. The end is recorded alone.
      try await store.write { table in try table.statements.connection.execute("UPDATE queues SET queued = 0") }
      _ = try await store.finish(ids[0], attempt: 1, .exit(0), random: 0, at: .start, freeing: slots[0])
      #expect(!slots[0].isTaken)
      try await store.add()

      _ = try await store.finish(ids[1], attempt: 1, .exit(0), random: 0, at: .start, freeing: slots[1])
      #expect(try await claim.report.attempts.map(\.id) == [ids[2]] && slots[1].isTaken)
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
