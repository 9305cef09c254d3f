import JobModel
import JobStore
import SeededRandom
import Testing

/// Two stores with the same jobs: what a bulk verb does to one, the verb itself does to the other, job by job.
@Suite struct BulkRandomTests {
  @Test(
    "in thousands of random steps a bulk verb does what the verb would do to each of its jobs", arguments: Engine.all)
  func twins(_ engine: Engine) async throws {
    let seed = testSeed()
    var random = SplitMix(seed: seed)
    try await engine.withStore { bulk in
      try await engine.withStore { single in
        var ids: [JobID] = []
        for step in 0..<400 {
          let moment = Moment.start + Double(step)
          let specs = (0..<Int.random(in: 0...4, using: &random)).map { _ in
            JobSpec.command(queue: Bool.random(using: &random) ? "a" : "b") {
              $0.hold = Int.random(in: 0..<3, using: &random) == 0
              $0.retries = Int.random(in: 0...1, using: &random)
              if let other = ids.suffix(9).randomElement(using: &random) {
                if Bool.random(using: &random) { $0.after = [other] } else { $0.afterAny = [other] }
              }
              if Int.random(in: 0..<6, using: &random) == 0 {
                $0.uniqueKey = "\(Int.random(in: 0..<3, using: &random))"
              }
            }
          }
          // A dependency may be gone: then neither store takes the jobs.
          let added = try? await bulk.enqueue(specs, at: moment)
          let alike = try? await single.enqueue(specs, at: moment)
          #expect(alike == added, "seed \(seed), step \(step)")
          ids += (added ?? []).filter(\.isNew).map(\.id)
          let limit = Int.random(in: 0...2, using: &random)
          let taken = try await bulk.claim(limit, at: moment)
          #expect(try await single.claim(limit, at: moment) == taken)
          for attempt in taken {
            let ending = AttemptEnding.exit(Int.random(in: 0...1, using: &random))
            for store in [bulk, single] {
              _ = try await store.finish(attempt.id, attempt: attempt.attempt, ending, random: 0, at: moment)
            }
          }

          let verb = try #require(BulkVerb.allCases.randomElement(using: &random))
          let states = Bool.random(using: &random) ? verb.states : Set(JobState.allCases)
          let withDependents = verb == .retry && Bool.random(using: &random)
          let chosen = Array(ids.shuffled(using: &random).prefix(Int.random(in: 0...12, using: &random)))
          let did = try await bulk.perform(verb, on: chosen, in: states, withDependents: withDependents, at: moment)
          var expected: (changed: [JobID], refused: Int) = ([], 0)
          for id in chosen {
            guard let before = try await single.job(id), states.contains(before.state) else { continue }
            do throws(StoreError) {
              switch verb {
              case .cancel: if try await single.cancel(id, at: moment) == before { continue }
              case .hold: if try await single.hold(id, at: moment) == before { continue }
              case .release: _ = try await single.release(id, at: moment)
              case .retry: _ = try await single.retry(id, withDependents: withDependents, at: moment)
              case .remove: try await single.remove(id, at: moment)
              }
              expected.changed.append(id)
            } catch {
              expected.refused += 1
            }
          }
          #expect(did.changed == expected.changed && did.refused == expected.refused, "seed \(seed), step \(step)")
          #expect(try await bulk.overview() == single.overview(), "seed \(seed), step \(step)")
        }
        var filter = JobFilter()
        filter.limit = 1000
        #expect(try await bulk.jobs(filter) == single.jobs(filter), "seed \(seed)")
      }
    }
  }
}
