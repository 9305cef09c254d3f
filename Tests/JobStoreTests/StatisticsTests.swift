import JobModel
import JobStore
import Testing

@Suite struct StatisticsTests {
  @Test("commits are counted with what they took, synced and not, and the files with their size", arguments: Engine.all)
  func commits(_ engine: Engine) async throws {
    try await engine.withStore { store in
      let before = try await store.statistics()
      let id = try await store.add()
      _ = try await store.claim()
      _ = try await store.finish(id, attempt: 1, .exit(0), random: 0, at: .start)
      let after = try await store.statistics()
      #expect(after.syncedSeconds.count == before.syncedSeconds.count + 2)
      #expect(after.unsyncedSeconds.count == before.unsyncedSeconds.count + 1)
      #expect(after.commitRequests.count == before.commitRequests.count + 3)
      #expect(after.syncedSeconds.sum > before.syncedSeconds.sum)
      #expect(after.databaseBytes > 0 && after.walBytes > 0)
    }
  }

  @Test(
    "a change says since when the job waited for its first start, and since when an attempt ran",
    arguments: Engine.all)
  func since(_ engine: Engine) async throws {
    try await engine.withStore { store in
      let commits = Commits(of: store)
      let id = try await store.add(.command { $0.retries = 1 }, at: .start)
      try await store.runNext(.exit(1), at: .start + 3)
      _ = try await store.promoteDue(at: .start + 9, limit: 1)
      try await store.runNext(.exit(1), at: .start + 9)
      #expect(
        commits.changes.map(\.since) == [
          nil, Moment.start.wall, (Moment.start + 3).wall, nil, nil, (Moment.start + 9).wall,
        ])
      commits.clear()
      _ = id
      // A delay is no wait; a time that had passed at the arrival is none either.
      try await store.add(.command { $0.start = .delay(.seconds(5)) }, at: .start)
      try await store.add(.command { $0.start = .at((Moment.start + -60).wall) }, at: .start + 1)
      _ = try await store.promoteDue(at: .start + 9, limit: 9)
      _ = try await store.claim(9, at: .start + 9)
      #expect(
        commits.changes.filter { $0.to == .running }.map(\.since) == [(Moment.start + 5).wall, (Moment.start + 1).wall])
    }
  }
}
