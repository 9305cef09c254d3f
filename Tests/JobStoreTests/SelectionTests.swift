import JobModel
import JobStore
import Testing

@Suite struct SelectionTests {
  @Test(
    "a listing by name, exact or by its beginning, and by the time of the enqueue shows what fits, page after page",
    arguments: Engine.all)
  func conditions(_ engine: Engine) async throws {
    try await engine.withStore { store in
      let names = ["build", "build-a", "build-b", "bui", "Build", "built", "b\u{10FFFE}", nil]
      for index in 0..<64 {
        try await store.add(
          .command(queue: index % 3 == 0 ? "a" : "b") {
            $0.name = names[index % names.count]
            $0.hold = index % 2 == 0
            $0.labels = index % 5 < 3 ? ["k": "\(index % 5)"] : [:]
          }, at: .start + Double(index % 7))
      }
      let all = try await list(store, JobFilter())
      #expect(all.count == 64)
      for name in [nil, "build", "build*", "b*", "*", "none", "build-a*"] {
        for (since, until) in [(nil, nil), (2.0, nil), (nil, 5.0), (2.0, 5.0), (900, nil)] as [(Double?, Double?)] {
          for queue in [nil, "a"] {
            for states in [[], [JobState.held], [.queued, .failed]] {
              for labels in [[:], ["k": "1"]] {
                var filter = JobFilter()
                filter.name = name.map { NamePattern($0)! }
                filter.since = since.map { (Moment.start + $0).wall }
                filter.until = until.map { (Moment.start + $0).wall }
                filter.queue = queue
                filter.states = Set(states)
                filter.labels = labels
                let expected = all.filter { job in
                  (filter.name.map { pattern in job.name.map(pattern.matches) ?? false } ?? true)
                    && (filter.since.map { job.createdAt >= $0 } ?? true)
                    && (filter.until.map { job.createdAt < $0 } ?? true) && (queue.map { job.queue == $0 } ?? true)
                    && (states.isEmpty || states.contains(job.state))
                    && labels.allSatisfy { job.labels[$0] == $1 }
                }
                #expect(try await list(store, filter).map(\.id) == expected.map(\.id), "\(filter)")
                filter.limit = 1000
                #expect(try await store.ids(filter) == expected.map(\.id))
              }
            }
          }
        }
      }
    }
  }

  private func list(_ store: any JobStore, _ filter: JobFilter) async throws -> [Job] {
    var filter = filter
    filter.limit = 5
    var jobs: [Job] = []
    while true {
      let page = try await store.jobs(filter)
      jobs += page.jobs
      guard let next = page.nextBefore else { return jobs }
      filter.before = next
    }
  }
}

@Suite struct BulkTests {
  @Test(
    "a bulk verb does in one commit what the verb itself would do to each, and passes over what has moved on",
    arguments: Engine.all)
  func verbs(_ engine: Engine) async throws {
    try await engine.withStore { store in
      var ids: [JobID] = []
      for index in 0..<6 { ids.append(try await store.add(.command { $0.hold = index < 2 })) }
      try await store.runNext(.exit(1))
      let running = try #require(try await store.claim().first).id
      let commits = Commits(of: store)
      let everything = Set(JobState.allCases)

      let held = try await store.perform(.hold, on: ids, in: BulkVerb.hold.states, withDependents: false, at: .start)
      #expect(held.changed == [ids[4], ids[5]] && held.refused == 0)
      let released = try await store.perform(
        .release, on: ids + [JobID(99)], in: [.held], withDependents: false, at: .start)
      #expect(released.changed == [ids[0], ids[1], ids[4], ids[5]])
      #expect(commits.commits.map(\.count) == [2, 4])

      let again = try await store.perform(.retry, on: ids, in: everything, withDependents: false, at: .start)
      #expect(again.changed == [ids[2]] && again.refused == 5)
      #expect(again.firstRefusal?.code == .wrongState(ids[0], .queued))
      let cancelled = try await store.perform(
        .cancel, on: ids.reversed(), in: BulkVerb.cancel.states, withDependents: false, at: .start)
      #expect(Set(cancelled.changed) == Set(ids))
      #expect(try await store.found(running).cancelling)
      let twice = try await store.perform(
        .cancel, on: ids, in: BulkVerb.cancel.states, withDependents: false, at: .start)
      #expect(twice == BulkStep(), "one that is being cancelled is not cancelled again")
      let removed = try await store.perform(.remove, on: ids, in: everything, withDependents: false, at: .start)
      #expect(removed.changed.count == 5 && removed.firstRefusal?.code == .wrongState(running, .running))
      #expect(try await store.overview().counts.total == 1)
    }
  }

