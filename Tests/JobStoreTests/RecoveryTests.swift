import JobModel
import JobStore
import Testing

@Suite struct RecoveryTests {
  /// Opens the store again as a daemon would that had died, or stopped, under its running jobs.
  private func restart(
    _ store: any JobStore, _ engine: Engine, _ directory: String, stopping: Bool = false, bootID: String = "boot 1",
    at moment: Moment
  ) async throws -> any JobStore {
    if stopping { try await store.noteStopping() }
    await store.close()
    let next = try await engine.open(directory, bootID)
    try await next.interrupt(try await next.leftovers(), at: moment)
    return next
  }

  @Test(
    "a job under which the daemon died three times in a row within five minutes is failed, with that reason",
    arguments: Engine.all)
  func threeDeaths(_ engine: Engine) async throws {
    try await withDirectory { directory in
      var store = try await engine.open(directory, "boot 1")
      let id = try await store.add()
      for death in 1...3 {
        #expect(try await store.claim().map(\.attempt) == [death])
        store = try await restart(store, engine, directory, at: .start + 300)
        let job = try await store.found(id)
        #expect(job.state == (death < 3 ? .queued : .failed))
        #expect(job.outcome == .interrupted && job.maxAttempts == 1 + death)
        #expect(job.attempts.last?.error == "jobqd died under it")
      }
      let job = try await store.found(id)
      #expect(job.error?.contains("3 times in a row") == true)
      #expect(try await store.leftovers().isEmpty)
      // A person's retry begins the count anew.
      _ = try await store.retry(id, withDependents: false, at: .start)
      _ = try await store.claim()
      store = try await restart(store, engine, directory, at: .start)
      #expect(try await store.state(id) == .queued)
      await store.close()
    }
  }

  @Test(
    "an orderly stop, a reboot, a late death and an attempt that ended each break the row of deaths",
    arguments: Engine.all)
  func brokenRow(_ engine: Engine) async throws {
    for breaker in 0..<4 {
      try await withDirectory { directory in
        var store = try await engine.open(directory, "boot 1")
        let id = try await store.add(.command { $0.retries = 9 })
        var moment = Moment.start
        func die() async throws {
          _ = try await store.claim(at: moment)
          store = try await restart(store, engine, directory, at: moment + 1)
        }
        try await die()
        try await die()
        _ = try await store.claim(at: moment)
        var cause = "jobqd died under it"
        switch breaker {
        case 0:
          store = try await restart(store, engine, directory, stopping: true, at: moment)
          cause = "jobqd stopped under it"
        case 1:
          store = try await restart(store, engine, directory, bootID: "boot 2", at: moment)
          cause = "the host went down under it"
        case 2: store = try await restart(store, engine, directory, at: moment + 300.001)
        default:
          _ = try await store.finish(id, attempt: 3, .exit(1), random: 0, at: moment)
          moment = moment + 5
          _ = try await store.promoteDue(at: moment, limit: 1)
          cause = ""
        }
        let job = try await store.found(id)
        #expect(job.state == .queued)
        if !cause.isEmpty { #expect(job.error == cause) }
        let bootID = breaker == 1 ? "boot 2" : "boot 1"
        for _ in 0..<2 {
          _ = try await store.claim(at: moment)
          store = try await restart(store, engine, directory, bootID: bootID, at: moment)
        }
        #expect(try await store.state(id) == .queued, "breaker \(breaker): two deaths since")
        _ = try await store.claim(at: moment)
        store = try await restart(store, engine, directory, bootID: bootID, at: moment)
        #expect(try await store.state(id) == .failed, "breaker \(breaker): three deaths since")
        await store.close()
      }
    }
  }

  @Test(
    "an attempt whose processes cannot be ended stays running, and how its daemon died is not forgotten",
    arguments: Engine.all)
  func stuck(_ engine: Engine) async throws {
    try await withDirectory { directory in
      var store = try await engine.open(directory, "boot 1")
      let id = try await store.add(.command { $0.onInterrupt = .fail })
      _ = try await store.claim()
      store.noteProcess(id, attempt: 1, ProcessIdentity(pid: 1, startTime: 2, bootID: "boot 1"))
      try await store.noteStopping()
      for _ in 0..<3 {
        await store.close()
        store = try await engine.open(directory, "boot 1")
        let leftover = try #require(try await store.leftovers().first)
        #expect(leftover.id == id && leftover.process?.startTime == 2)
      }
      try await store.interrupt(try await store.leftovers(), at: .start)
      let job = try await store.found(id)
      #expect(job.state == .failed && job.error == "jobqd stopped under it")
      // Told twice changes nothing.
      try await store.interrupt(
        [Leftover(id: id, attempt: 1, queue: "default", startedAt: Moment.start.wall, process: nil)], at: .start)
      #expect(try await store.found(id) == job)
      await store.close()
    }
  }

  @Test("everything is as it was after a restart", arguments: Engine.all)
  func reopen(_ engine: Engine) async throws {
    try await withDirectory { directory in
      var store = try await engine.open(directory, "boot 1")
      let identity = store.identity
      #expect(identity.count == 36 && identity == identity.lowercased())
      let a = try await store.add(.command { ($0.retries, $0.labels) = (1, ["k": "v"]) })
      try await store.add(.command { ($0.after, $0.hold) = ([a], true) })
      try await store.add(.command { $0.afterAny = [a] })
      try await store.add(.command(queue: "z") { $0.start = .delay(.seconds(5)) })
      try await store.runNext(.exit(9))
      var filter = JobFilter()
      filter.limit = 1000
      let jobs = try await store.jobs(filter)
      let overview = try await store.overview()
      await store.close()
      store = try await engine.open(directory, "boot 1")
      #expect(store.identity == identity)
      #expect(try await store.jobs(filter) == jobs)
      #expect(try await store.overview() == overview)
      await store.close()
    }
  }

  @Test("a closed store refuses every call, and may be closed again", arguments: Engine.all)
  func closed(_ engine: Engine) async throws {
    try await withDirectory { directory in
      let store = try await engine.open(directory, "boot 1")
      async let first: Void = store.close()
      await store.close()
      await first
      #expect(await refusal { try await store.add() }?.code == .closed)
      #expect(await refusal { _ = try await store.overview() }?.code == .closed)
      #expect(await refusal { try await store.probe() }?.code == .closed)
      store.noteUnkillable(JobID(1), attempt: 1)
    }
  }
}
