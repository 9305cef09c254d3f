import JobModel
import JobStore
import SeededRandom
import Testing

@Suite struct ListingTests {
  @Test("a page ends where its jobs are large, and the next one goes on there", arguments: Engine.all)
  func largeJobs(_ engine: Engine) async throws {
    try await engine.withStore { store in
      let payload = JSONValue.string(String(repeating: "x", count: 1_500_000))
      for _ in 0..<7 {
        _ = try await store.add(
          JobSpec(queue: "q", work: .payload(payload), killGrace: .zero, retries: 0, backoff: .standard))
      }
      var filter = JobFilter()
      filter.limit = 1000
      var sizes: [Int] = []
      var seen: [JobID] = []
      repeat {
        let page = try await store.jobs(filter)
        sizes.append(page.jobs.count)
        seen += page.jobs.map(\.id)
        filter.before = page.nextBefore
      } while filter.before != nil
      #expect(sizes == [3, 3, 1] && seen.map(\.rawValue) == [7, 6, 5, 4, 3, 2, 1])
    }
  }

  @Test("a listing shows what fits all conditions, newest first, page after page", arguments: Engine.all)
  func pages(_ engine: Engine) async throws {
    try await engine.withStore { store in
      var all: [JobID] = []
      for index in 0..<60 {
        all.append(
          try await store.add(
            .command(queue: index % 2 == 0 ? "even" : "odd") {
              $0.hold = index % 3 == 0
              $0.labels = ["mod5": "\(index % 5)", "mod2": "\(index % 2)", "all": "x"]
            }))
      }
      try await store.runNext()
      let jobs = try await list(store, JobFilter())
      #expect(jobs.map(\.id) == all.reversed())

      for states in [[], [JobState.held], [.queued, .succeeded], [.failed], JobState.allCases] {
        for queue in [nil, "even", "none"] {
          for labels in [[:], ["all": "x"], ["mod5": "2", "mod2": "0"], ["mod2": "0", "none": "x"]] {
            var filter = JobFilter()
            filter.states = Set(states)
            filter.queue = queue
            filter.labels = labels
            let expected = jobs.filter { job in
              (states.isEmpty || states.contains(job.state)) && (queue == nil || job.queue == queue)
                && labels.allSatisfy { job.labels[$0] == $1 }
            }
            #expect(try await list(store, filter) == expected, "\(filter)")
          }
        }
      }
    }
  }

  @Test("over many queues of very different lengths a page by state alone is the newest of all", arguments: Engine.all)
  func manyQueues(_ engine: Engine) async throws {
    let seed = testSeed()
    print("listing over many queues: SEED=\(seed)")
    var random = SplitMix(seed: seed)
    try await engine.withStore { store in
      var specs: [JobSpec] = []
      for _ in 0..<600 {
        // Powers of chance: some queues hold hundreds of jobs, others one.
        let queue = "q\(Int(40 * Double.random(in: 0..<1, using: &random) * .random(in: 0..<1, using: &random)))"
        specs.append(.command(queue: queue) { $0.hold = Bool.random(using: &random) })
      }
      let ids = try await store.enqueue(specs, at: .start).map(\.id)
      let jobs = Array(zip(ids, specs)).reversed()
      for _ in 0..<200 {
        var filter = JobFilter()
        filter.states = [[.held], [.queued], [.held, .queued, .failed]].randomElement(using: &random)!
        filter.limit = .random(in: 1...700, using: &random)
        filter.before = ids.randomElement(using: &random)
        let fitting = jobs.filter { id, spec in
          id < filter.before! && filter.states.contains(spec.hold ? .held : .queued)
        }
        #expect(try await store.ids(filter) == fitting.prefix(filter.limit).map(\.0), "SEED=\(seed)")
      }
    }
  }

  /// All pages of 7, each held against `before`.
  private func list(_ store: any JobStore, _ filter: JobFilter) async throws -> [Job] {
    var filter = filter
    filter.limit = 7
    var jobs: [Job] = []
    while true {
      let page = try await store.jobs(filter)
      #expect(page.jobs.count <= 7)
      jobs += page.jobs
      guard let next = page.nextBefore else { return jobs }
      #expect(page.jobs.count == 7 && next == page.jobs.last?.id)
      filter.before = next
    }
  }
}

@Suite struct RetentionTests {
  @Test("ended jobs go once their time is over, by state, oldest first and in batches", arguments: Engine.all)
  func byAge(_ engine: Engine) async throws {
    try await engine.withStore { store in
      let good = try await store.enqueue([.command(), .command(), .command()], at: .start).map(\.id)
      for index in 0..<3 { try await store.runNext(at: .start + Double(index)) }
      let bad = try await store.add()
      try await store.runNext(.exit(1))
      let waiting = try await store.add(.command { $0.hold = true })
      let policy = RetentionPolicy(succeeded: .seconds(10), failed: .seconds(100), cancelled: nil, maxJobs: nil)
      #expect(try await store.prune(policy, at: .start + 9.999, limit: 9) == PruneReport(removed: [], more: false))
      #expect(
        try await store.prune(policy, at: .start + 12, limit: 2)
          == PruneReport(removed: [good[0], good[1]], more: true))
      #expect(try await store.prune(policy, at: .start + 12, limit: 2) == PruneReport(removed: [good[2]], more: false))
      #expect(try await store.prune(policy, at: .start + 100, limit: 2) == PruneReport(removed: [bad], more: false))
      #expect(try await store.state(waiting) == .held)
      #expect(try await store.overview().counts.total == 1)
    }
  }

  @Test(
    "beyond the most jobs that are kept the oldest ended ones go, and never one on which a live job depends",
    arguments: Engine.all)
  func byCount(_ engine: Engine) async throws {
    try await engine.withStore { store in
      var ids: [JobID] = []
      for index in 0..<6 {
        ids.append(try await store.add(at: .start + Double(index)))
        try await store.runNext(.exit(index % 2), at: .start + Double(index))
      }
      let live = try await store.add(.command { ($0.after, $0.afterAny, $0.hold) = ([ids[0]], [ids[1]], true) })
      let policy = RetentionPolicy(succeeded: .seconds(0), failed: nil, cancelled: nil, maxJobs: nil)
      #expect(
        try await store.prune(policy, at: .start + 2, limit: 9).removed == [ids[2]], "0 is depended on, 4 is younger")
      let few = RetentionPolicy(succeeded: nil, failed: nil, cancelled: nil, maxJobs: 4)
      #expect(try await store.prune(few, at: .start + 9, limit: 1) == PruneReport(removed: [ids[3]], more: true))
      #expect(try await store.prune(few, at: .start + 9, limit: 1) == PruneReport(removed: [ids[4]], more: false))
      let none = RetentionPolicy(succeeded: nil, failed: nil, cancelled: nil, maxJobs: 0)
      #expect(try await store.prune(none, at: .start + 9, limit: 9) == PruneReport(removed: [ids[5]], more: false))
      _ = try await store.cancel(live, at: .start + 9)
      #expect(try await store.prune(none, at: .start + 9, limit: 9).removed == [ids[0], ids[1], live])
      #expect(try await store.prune(none, at: .start + 9, limit: 9) == PruneReport(removed: [], more: false))
    }
  }
}
