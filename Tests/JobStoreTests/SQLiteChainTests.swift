import Glibc
import JobModel
import SQLite
import SeededRandom
import Testing

@testable import JobStore

/// An ending that has much to tell tells it in steps: whatever their size, and whenever the store is closed in between,
/// it comes to the same.
@Suite struct SQLiteChainTests {
  private func withStore(
    mostTold: Int, _ body: (SQLiteJobStore, _ directory: String) async throws -> Void
  ) async throws {
    try await withDirectory { directory in
      let store = try await SQLiteJobStore.open(directory: directory, bootID: "boot 1", mostTold: mostTold)
      do {
        try await body(store, directory)
        await store.close()
      } catch {
        await store.close()
        throw error
      }
    }
  }

  @Test("where telling on fails, it is tried again at rest, though a claim waits that each try lets look")
  func restsBetweenTries() async throws {
    try await withStore(mostTold: 1) { store, _ in
      let first = try await store.add()
      _ = try await store.enqueue((0..<3).map { _ in .command { $0.after = [first] } }, at: .start)
      _ = try await store.claim()
      let claim = try await ClaimInWaiting(in: store, limit: 0)
      try await store.write { table in
        _ = try table.finish(first, attempt: 1, .exit(0), result: nil, random: 0, at: .start)
        try table.count()
        // The next that is released breaks a rule.
        try table.statements.connection.execute("UPDATE queues SET blocked = 0")
      }
      let before = try await store.statistics().commitRequests.count
      try await Task.sleep(for: .milliseconds(300))
      #expect(try await store.statistics().commitRequests.count - before < 10)
      claim.takeBack()
      #expect(try await claim.report == ClaimReport())
      try await store.write { table in
        try table.statements.connection.execute("UPDATE queues SET blocked = 2")
      }
    }
  }

  /// Lets the writer go on, commit by commit, until nothing is left to tell.
  private func settle(_ store: SQLiteJobStore, _ directory: String) async throws {
    let connection = try Connection(directory + "/jobq.db", .readOnly)
    for _ in 0..<100_000 {
      try await store.probe()
      if try connection.value("SELECT count(*) FROM untold", as: Int.self) == 0 { return }
    }
    Issue.record("the store never comes to an end")
  }

  private func chain(_ count: Int, kind: DependencyKind = .after) -> [JobSpec] {
    (0..<count).map { place in
      .command {
        guard place > 0 else { return }
        if kind == .after { $0.afterPlaces = [place - 1] } else { $0.afterAnyPlaces = [place - 1] }
      }
    }
  }

  @Test("no commit tells more than so many, long chains and wide fans alike, and all carry the time of the end")
  func steps() async throws {
    for fan in [false, true] {
      try await withStore(mostTold: 10) { store, directory in
        let specs = fan ? (0..<36).map { place in .command { if place > 0 { $0.afterPlaces = [0] } } } : chain(36)
        let ids = try await store.enqueue(specs, at: .start).map(\.id)
        let commits = Commits(of: store)
        try await store.runNext(.exit(1), at: .start + 7)
        try await settle(store, directory)
        let sizes = commits.commits.map(\.count)
        #expect(sizes == [1, 11, 10, 10, 5], "\(sizes): the claim, the end, and what it told")
        for id in ids.dropFirst() {
          let job = try await store.found(id)
          #expect(job.state == .cancelled && job.finishedAt == (Moment.start + 7).wall)
        }
        #expect(try await store.overview().counts[.cancelled] == 35)
      }
    }
  }

  @Test("what was not told when the store was closed is told after the next start, without being asked")
  func restart() async throws {
    try await withDirectory { directory in
      let first = try await SQLiteJobStore.open(directory: directory, bootID: "boot 1", mostTold: 0)
      let ids = try await first.enqueue(chain(2000), at: .start).map(\.id)
      let any = try await first.add(.command { $0.afterAny = [ids[1999]] })
      // In the boot before the machine had been up for longer than now.
      try await first.runNext(.exit(1), at: Moment(wall: Moment.start.wall, boot: 30 * 86_400_000))
      await first.close()
      let second = try await SQLiteJobStore.open(
        directory: directory, bootID: "boot 2", hooks: Hooks([.cancelled: ["note"]]))
      try await settle(second, directory)
      #expect(try await second.overview().counts[.cancelled] == 1999)
      let report = try await second.dueDeliveries(at: Moment(wall: Moment.start.wall, boot: 1000), limit: 3000)
      #expect(report.due.count == 1999, "a hook hears of each, and now")
      #expect(try await second.state(any) == .queued)
      await second.close()
    }
  }

