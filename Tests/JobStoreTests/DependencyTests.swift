import JobModel
import JobStore
import Testing

@Suite struct DependencyTests {
  @Test(
    "a job starts once all that it runs after succeeded, and all that it runs after in any case ended",
    arguments: Engine.all)
  func waits(_ engine: Engine) async throws {
    try await engine.withStore { store in
      let a = try await store.add()
      let b = try await store.add()
      let id = try await store.add(
        .command {
          $0.after = [a]
          $0.afterAny = [b]
        })
      #expect(try await store.runNext() == a)
      #expect(try await store.state(id) == .blocked)
      #expect(try await store.runNext(.exit(1)) == b)
      #expect(try await store.state(id) == .queued)
      // What has ended well before the enqueue is waited for no more.
      let late = try await store.add(
        .command {
          $0.after = [a]
          $0.afterAny = [b]
        })
      #expect(try await store.state(late) == .queued)
    }
  }

  @Test(
    "a dependency that does not succeed cancels what runs after it, held or not, and so on down a long chain",
    arguments: Engine.all)
  func cancelsChain(_ engine: Engine) async throws {
    try await engine.withStore { store in
      let first = try await store.add()
      var chain = [first]
      for index in 0..<500 {
        chain.append(
          try await store.add(
            .command {
              $0.after = [chain[chain.count - 1]]
              $0.hold = index % 2 == 0
            }))
      }
      let any = try await store.add(.command { $0.afterAny = [chain[400]] })
      let commits = Commits(of: store)
      try await store.runNext(.exit(1))
      #expect(commits.commits.count == 2, "the claim, and one commit for the end and all that follows from it")
      for (id, before) in zip(chain.dropFirst(), chain) {
        let job = try await store.found(id)
        #expect(job.state == .cancelled)
        #expect(job.error?.contains("job \(before)") == true)
        #expect(job.finishedAt == Moment.start.wall)
      }
      #expect(try await store.state(any) == .queued)
    }
  }

  @Test(
    "cancelling a job cancels what runs after it; an attempt that will be retried cancels nothing",
    arguments: Engine.all)
  func cancelAndRetry(_ engine: Engine) async throws {
    try await engine.withStore { store in
      let a = try await store.add(.command { $0.retries = 1 })
      let id = try await store.add(.command { $0.after = [a] })
      try await store.runNext(.exit(1))
      #expect(try await store.state(id) == .blocked)
      _ = try await store.cancel(a, at: .start)
      #expect(try await store.state(id) == .cancelled)
    }
  }

  @Test("a job whose dependency has already failed is added as cancelled, and says which", arguments: Engine.all)
  func alreadyFailed(_ engine: Engine) async throws {
    try await engine.withStore { store in
      let a = try await store.add()
      try await store.runNext(.exit(1))
      let b = try await store.add()
      let commits = Commits(of: store)
      let id = try await store.add(
        .command {
          $0.after = [b, a]
          $0.hold = true
          $0.start = .delay(.seconds(5))
        })
      let job = try await store.found(id)
      #expect(job.state == .cancelled && job.finishedAt == Moment.start.wall)
      #expect(job.error == "job \(a), after which it was to run, ended failed")
      #expect(commits.changes.map(\.to) == [.cancelled])
      let after = try await store.add(.command { $0.after = [id] })
      #expect(try await store.state(after) == .cancelled)
    }
  }

  @Test(
    "retry with dependents lets those that the end cancelled wait again, over several steps, and no others",
    arguments: Engine.all)
  func withDependents(_ engine: Engine) async throws {
    try await engine.withStore { store in
      let root = try await store.add()
      let other = try await store.add(.command { $0.hold = true })
      let child = try await store.add(
        .command {
          $0.after = [root, other]
          $0.retries = 2
        })
      let grandchild = try await store.add(
        .command {
          $0.after = [child]
          $0.start = .at((Moment.start + 500).wall)
        })
      let byPerson = try await store.add(.command { $0.after = [root] })
      _ = try await store.cancel(byPerson, at: .start)
      try await store.runNext(.exit(1))
      #expect(try await store.state(grandchild) == .cancelled)

      _ = try await store.retry(root, withDependents: false, at: .start)
      #expect(try await store.state(child) == .cancelled, "dependents stay as they ended")
      try await store.runNext(.exit(1))

      _ = try await store.retry(root, withDependents: true, at: .start + 1)
      let waiting = try await store.found(child)
      #expect(
        waiting.state == .blocked && waiting.finishedAt == nil && waiting.error == nil && waiting.maxAttempts == 3)
      #expect(try await store.state(grandchild) == .blocked)
      #expect(try await store.state(byPerson) == .cancelled)

      #expect(try await store.runNext() == root)
      #expect(try await store.state(child) == .blocked, "it waits for the other one again, too")
      _ = try await store.release(other, at: .start + 2)
      #expect(try await store.runNext() == other)
      #expect(try await store.runNext() == child)
      #expect(try await store.state(grandchild) == .scheduled, "its time has not come")
      #expect(try await store.promoteDue(at: .start + 500, limit: 1).promoted == 1)
    }
  }

  @Test("a dependent that another failed dependency would cancel again stays cancelled", arguments: Engine.all)
  func twoFailed(_ engine: Engine) async throws {
    try await engine.withStore { store in
      let a = try await store.add()
      let b = try await store.add()
      let id = try await store.add(.command { $0.after = [a, b] })
      try await store.runNext(.exit(1))
      try await store.runNext(.exit(1))
      _ = try await store.retry(a, withDependents: true, at: .start)
      #expect(try await store.state(id) == .cancelled)
    }
  }

  @Test("a dependent whose unique key a live job has now refuses the retry as a whole", arguments: Engine.all)
  func dependentKeyTaken(_ engine: Engine) async throws {
    try await engine.withStore { store in
      let root = try await store.add()
      let id = try await store.add(
        .command {
          $0.after = [root]
          $0.uniqueKey = "k"
        })
      try await store.runNext(.exit(1))
      let owner = try await store.add(.command { ($0.uniqueKey, $0.hold) = ("k", true) })
      let error = await refusal { _ = try await store.retry(root, withDependents: true, at: .start) }
      #expect(error?.code == .uniqueKeyTaken(id, by: owner))
      #expect(try await store.state(root) == .failed, "nothing changed")
    }
  }

  @Test("a dependency that is retried after it let a dependent go on does not count twice", arguments: Engine.all)
  func retriedAfterResolved(_ engine: Engine) async throws {
    try await engine.withStore { store in
      let a = try await store.add()
      let b = try await store.add(.command { $0.hold = true })
      let id = try await store.add(.command { $0.after = [a, b] })
      try await store.runNext()
      _ = try await store.retry(a, withDependents: true, at: .start)
      try await store.runNext(.exit(1))
      #expect(try await store.state(id) == .blocked)
      _ = try await store.release(b, at: .start)
      try await store.runNext()
      #expect(try await store.state(id) == .queued)
    }
  }

  @Test("one that is named in both ways, or twice, counts once", arguments: Engine.all)
  func namedTwice(_ engine: Engine) async throws {
    try await engine.withStore { store in
      let a = try await store.add()
      let id = try await store.add(
        .command {
          $0.after = [a, a]
          $0.afterAny = [a]
        })
      let job = try await store.found(id)
      #expect(job.after == [a] && job.afterAny.isEmpty)
      try await store.runNext()
      #expect(try await store.state(id) == .queued)
    }
  }
}
