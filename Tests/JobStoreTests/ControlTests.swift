import JobModel
import JobStore
import Testing

@Suite struct ControlTests {
  @Test("cancel ends a waiting job in every waiting state", arguments: Engine.all)
  func cancelWaiting(_ engine: Engine) async throws {
    try await engine.withStore { store in
      let first = try await store.add()
      let specs: [JobSpec] = [
        .command { $0.hold = true }, .command { $0.after = [first] }, .command { $0.start = .delay(.seconds(9)) },
        .command(),
      ]
      for spec in specs {
        let id = try await store.add(spec)
        let job = try await store.cancel(id, at: .start + 1)
        #expect(job.state == .cancelled)
        #expect(job.finishedAt == (Moment.start + 1).wall)
        #expect(job == (try await store.found(id)))
        let again = await refusal { _ = try await store.cancel(id, at: .start) }
        #expect(again?.code == .wrongState(id, .cancelled))
      }
      let none = await refusal { _ = try await store.cancel(JobID(999), at: .start) }
      #expect(none?.code == .noSuchJob(JobID(999)))
    }
  }

  @Test("cancel marks a running job, once, and its ending makes it cancelled whatever it was", arguments: Engine.all)
  func cancelRunning(_ engine: Engine) async throws {
    for ending in [AttemptEnding(.cancelled, signal: 15), .exit(0), .exit(3), AttemptEnding(.interrupted)] {
      try await engine.withStore { store in
        let id = try await store.add(.command { $0.retries = 5 })
        _ = try await store.claim()
        let commits = Commits(of: store)
        #expect(try await store.cancel(id, at: .start).cancelling)
        let again = try await store.cancel(id, at: .start)
        #expect(again.cancelling && again.state == .running)
        #expect(commits.changes.count == 1)
        #expect(try await store.finish(id, attempt: 1, ending, random: 0, at: .start) == .cancelled)
        let job = try await store.found(id)
        #expect(job.state == .cancelled && !job.cancelling && job.outcome == ending.outcome)
        #expect(job.exitStatus == 125)
      }
    }
  }

  @Test("hold sets any waiting job aside, and release puts it where it belongs then", arguments: Engine.all)
  func holdAndRelease(_ engine: Engine) async throws {
    try await engine.withStore { store in
      let first = try await store.add()
      let queued = try await store.add()
      let blocked = try await store.add(.command { $0.after = [first] })
      let scheduled = try await store.add(.command { $0.start = .delay(.seconds(60)) })
      let both = try await store.add(
        .command {
          $0.after = [first]
          $0.start = .at((Moment.start + 60).wall)
        })
      for id in [queued, blocked, scheduled, both] {
        #expect(try await store.hold(id, at: .start).state == .held)
        #expect(try await store.hold(id, at: .start).state == .held, "a held job may be held")
      }
      #expect(try await store.release(queued, at: .start).state == .queued)
      #expect(try await store.release(blocked, at: .start).state == .blocked)
      #expect(try await store.release(scheduled, at: .start).state == .scheduled)
      _ = try await store.hold(scheduled, at: .start)
      _ = try await store.cancel(queued, at: .start)
      #expect(try await store.runNext() == first)
      #expect(try await store.state(both) == .held)
      #expect(try await store.release(both, at: .start).state == .scheduled)
      // A delay counts from the enqueue, for held jobs too.
      #expect(try await store.release(scheduled, at: .start + 60).state == .queued)

      let refused = await refusal { _ = try await store.release(first, at: .start) }
      #expect(refused?.code == .wrongState(first, .succeeded))
      let notHeld = await refusal { _ = try await store.release(scheduled, at: .start) }
      #expect(notHeld?.code == .wrongState(scheduled, .queued))
      let ended = await refusal { _ = try await store.hold(first, at: .start) }
      #expect(ended?.code == .wrongState(first, .succeeded))
    }
  }

  @Test(
    "what is held or blocked past its time and released by a clock set back does not wait again", arguments: Engine.all)
  func clockSetBack(_ engine: Engine) async throws {
    try await engine.withStore { store in
      let id = try await store.add(.command { $0.start = .at((Moment.start + 10).wall) })
      #expect(try await store.promoteDue(at: .start + 10, limit: 10).promoted == 1)
      _ = try await store.hold(id, at: .start + 11)
      #expect(try await store.release(id, at: .start).state == .queued)
    }
  }

