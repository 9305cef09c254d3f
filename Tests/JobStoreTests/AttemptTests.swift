import JobModel
import JobStore
import Testing

@Suite struct AttemptTests {
  @Test("a claim takes by priority and then by arrival, over all queues", arguments: Engine.all)
  func order(_ engine: Engine) async throws {
    try await engine.withStore { store in
      let specs = [("a", 0), ("b", 5), ("a", 5), ("c", -1), ("b", 0), ("a", 1000)]
      let ids = try await store.enqueue(
        specs.map { queue, priority in .command(queue: queue) { $0.priority = priority } }, at: .start
      ).map(\.id)
      let order = [ids[5], ids[1], ids[2], ids[0], ids[4], ids[3]]
      #expect(try await store.claim(2).map(\.id) == Array(order[..<2]))
      #expect(try await store.claim(10).map(\.id) == Array(order[2...]))
      #expect(try await store.claim(10).isEmpty)
    }
  }

  @Test("a claim keeps to the room of each queue, to pauses, and to its limit", arguments: Engine.all)
  func room(_ engine: Engine) async throws {
    try await engine.withStore { store in
      let ids = try await store.enqueue(
        [.command(queue: "a"), .command(queue: "a"), .command(queue: "b"), .command(queue: "c"), .command(queue: "a")],
        at: .start
      ).map(\.id)
      #expect(try await store.claim(ClaimRequest(limit: 0), at: .start).attempts.isEmpty)
      _ = try await store.update(queue: "c", QueuePatch(paused: true))
      let taken = try await store.claim(ClaimRequest(limit: 9, room: ["a": 1, "b": 0, "none": 4]), at: .start).attempts
      #expect(taken.map(\.id) == [ids[0]])
      try await store.setPaused(true)
      #expect(try await store.claim(9).isEmpty)
      try await store.setPaused(false)
      #expect(try await store.claim(9).map(\.id) == [ids[1], ids[2], ids[4]])
      _ = try await store.update(queue: "c", QueuePatch(paused: false))
      #expect(try await store.claim(9).map(\.id) == [ids[3]])
    }
  }

