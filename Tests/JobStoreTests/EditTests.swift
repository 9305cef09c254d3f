import JobModel
import JobStore
import Testing

@Suite struct EditTests {
  private func edit(_ change: (inout JobEdit) -> Void) -> JobEdit {
    var edit = JobEdit()
    change(&edit)
    return edit
  }

  @Test("an edit changes what it names and nothing else, and null takes a value away", arguments: Engine.all)
  func values(_ engine: Engine) async throws {
    try await engine.withStore { store in
      let id = try await store.add(
        .command("echo", "x") {
          $0.name = "old"
          $0.labels = ["a": "1", "b": "2"]
          $0.timeout = .seconds(9)
          $0.retries = 2
        })
      let before = try await store.found(id)
      var expected = before
      expected.priority = -7
      expected.name = "new"
      expected.labels = ["b": "3", "c": "4"]
      expected.maxAttempts = 6
      expected.timeout = nil
      let after = try await store.edit(
        id,
        edit {
          $0.priority = -7
          $0.name = "new"
          $0.labels = ["a": nil, "b": "3", "c": "4"]
          $0.timeout = .some(nil)
          $0.retries = 5
        }, at: .start + 1)
      #expect(after == expected)
      #expect(try await store.found(id) == expected)
      var filter = JobFilter()
      filter.labels = ["c": "4"]
      #expect(try await store.ids(filter) == [id])
      filter.labels = ["a": "1"]
      #expect(try await store.ids(filter) == [])
    }
  }

  @Test("a job that changes its queue is counted and claimed in the new one", arguments: Engine.all)
  func queue(_ engine: Engine) async throws {
    try await engine.withStore { store in
      let id = try await store.add(.command(queue: "old"))
      try await store.add(.command(queue: "old") { $0.hold = true })
      let commits = Commits(of: store)
      _ = try await store.edit(id, edit { ($0.queue, $0.delay) = ("new", .seconds(5)) }, at: .start)
      #expect(commits.changes.map(\.queue) == ["new"], "the scheduler is told")
      let queues = try await store.overview().queues
      #expect(queues.map(\.name) == ["new", "old"])
      #expect(queues.map { $0.counts[.scheduled] } == [1, 0] && queues.map { $0.counts[.held] } == [0, 1])
      #expect(queues.map { $0.counts.total } == [1, 1])
      _ = try await store.edit(id, edit { $0.delay = .zero }, at: .start + 1)
      #expect(try await store.claim(9, at: .start + 1).map(\.id) == [id])
    }
  }