  @Test(
    "retry puts an ended job back with fresh attempts, its time and its dependencies forgotten", arguments: Engine.all)
  func retry(_ engine: Engine) async throws {
    try await engine.withStore { store in
      let first = try await store.add()
      let id = try await store.add(
        .command {
          $0.after = [first]
          $0.retries = 1
          $0.start = .delay(.seconds(1))
        })
      try await store.runNext()
      _ = try await store.promoteDue(at: .start + 1, limit: 1)
      try await store.runNext(.exit(1), at: .start + 1)
      _ = try await store.promoteDue(at: .start + 100, limit: 1)
      try await store.runNext(.exit(4), at: .start + 100)
      let failed = try await store.found(id)
      #expect(failed.state == .failed && failed.attempt == 2 && failed.maxAttempts == 2 && failed.exitCode == 4)

      let job = try await store.retry(id, withDependents: false, at: .start + 200)
      #expect(job.state == .queued && job.attempt == 2 && job.maxAttempts == 4)
      #expect(
        job.finishedAt == nil && job.runAt == nil && job.outcome == nil && job.exitCode == nil && job.error == nil)
      #expect(job.attempts.map(\.exitCode) == [1, 4], "what was run stays told")
      #expect(job.after == [first])
      let live = await refusal { _ = try await store.retry(id, withDependents: false, at: .start) }
      #expect(live?.code == .wrongState(id, .queued))

      _ = try await store.retry(first, withDependents: true, at: .start + 200)
      #expect(try await store.state(id) == .queued, "one that was retried waits for nothing any more")
    }
  }

  @Test("retry is refused while a live job has the unique key", arguments: Engine.all)
  func retryUnique(_ engine: Engine) async throws {
    try await engine.withStore { store in
      let keyed = JobSpec.command { $0.uniqueKey = "k" }
      let old = try await store.add(keyed)
      try await store.runNext(.exit(1))
      let new = try await store.add(keyed)
      let error = await refusal { _ = try await store.retry(old, withDependents: false, at: .start) }
      #expect(error?.code == .uniqueKeyTaken(old, by: new))
      #expect(try await store.state(old) == .failed)
      _ = try await store.cancel(new, at: .start)
      #expect(try await store.retry(old, withDependents: false, at: .start).state == .queued)
    }
  }

  @Test(
    "remove takes ended and waiting jobs, not running ones, nor one on which a live job depends", arguments: Engine.all)
  func remove(_ engine: Engine) async throws {
    try await engine.withStore { store in
      let first = try await store.add()
      let second = try await store.add(
        .command {
          $0.afterAny = [first]
          $0.labels = ["a": "b"]
          $0.requestID = "r"
        })
      let blocked = await refusal { try await store.remove(first, at: .start) }
      #expect(blocked?.code == .hasDependents(first, on: second))
      _ = try await store.claim()
      let running = await refusal { try await store.remove(first, at: .start) }
      #expect(running?.code == .wrongState(first, .running))
      _ = try await store.finish(first, attempt: 1, .exit(0), random: 0, at: .start)
      let live = await refusal { try await store.remove(first, at: .start) }
      #expect(live?.code == .hasDependents(first, on: second), "it has ended, but the other has not")
      try await store.runNext()
      try await store.remove(first, at: .start)
      #expect(try await store.job(first) == nil)
      #expect(try await store.found(second).afterAny == [first], "what it ran after stays told")
      try await store.remove(second, at: .start)
      let gone = await refusal { try await store.remove(second, at: .start) }
      #expect(gone?.code == .noSuchJob(second))
      let waiting = try await store.add()
      try await store.remove(waiting, at: .start)
      #expect(try await store.overview().counts.total == 0)
    }
  }

  @Test("a queue exists once it is used or set, and keeps its settings over restarts", arguments: Engine.all)
  func queues(_ engine: Engine) async throws {
    try await withDirectory { directory in
      var store = try await engine.open(directory, "boot 1")
      let made = try await store.update(queue: "b", QueuePatch(concurrency: .some(3)))
      #expect(made.limits.concurrency == 3 && !made.paused)
      #expect(try await store.update(queue: "b", QueuePatch(paused: true)).limits.concurrency == 3)
      try await store.add(.command(queue: "a"))
      try await store.setPaused(true)
      await store.close()
      store = try await engine.open(directory, "boot 1")
      let overview = try await store.overview()
      #expect(overview.pause != nil)
      #expect(overview.queues.map(\.name) == ["a", "b"])
      #expect(overview.queues[0].counts[.queued] == 1)
      #expect(overview.queues[1].paused && overview.queues[1].limits.concurrency == 3)
      #expect(try await store.update(queue: "b", QueuePatch(concurrency: .some(nil))).limits.concurrency == nil)
      await store.close()
    }
  }
}
