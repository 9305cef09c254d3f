import JobModel
import JobStore
import Testing

@Suite struct GraphTests {
  @Test("a call's jobs may depend on earlier places of it, also where those were there already", arguments: Engine.all)
  func places(_ engine: Engine) async throws {
    try await engine.withStore { store in
      let old = try await store.add(.command { $0.uniqueKey = "k" })
      let ids = try await store.enqueue(
        [
          .command { $0.uniqueKey = "k" }, .command { $0.afterPlaces = [0] },
          .command { ($0.after, $0.afterAny, $0.afterPlaces, $0.afterAnyPlaces) = ([old], [old], [0, 1], [1]) },
        ], at: .start
      ).map(\.id)
      #expect(ids[0] == old)
      #expect(try await store.found(ids[1]).after == [old])
      let last = try await store.found(ids[2])
      #expect(last.after == [old, ids[1]] && last.afterAny == [])
      for id in ids { #expect(try await store.runNext() == id) }
    }
  }

  @Test(
    "the graph of a job has both sides, the nearest first, each job once, and those that are gone",
    arguments: Engine.all)
  func sides(_ engine: Engine) async throws {
    try await engine.withStore { store in
      let gone = try await store.add()
      try await store.runNext()
      let root = try await store.add(.command("make") { ($0.after, $0.hold) = ([gone], true) })
      // Only of a job that has ended a dependency may go; it is put back after that.
      _ = try await store.cancel(root, at: .start)
      try await store.remove(gone, at: .start)
      _ = try await store.retry(root, withDependents: false, at: .start)
      _ = try await store.hold(root, at: .start)
      let left = try await store.add(.command { ($0.after, $0.name) = ([root], "left") })
      let right = try await store.add(.command { $0.afterAny = [root] })
      let id = try await store.add(.command { $0.after = [left, right] })
      let child = try await store.add(.command { $0.after = [id, left] })

      let graph = try #require(try await store.graph(id, limit: 20))
      #expect(graph.id == id && graph.state == .blocked)
      #expect(graph.waitsFor.jobs.map(\.id) == [left, right, root, gone])
      #expect(graph.waitsFor.jobs.map(\.of) == [id, id, left, root])
      #expect(graph.waitsFor.jobs.map(\.state) == [.blocked, .blocked, .held, nil])
      #expect(graph.waitsFor.jobs[0].name == "left" && graph.waitsFor.jobs[2].command == ["make"])
      #expect(graph.waitedForBy.jobs.map(\.id) == [child])
      let below = try #require(try await store.graph(root, limit: 2))
      #expect(below.waitedForBy.jobs.map(\.id) == [left, right])
      #expect(below.waitedForBy.jobs.map(\.kind) == ["after", "after_any"])
      #expect(below.waitedForBy.more == 2 && below.waitedForBy.complete)
      #expect(try await store.graph(JobID(99), limit: 1) == nil)
    }
  }

  @Test("of a graph without end no more than a bound is looked at, and the answer says so", arguments: Engine.all)
  func bounded(_ engine: Engine) async throws {
    try await engine.withStore { store in
      let count = JobGraph.reach + 1
      for isFull in [true, false] {
        // Two thousand that wait for it are all there is, or one is left.
        let root = try await store.enqueue(
          (0..<(isFull ? count : count + 1)).map { place in
            .command { if place > 0 { $0.afterPlaces = [place % 2 == 0 ? 0 : place - 1] } }
          }, at: .start)[0].id
        let side = try #require(try await store.graph(root, limit: 20)).waitedForBy
        #expect(side.jobs.count == 20 && side.more == JobGraph.reach - 20)
        #expect(side.complete == isFull)
      }
    }
  }
}

@Suite struct QueueRetentionTests {
  @Test("a queue with a policy of its own goes by that, and the others by the one for all", arguments: Engine.all)
  func byQueue(_ engine: Engine) async throws {
    try await engine.withStore { store in
      var ids: [String: [JobID]] = [:]
      for index in 0..<9 {
        let queue = ["a", "b", "c"][index % 3]
        ids[queue, default: []].append(try await store.add(.command(queue: queue), at: .start))
        try await store.runNext(at: .start + Double(index))
      }
      var policy = RetentionPolicy(succeeded: .seconds(10), failed: nil, cancelled: nil, maxJobs: nil)
      policy.queues["b"] = RetentionPolicy(succeeded: nil, failed: nil, cancelled: nil, maxJobs: 2)
      policy.queues["c"] = RetentionPolicy(succeeded: .seconds(2), failed: nil, cancelled: nil, maxJobs: nil)
      let first = try await store.prune(policy, at: .start + 8, limit: 2)
      #expect(first.more)
      let second = try await store.prune(policy, at: .start + 8, limit: 9)
      #expect(Set(first.removed + second.removed) == [ids["b"]![0], ids["c"]![0], ids["c"]![1]])
      #expect(try await store.prune(policy, at: .start + 8, limit: 9) == PruneReport(removed: [], more: false))
      // The most for all holds as well, for the oldest of all queues.
      policy.maxJobs = 3
      #expect(
        try await store.prune(policy, at: .start + 8, limit: 9).removed == [ids["a"]![0], ids["a"]![1], ids["b"]![1]])
      #expect(try await store.overview().counts.total == 3)
    }
  }
}