  @Test("a queued job that is moved is found where it is now, and so is what comes after it", arguments: Engine.all)
  func queuedJob(_ engine: Engine) async throws {
    try await engine.withStore { store in
      // Known to be empty.
      let before = try await store.add(.command(queue: "b"))
      #expect(try await store.claim(9, at: .start).map(\.id) == [before])
      for queue in ["b", "new"] {
        let id = try await store.add(.command(queue: "a"))
        _ = try await store.edit(id, edit { $0.queue = queue }, at: .start)
        #expect(try await store.claim(9, at: .start).map(\.id) == [id])
        let next = try await store.add(.command(queue: queue))
        #expect(try await store.claim(9, at: .start).map(\.id) == [next])
        let payload = try await store.add(.payload(queue: "p"))
        _ = try await store.edit(payload, edit { $0.queue = queue }, at: .start)
        let terms = LeaseTerms(queue: queue, span: .minutes(1))
        #expect(
          try await store.lease(terms, room: QueueRoom(QueueLimits()), at: .start).leases.map(\.job.id) == [payload])
      }
    }
  }

  @Test("a job that changes its queue or its label counts against the key that it has then", arguments: Engine.all)
  func key(_ engine: Engine) async throws {
    try await engine.withStore { store in
      try await store.countKeys(by: ["mail": "customer"])
      let full = ClaimRequest(
        limit: 9, rooms: ["mail": QueueRoom(QueueLimits(perKey: KeyLimit(label: "customer", concurrency: 1)))])
      let first = try await store.add(.command(queue: "mail") { $0.labels = ["customer": "a"] })
      let second = try await store.add(.command(queue: "mail") { $0.labels = ["customer": "a"] })
      let moved = try await store.add(.command(queue: "other") { ($0.labels, $0.hold) = (["customer": "a"], true) })
      _ = try await store.edit(moved, edit { $0.queue = "mail" }, at: .start)
      _ = try await store.edit(second, edit { $0.labels = ["customer": "b"] }, at: .start)
      _ = try await store.edit(first, edit { $0.priority = -1 }, at: .start)
      _ = try await store.release(moved, at: .start)
      let claimed = try await store.claim(full, at: .start).attempts.map(\.id)
      #expect(Set(claimed) == [second, moved] && claimed.count == 2, "of customer a the one of higher priority")
    }
  }

  @Test("an edited delay counts from the edit; what else a job waits for it waits for still", arguments: Engine.all)
  func delay(_ engine: Engine) async throws {
    try await engine.withStore { store in
      let id = try await store.add(.command { $0.start = .delay(.seconds(100)) })
      let job = try await store.edit(id, edit { $0.delay = .seconds(10) }, at: .start + 50)
      #expect(job.state == .scheduled && job.runAt == (Moment.start + 60).wall)
      #expect(try await store.promoteDue(at: .start + 59, limit: 9).promoted == 0)
      #expect(try await store.promoteDue(at: .start + 60, limit: 9).promoted == 1)
      // Back to waiting, by the wall clock.
      let at = try await store.edit(id, edit { $0.runAt = (Moment.start + 70).wall }, at: .start + 60)
      #expect(at.state == .scheduled)
      #expect(try await store.edit(id, edit { $0.runAt = .some(nil) }, at: .start + 60).state == .queued)
      let past = try await store.edit(id, edit { $0.runAt = (Moment.start + 1).wall }, at: .start + 60)
      #expect(past.state == .queued && past.runAt == (Moment.start + 1).wall)

      let held = try await store.add(.command { $0.hold = true })
      #expect(try await store.edit(held, edit { $0.delay = .seconds(1) }, at: .start).state == .held)
      let blocked = try await store.add(.command { $0.after = [held] })
      #expect(try await store.edit(blocked, edit { $0.delay = .seconds(9) }, at: .start).state == .blocked)
      #expect(try await store.release(held, at: .start).state == .scheduled)
    }
  }

  @Test("what runs or has ended is not edited, nor is a job given more labels than are kept", arguments: Engine.all)
  func refused(_ engine: Engine) async throws {
    try await engine.withStore { store in
      let id = try await store.add(.command { $0.labels = ["a": "1"] })
      var many: [String: String?] = [:]
      for index in 0..<Limits.labels { many["k\(index)"] = "v" }
      #expect(
        await refusal { _ = try await store.edit(id, edit { $0.labels = many }, at: .start) }?.code
          == .tooManyLabels(id))
      many["a"] = .some(nil)
      #expect(try await store.edit(id, edit { $0.labels = many }, at: .start).labels.count == Limits.labels)
      _ = try await store.claim()
      let change = edit { $0.priority = 1 }
      #expect(await refusal { _ = try await store.edit(id, change, at: .start) }?.code == .wrongState(id, .running))
      #expect(await refusal { _ = try await store.edit(JobID(9), change, at: .start) }?.code == .noSuchJob(JobID(9)))
    }
  }

  @Test("fewer retries never leave a job that has run without an attempt", arguments: Engine.all)
  func retries(_ engine: Engine) async throws {
    try await engine.withStore { store in
      let id = try await store.add(.command { $0.retries = 5 })
      try await store.runNext(.exit(1))
      _ = try await store.promoteDue(at: .start + 5, limit: 9)
      try await store.runNext(.exit(1), at: .start + 5)
      let job = try await store.edit(id, edit { $0.retries = 0 }, at: .start + 5)
      #expect(job.attempt == 2 && job.maxAttempts == 3)
      _ = try await store.promoteDue(at: .start + 10, limit: 9)
      try await store.runNext(.exit(1), at: .start + 10)
      #expect(try await store.state(id) == .failed)
    }
  }
}