  @Test("to hold what is held changes nothing, though its time has come meanwhile", arguments: Engine.all)
  func heldAlready(_ engine: Engine) async throws {
    try await engine.withStore { store in
      let id = try await store.add(
        .command {
          $0.hold = true
          $0.start = .delay(.seconds(1))
        })
      let commits = Commits(of: store)
      let step = try await store.perform(
        .hold, on: [id], in: BulkVerb.hold.states.union([.held]), withDependents: false, at: .start + 2)
      #expect(step == BulkStep())
      #expect(try await store.hold(id, at: .start + 2).state == .held)
      #expect(commits.commits.isEmpty)
    }
  }

  @Test(
    "a retry with dependents that one of them refuses is undone as a whole, and the others are done",
    arguments: Engine.all)
  func atomicRetry(_ engine: Engine) async throws {
    try await engine.withStore { store in
      var roots: [JobID] = []
      for _ in 0..<3 { roots.append(try await store.add()) }
      let child = try await store.add(
        .command {
          $0.after = [roots[1]]
          $0.uniqueKey = "key"
        })
      let other = try await store.add(.command { $0.after = [roots[2]] })
      for _ in 0..<3 { try await store.runNext(.exit(1)) }
      let owner = try await store.add(.command { ($0.uniqueKey, $0.hold) = ("key", true) })
      let step = try await store.perform(.retry, on: roots, in: [.failed], withDependents: true, at: .start)
      #expect(step.changed == [roots[0], roots[2]] && step.refused == 1)
      #expect(step.firstRefusal?.code == .uniqueKeyTaken(child, by: owner))
      #expect(try await store.state(roots[1]) == .failed)
      #expect(try await store.state(child) == .cancelled)
      #expect(try await store.state(other) == .blocked)
      #expect(try await store.overview().counts[.queued] == 2)
    }
  }

  @Test("newest first, every job of a graph ends by its own cancel and goes by its own removal", arguments: Engine.all)
  func graph(_ engine: Engine) async throws {
    try await engine.withStore { store in
      var ids = [try await store.add()]
      for _ in 0..<50 { ids.append(try await store.add(.command { $0.after = [ids[ids.count - 1]] })) }
      let removed = try await store.perform(
        .remove, on: ids.reversed(), in: [.blocked, .queued], withDependents: false, at: .start)
      #expect(removed.changed.count == 51 && removed.refused == 0)
    }
  }

  @Test("ended jobs are given in the order of their ends, by queue, state and time", arguments: Engine.all)
  func ended(_ engine: Engine) async throws {
    try await engine.withStore { store in
      var ids: [JobID] = []
      for index in 0..<8 {
        ids.append(try await store.add(.command(queue: index % 2 == 0 ? "a" : "b") { $0.priority = index }))
      }
      for index in 0..<6 { try await store.runNext(.exit(index % 3 == 0 ? 1 : 0), at: .start + Double(index)) }
      let all = Set(JobState.allCases.filter(\.hasEnded))
      let end = (Moment.start + 100).wall
      #expect(try await store.ended(EndedFilter(states: all, through: end)) == ids[2...].reversed())
      #expect(try await store.ended(EndedFilter(states: [.failed], through: end)) == [ids[7], ids[4]])
      #expect(
        try await store.ended(EndedFilter(queue: "a", states: all, through: (Moment.start + 3).wall))
          == [ids[6], ids[4]])
      #expect(try await store.queues(of: [ids[0], ids[1], JobID(99)]) == [ids[0]: "a", ids[1]: "b"])
    }
  }
}