  @Test("an attempt is recorded with how it ended, and the job shows the latest", arguments: Engine.all)
  func record(_ engine: Engine) async throws {
    try await engine.withStore { store in
      let id = try await store.add(.command { $0.retries = 1 })
      _ = try await store.claim(at: .start + 1)
      let running = try await store.found(id)
      #expect(running.state == .running && running.attempt == 1 && running.startedAt == (Moment.start + 1).wall)
      #expect(running.attempts == [Attempt(attempt: 1, startedAt: (Moment.start + 1).wall)])

      var ending = AttemptEnding(.signaled, signal: 11, error: "why")
      ending.userSeconds = 0.25
      ending.systemSeconds = 0.5
      ending.maxRSSBytes = 1 << 40
      ending.result = .object(["a": .integer(1)])
      #expect(try await store.finish(id, attempt: 1, ending, random: 0, at: .start + 2) == .scheduled)
      let job = try await store.found(id)
      #expect(
        job.outcome == .signaled && job.signal == 11 && job.error == "why" && job.result == .object(["a": .integer(1)]))
      #expect(job.finishedAt == nil)
      #expect(
        job.attempts == [
          Attempt(
            attempt: 1, startedAt: (Moment.start + 1).wall, finishedAt: (Moment.start + 2).wall, outcome: .signaled,
            signal: 11, error: "why", userSeconds: 0.25, systemSeconds: 0.5, maxRSSBytes: 1 << 40)
        ])
      #expect(job.runAt == (Moment.start + 7).wall, "a backoff of 5 s")
    }
  }

  @Test("a failed attempt is retried by the boot clock until the attempts are used up", arguments: Engine.all)
  func retries(_ engine: Engine) async throws {
    try await engine.withStore { store in
      let id = try await store.add(.command { $0.retries = 2 })
      var moment = Moment.start
      for attempt in 1...3 {
        let claimed = try #require(try await store.claim(at: moment).first)
        #expect(claimed.attempt == attempt)
        let state = try await store.finish(id, attempt: attempt, .exit(1), random: 0, at: moment)
        guard attempt < 3 else {
          #expect(state == .failed)
          break
        }
        #expect(state == .scheduled)
        // The wall clock may go where it likes.
        let early = Moment(wall: Timestamp(milliseconds: .max / 2), boot: moment.boot + 4999)
        #expect(
          try await store.promoteDue(at: early, limit: 9)
            == DueReport(promoted: 0, nextWall: nil, nextBoot: moment.boot + 5000))
        moment = Moment(wall: Timestamp(milliseconds: 5), boot: moment.boot + 5000)
        #expect(try await store.promoteDue(at: moment, limit: 9).promoted == 1)
      }
      let job = try await store.found(id)
      #expect(job.state == .failed && job.attempt == 3 && job.maxAttempts == 3)
    }
  }

  @Test("a backoff of nothing queues the job at once", arguments: Engine.all)
  func noBackoff(_ engine: Engine) async throws {
    try await engine.withStore { store in
      let id = try await store.add(
        .command {
          $0.retries = 1
          $0.backoff.base = .zero
        })
      _ = try await store.claim()
      #expect(try await store.finish(id, attempt: 1, .exit(1), random: 0, at: .start) == .queued)
    }
  }

  @Test("the ending of any attempt but the running one is refused", arguments: Engine.all)
  func stale(_ engine: Engine) async throws {
    try await engine.withStore { store in
      let id = try await store.add(.command { $0.retries = 1 })
      func stale(_ id: JobID, _ attempt: Int) async -> StoreError.Code? {
        await refusal { _ = try await store.finish(id, attempt: attempt, .exit(0), random: 0, at: .start) }?.code
      }
      #expect(await stale(id, 0) == .staleAttempt(id, 0))
      _ = try await store.claim()
      #expect(await stale(id, 2) == .staleAttempt(id, 2))
      _ = try await store.finish(id, attempt: 1, .exit(1), random: 0, at: .start)
      #expect(await stale(id, 1) == .staleAttempt(id, 1))
      _ = try await store.promoteDue(at: .start + 9, limit: 1)
      _ = try await store.claim()
      #expect(await stale(id, 1) == .staleAttempt(id, 1))
      #expect(await stale(JobID(99), 1) == .staleAttempt(JobID(99), 1))
      #expect(try await store.state(id) == .running)
    }
  }

  @Test("an interrupted or expired attempt costs no retry, and on_interrupt says what follows", arguments: Engine.all)
  func interrupted(_ engine: Engine) async throws {
    try await engine.withStore { store in
      for (onInterrupt, state) in [(OnInterrupt.retry, JobState.queued), (.fail, .failed), (.hold, .held)] {
        let id = try await store.add(.command { $0.onInterrupt = onInterrupt })
        _ = try await store.claim()
        #expect(try await store.finish(id, attempt: 1, AttemptEnding(.interrupted), random: 0, at: .start) == state)
        let job = try await store.found(id)
        #expect(job.maxAttempts == 2 && job.attempt == 1 && job.outcome == .interrupted)
        if !state.hasEnded { _ = try await store.cancel(id, at: .start) }
      }
      let id = try await store.add()
      _ = try await store.claim()
      #expect(try await store.finish(id, attempt: 1, AttemptEnding(.leaseExpired), random: 0, at: .start) == .queued)
      #expect(try await store.found(id).maxAttempts == 2)
    }
  }

  @Test("a failure to start keeps the shell's code for it", arguments: Engine.all)
  func spawnFailed(_ engine: Engine) async throws {
    try await engine.withStore { store in
      let missing = try await store.add()
      try await store.runNext(AttemptEnding(.spawnFailed, error: "execve: no such file", errno: 2))
      #expect(try await store.found(missing).exitCode == 127)
      #expect(try await store.found(missing).exitStatus == 127)
      let forbidden = try await store.add()
      try await store.runNext(AttemptEnding(.spawnFailed, exitCode: 126, error: "execve: permission denied", errno: 13))
      #expect(try await store.found(forbidden).exitStatus == 126)
    }
  }

  @Test("a leader's identity and an unkillable attempt are kept for as long as the attempt runs", arguments: Engine.all)
  func notes(_ engine: Engine) async throws {
    try await engine.withStore { store in
      let id = try await store.add(.command(queue: "q"))
      let other = try await store.add(.command(queue: "q"))
      _ = try await store.claim(2)
      let process = ProcessIdentity(pid: 4711, startTime: .max - 5, bootID: "b")
      store.noteProcess(id, attempt: 1, process)
      store.noteProcess(other, attempt: 7, process)
      store.noteUnkillable(id, attempt: 1)
      // Whatever is asked next is done after them.
      try await store.probe()
      #expect(
        try await store.leftovers() == [
          Leftover(id: id, attempt: 1, queue: "q", startedAt: Moment.start.wall, process: process),
          Leftover(id: other, attempt: 1, queue: "q", startedAt: Moment.start.wall, process: nil),
        ])
      #expect(try await store.found(id).attempts.map(\.unkillable) == [true])
      _ = try await store.finish(id, attempt: 1, .exit(0), random: 0, at: .start)
      #expect(try await store.leftovers().map(\.id) == [other])
    }
  }
}