  @Test("a job that is retried before the others were told is waited for again by them")
  func retried() async throws {
    try await withDirectory { directory in
      let first = try await SQLiteJobStore.open(directory: directory, bootID: "boot 1", mostTold: 0)
      let ids = try await first.enqueue(
        (0..<50).map { place in .command { if place > 0 { $0.afterPlaces = [0] } } }, at: .start
      )
      .map(\.id)
      try await first.runNext(.exit(1))
      _ = try await first.retry(ids[0], withDependents: false, at: .start)
      await first.close()
      let second = try await SQLiteJobStore.open(directory: directory, bootID: "boot 1", mostTold: 7)
      try await settle(second, directory)
      #expect(try await second.overview().counts[.blocked] == 49)
      #expect(try await second.runNext() == ids[0])
      try await settle(second, directory)
      #expect(try await second.overview().counts[.queued] == 49)
      await second.close()
    }
  }

  @Test("a retry brings dependents back in steps, over a restart too, but not one whose key is taken by then")
  func revived() async throws {
    try await withDirectory { directory in
      let first = try await SQLiteJobStore.open(directory: directory, bootID: "boot 1")
      var specs = chain(60)
      specs[40].uniqueKey = "key"
      // Each of these has failed by another dependency too, and stays cancelled.
      specs += (0..<30).map { _ in .command { $0.afterPlaces = [0, 59] } }
      let ids = try await first.enqueue(specs, at: .start).map(\.id)
      try await first.runNext(.exit(1))
      let owner = try await first.add(.command { ($0.uniqueKey, $0.hold) = ("key", true) })
      #expect(
        await refusal { _ = try await first.retry(ids[0], withDependents: true, at: .start) }?.code
          == .uniqueKeyTaken(ids[40], by: owner))
      await first.close()

      let second = try await SQLiteJobStore.open(directory: directory, bootID: "boot 1", mostTold: 7)
      let commits = Commits(of: second)
      _ = try await second.retry(ids[0], withDependents: true, at: .start)
      await second.close()
      #expect(commits.commits.allSatisfy { $0.count <= 8 })
      let third = try await SQLiteJobStore.open(directory: directory, bootID: "boot 1", mostTold: 3)
      try await settle(third, directory)
      for place in 1..<40 { #expect(try await third.state(ids[place]) == .blocked) }
      for place in 40..<90 { #expect(try await third.state(ids[place]) == .cancelled, "\(place)") }
      _ = try await third.cancel(owner, at: .start)
      _ = try await third.cancel(ids[0], at: .start)
      try await settle(third, directory)
      #expect(try await third.overview().counts[.cancelled] == 91)
      await third.close()
    }
  }

  @Test("random graphs end the same whatever the size of a step", arguments: [1, 2, 3, 1000])
  func random(_ mostTold: Int) async throws {
    let seed = testSeed()
    var random = SplitMix(seed: seed)
    for _ in 0..<12 {
      try await withStore(mostTold: mostTold) { store, directory in
        let count = 40
        var edges: [[(Int, DependencyKind)]] = []
        let fails = (0..<count).map { _ in Int.random(in: 0..<5, using: &random) == 0 }
        for place in 0..<count {
          var own: [Int: DependencyKind] = [:]
          for _ in 0..<Int.random(in: 0...3, using: &random) where place > 0 {
            own[Int.random(in: 0..<place, using: &random)] = Bool.random(using: &random) ? .after : .afterAny
          }
          edges.append(own.map { ($0, $1) })
        }
        let ids = try await store.enqueue(specs(edges), at: .start).map(\.id)
        while true {
          let taken = try await store.claim(Int.random(in: 1...4, using: &random))
          for attempt in taken {
            let place = try #require(ids.firstIndex(of: attempt.id))
            _ = try await store.finish(attempt.id, attempt: 1, .exit(fails[place] ? 1 : 0), random: 0, at: .start)
          }
          guard taken.isEmpty else { continue }
          try await settle(store, directory)
          if try await store.overview().counts[.queued] == 0 { break }
        }
        var expected: [JobState] = []
        for place in 0..<count {
          let isCancelled = edges[place].contains { $0.1 == .after && expected[$0.0] != .succeeded }
          expected.append(isCancelled ? .cancelled : fails[place] ? .failed : .succeeded)
        }
        for place in 0..<count {
          #expect(try await store.state(ids[place]) == expected[place], "seed \(seed), place \(place)")
        }
      }
    }
  }

  @Test(
    "a random forest in which every failed job is retried with its dependents succeeds in the end",
    arguments: [1, 2, 1000])
  func forests(_ mostTold: Int) async throws {
    let seed = testSeed()
    var random = SplitMix(seed: seed)
    for _ in 0..<12 {
      try await withStore(mostTold: mostTold) { store, directory in
        let edges: [[(Int, DependencyKind)]] = (0..<40).map { place in
          guard place > 0, Int.random(in: 0..<8, using: &random) > 0 else { return [] }
          return [
            (Int.random(in: 0..<place, using: &random), Int.random(in: 0..<5, using: &random) > 0 ? .after : .afterAny)
          ]
        }
        let ids = try await store.enqueue(specs(edges), at: .start).map(\.id)
        for isFirstRound in [true, false] {
          while true {
            let taken = try await store.claim(Int.random(in: 1...4, using: &random))
            for attempt in taken {
              let fails = isFirstRound && Int.random(in: 0..<3, using: &random) == 0
              _ = try await store.finish(
                attempt.id, attempt: attempt.attempt, .exit(fails ? 1 : 0), random: 0, at: .start)
            }
            guard taken.isEmpty else { continue }
            try await settle(store, directory)
            if try await store.overview().counts[.queued] == 0 { break }
          }
          guard isFirstRound else { break }
          for id in ids.shuffled(using: &random) where try await store.state(id) == .failed {
            _ = try await store.retry(id, withDependents: true, at: .start)
          }
        }
        #expect(try await store.overview().counts[.succeeded] == ids.count, "seed \(seed)")
      }
    }
  }

  private func specs(_ edges: [[(Int, DependencyKind)]]) -> [JobSpec] {
    edges.map { own in
      .command {
        $0.afterPlaces = own.filter { $0.1 == .after }.map(\.0)
        $0.afterAnyPlaces = own.filter { $0.1 == .afterAny }.map(\.0)
      }
    }
  }

  @Test("the end of a graph costs what its edges are, and a long chain holds up nobody else for long")
  func proportional() async throws {
    func seconds(_ body: () async throws -> Void) async throws -> Double {
      let began = ContinuousClock.now
      try await body()
      let took = (ContinuousClock.now - began).components
      return Double(took.seconds) + Double(took.attoseconds) / 1e18
    }
    /// Layers of ten, each job after two of the layer above.
    func layers(_ count: Int) -> [JobSpec] {
      (0..<count).map { place in
        .command {
          if place >= 10 {
            $0.afterPlaces = [place / 10 * 10 - 10 + place % 10, place / 10 * 10 - 10 + (place + 1) % 10]
          }
        }
      }
    }
    var took: [Double] = []
    for count in [2500, 10_000] {
      try await withStore(mostTold: 1000) { store, directory in
        let first = try await store.enqueue(layers(count), at: .start)[0].id
        took.append(
          try await seconds {
            _ = try await store.cancel(first, at: .start)
            try await settle(store, directory)
          })
        #expect(try await store.overview().counts[.cancelled] > count - 100)
      }
    }
    print("a graph of 5,000 edges ended in \(took[0]) s, one of 20,000 in \(took[1]) s")
    #expect(took[1] < took[0] * 12)

    try await withStore(mostTold: 1000) { store, directory in
      // A long run takes the hundred thousand of docs/decisions/0010.
      let count = getenv("CASES") == nil ? 20_000 : 100_000
      let first = try await store.enqueue(chain(count), at: .start)[0].id
      var slowest = 0.0
      let all = try await seconds {
        _ = try await store.cancel(first, at: .start)
        while try await store.overview().counts[.cancelled] < count {
          slowest = max(slowest, try await seconds { try await store.probe() })
        }
      }
      print("a chain of \(count) was cancelled in \(all) s; the slowest commit beside it took \(slowest) s")
      #expect(slowest < 3)
      try await settle(store, directory)
    }
  }

  @Test("the file gets smaller as 100,000 ended jobs are pruned")
  func shrinks() async throws {
    try await withStore(mostTold: 1000) { store, directory in
      func size() -> Int64 {
        var status = stat()
        return stat(directory + "/jobq.db", &status) == 0 ? Int64(status.st_size) : 0
      }
      let specs: [JobSpec] = (0..<100_000).map { _ in .command { $0.hold = true } }
      let ids = try await store.enqueue(specs, at: .start).map(\.id)
      for start in stride(from: 0, to: ids.count, by: 2000) {
        _ = try await store.perform(
          .cancel, on: Array(ids[start..<start + 2000]), in: [.held], withDependents: false, at: .start)
      }
      let full = size()
      let policy = RetentionPolicy(succeeded: nil, failed: nil, cancelled: .zero, maxJobs: nil)
      while try await store.prune(policy, at: .start, limit: 500).more {}
      let pruned = size()
      print("\(full) bytes with 100,000 jobs, \(pruned) without")
      #expect(pruned < full / 2)
      #expect(try await store.overview().counts.total == 0)
      // One is left to be pruned: further batches give the rest back, down to what is kept for new jobs.
      for _ in 0..<100 { _ = try await store.prune(policy, at: .start, limit: 500) }
      for _ in 0..<3 { try await store.probe() }
      #expect(size() <= 3 * 1024 * 4096)
    }
  }
}
