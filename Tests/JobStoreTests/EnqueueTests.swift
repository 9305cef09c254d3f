import FoundationEssentials
import JobModel
import JobStore
import Testing

@Suite struct EnqueueTests {
  @Test("one enqueue gives the job as it is then found, new or not", arguments: Engine.all)
  func enqueueOne(_ engine: Engine) async throws {
    try await engine.withStore { store in
      let first = try await store.add()
      let other = try await store.add()
      let specs: [JobSpec] = [
        .command("/bin/echo", "ü") {
          $0.labels = ["a": "b"]
          $0.env = ["A": "1"]
          $0.umask = 0o7
          $0.timeout = .seconds(3)
          $0.uniqueKey = "key"
          $0.requestID = "request"
          $0.submittedBy = Submitter(uid: 1, pid: 2)
        },
        .command { $0.after = [other, first] },
        .command { $0.start = .delay(.seconds(60)) },
        .command { $0.hold = true },
        JobSpec(
          queue: "q", work: .payload(.array([.null, .number(0.5)])), killGrace: .zero, retries: 2, backoff: .standard),
      ]
      for spec in specs {
        let added = try await store.enqueueOne(spec, at: .start)
        #expect(added.isNew)
        let found = try await store.found(added.job.id)
        #expect(added.job == found)
      }
      for (key, request) in [("key", nil), (nil, "request")] as [(String?, String?)] {
        let again = try await store.enqueueOne(
          .command {
            $0.uniqueKey = key
            $0.requestID = request
          }, at: .start)
        #expect(!again.isNew)
        let found = try await store.found(again.job.id)
        #expect(again.job == found)
        #expect(again.job.command == ["/bin/echo", "ü"])
      }
      await #expect(throws: StoreError.self) {
        try await store.enqueueOne(.command { $0.after = [JobID(999)] }, at: .start)
      }
    }
  }

  @Test("a job comes back as it was enqueued, with every field", arguments: Engine.all)
  func everyField(_ engine: Engine) async throws {
    try await engine.withStore { store in
      let first = try await store.add()
      let spec = JobSpec.command("/bin/sh", "-c", "echo \"ü\\\n\u{1}\"", queue: "mail") {
        $0.name = "a name"
        $0.labels = ["customer": "7", "tier": "gold"]
        $0.priority = -3
        $0.cwd = "/srv"
        $0.env = ["A": "1", "B": "two \"quoted\"", "EMPTY": ""]
        $0.umask = 0o027
        $0.stdin = Data([0, 255, 10])
        $0.timeout = .seconds(90)
        $0.killGrace = .milliseconds(1500)
        $0.retries = 4
        $0.backoff = Backoff(kind: .linear, base: .seconds(2), max: .seconds(30), jitter: 0.5)
        $0.retryOn = ExitCodes("1,75,100-110")
        $0.noRetryOn = ExitCodes("2")
        $0.onInterrupt = .hold
        $0.uniqueKey = "the key"
        $0.afterAny = [first]
        $0.splitOutput = true
        $0.requestID = "r1"
        $0.submittedBy = Submitter(uid: 4_000_000_000, pid: 77)
      }
      let id = try await store.add(spec, at: .start)
      let job = try await store.found(id)
      var expected = Job(
        id: id, state: .blocked, queue: "mail", priority: -3, createdAt: Moment.start.wall, attempt: 0, maxAttempts: 5,
        killGrace: .milliseconds(1500), backoff: spec.backoff, onInterrupt: .hold, splitOutput: true, cancelling: false)
      expected.name = "a name"
      expected.labels = spec.labels
      expected.command = ["/bin/sh", "-c", "echo \"ü\\\n\u{1}\""]
      expected.cwd = "/srv"
      expected.env = ["A": "1", "B": "two \"quoted\"", "EMPTY": ""]
      expected.umask = "027"
      expected.timeout = .seconds(90)
      expected.retryOn = spec.retryOn
      expected.noRetryOn = spec.noRetryOn
      expected.uniqueKey = "the key"
      expected.afterAny = [first]
      expected.submittedBy = spec.submittedBy
      #expect(job == expected)

      try await store.runNext()
      let claimed = try #require(try await store.claim().first)
      var told = spec
      told.requestID = nil
      #expect(claimed == ClaimedAttempt(id: id, attempt: 1, spec: told, startedAt: Moment.start.wall))
    }
  }

  @Test("a payload comes back as the JSON that it was", arguments: Engine.all)
  func payload(_ engine: Engine) async throws {
    try await engine.withStore { store in
      let value = JSONValue.object([
        "text": .string("a\u{0}b"), "big": .unsigned(.max), "list": .array([.null, .bool(true), .number(0.5)]),
      ])
      let spec = JobSpec(queue: "q", work: .payload(value), killGrace: .zero, retries: 0, backoff: .standard)
      let id = try await store.add(spec)
      let job = try await store.found(id)
      #expect(job.payload == value)
      #expect(job.command == nil)
      #expect(try await store.claim().isEmpty, "a payload is for an outside worker")
      let nothing = try await store.add(
        JobSpec(queue: "q", work: .payload(.null), killGrace: .zero, retries: 0, backoff: .standard))
      #expect(try await store.found(nothing).payload == .null)
    }
  }

  @Test(
    "numbers go up in the order of the call and are never given twice, not even after a removal", arguments: Engine.all)
  func numbers(_ engine: Engine) async throws {
    try await withDirectory { directory in
      var store = try await engine.open(directory, "boot 1")
      let ids = try await store.enqueue([.command(), .command(), .command()], at: .start).map(\.id)
      #expect(ids == [JobID(1), JobID(2), JobID(3)])
      try await store.remove(ids[2], at: .start)
      await store.close()
      store = try await engine.open(directory, "boot 1")
      #expect(try await store.add() == JobID(4))
      await store.close()
    }
  }

  @Test("a waiting job has the first state that applies of held, blocked, scheduled, queued", arguments: Engine.all)
  func waitingStates(_ engine: Engine) async throws {
    try await engine.withStore { store in
      let first = try await store.add()
      for isHeld in [false, true] {
        for isBlocked in [false, true] {
          for start in [JobSpec.Start.now, .delay(.seconds(5)), .at(Moment.start.wall + .seconds(5))] {
            let id = try await store.add(
              .command {
                $0.hold = isHeld
                $0.after = isBlocked ? [first] : []
                $0.start = start
              })
            let expected: JobState =
              isHeld ? .held : isBlocked ? .blocked : start == .now ? .queued : .scheduled
            let job = try await store.found(id)
            #expect(job.state == expected)
            #expect(job.runAt == (start == .now ? nil : Moment.start.wall + .seconds(5)))
          }
        }
      }
      let past = try await store.add(.command { $0.start = .at(Moment.start.wall) })
      #expect(try await store.state(past) == .queued)
    }
  }

  @Test(
    "where a live job has the unique key it answers, within one call too, and no longer once it has ended",
    arguments: Engine.all)
  func unique(_ engine: Engine) async throws {
    try await engine.withStore { store in
      let keyed = JobSpec.command(queue: "a") { $0.uniqueKey = "k" }
      let other = JobSpec.command(queue: "b") { $0.uniqueKey = "k" }
      let answers = try await store.enqueue([keyed, other, .command()], at: .start)
      #expect(answers[0].isNew && !answers[1].isNew && answers[2].isNew)
      #expect(answers[0].id == answers[1].id)
      try await store.runNext()
      let next = try await store.enqueue([keyed], at: .start)[0]
      #expect(next.isNew)
      #expect(try await store.overview().queues.map(\.name) == ["a", "default"])
    }
  }

  @Test(
    "the same request id answers with the same job for 24 hours, ended or not, and then stands for a new one",
    arguments: Engine.all)
  func requestID(_ engine: Engine) async throws {
    try await engine.withStore { store in
      let spec = JobSpec.command { $0.requestID = "r" }
      let id = try await store.add(spec)
      try await store.runNext()
      #expect(try await store.job(answering: "r", at: .start + 86_399)?.id == id)
      for (request, seconds) in [("r", 86_400.0), ("other", 1)] {
        #expect(try await store.job(answering: request, at: .start + seconds) == nil)
      }
      let again = try await store.enqueue([spec, spec], at: .start + 86_399)
      #expect(again == [Enqueued(id: id, isNew: false), Enqueued(id: id, isNew: false)])
      let later = try await store.enqueue([spec, spec], at: .start + 86_400)
      #expect(later[0].isNew && !later[1].isNew && later[0].id != id)
      // It remembers what a unique key answered as well.
      let keyed = JobSpec.command { $0.uniqueKey = "k" }
      let owner = try await store.add(keyed)
      let asked = JobSpec.command { ($0.uniqueKey, $0.requestID) = ("k", "r2") }
      #expect(try await store.add(asked) == owner)
      _ = try await store.cancel(owner, at: .start)
      #expect(try await store.enqueue([asked], at: .start) == [Enqueued(id: owner, isNew: false)])
      // It does not go with its job: whoever asks again gets no second one.
      try await store.remove(owner, at: .start)
      #expect(try await store.enqueue([asked], at: .start) == [Enqueued(id: owner, isNew: false)])
      let error = await refusal { _ = try await store.enqueueOne(asked, at: .start) }
      #expect(error?.code == .noSuchJob(owner))
      #expect(error?.message.contains("removed") == true)
    }
  }

  @Test(
    "requests are forgotten after 24 hours, the oldest first, and those of a clock that was set back too",
    arguments: Engine.all)
  func requestMemory(_ engine: Engine) async throws {
    try await engine.withStore { store in
      let span = 86_400.0
      func spec(_ request: String) -> JobSpec { .command { $0.requestID = request } }
      let first = try await store.enqueue((0..<1500).map { spec("a\($0)") }, at: .start)
      // A clock that is two days ahead, and then set back.
      let ahead = try await store.enqueue([spec("ahead")], at: .start + 2 * span)[0].id
      let last = try await store.enqueue([spec("last")], at: .start + 1)[0].id
      #expect(try await !store.prune(RetentionPolicy(), at: .start + (span - 1), limit: 10).more)
      #expect(
        try await store.enqueue([spec("a0")], at: .start + (span - 1)) == [Enqueued(id: first[0].id, isNew: false)])
      #expect(try await store.enqueue([spec("last")], at: .start + (span - 1)) == [Enqueued(id: last, isNew: false)])
      // A thousand at a time; in the end those are gone that are over, and no others.
      #expect(try await store.prune(RetentionPolicy(), at: .start + span, limit: 10).more)
      #expect(try await !store.prune(RetentionPolicy(), at: .start + span, limit: 10).more)
      #expect(try await store.enqueue([spec("last")], at: .start + span) == [Enqueued(id: last, isNew: false)])
      #expect(
        try await store.enqueue([spec("a1499"), spec("ahead")], at: .start + span).map(\.id) != [first[1499].id, ahead])
    }
  }

  @Test(
    "a dependency that is not in the store refuses the whole call, which then has changed nothing",
    arguments: Engine.all)
  func unknownDependency(_ engine: Engine) async throws {
    try await engine.withStore { store in
      let commits = Commits(of: store)
      let error = await refusal {
        _ = try await store.enqueue(
          [.command(queue: "new"), .command { $0.after = [JobID(99)] }], at: .start)
      }
      #expect(error?.code == .unknownDependency(JobID(99)))
      #expect(error?.message.contains("99") == true)
      #expect(commits.commits.isEmpty)
      let overview = try await store.overview()
      #expect(overview.queues.isEmpty)
      #expect(try await store.jobs(JobFilter()).jobs.isEmpty)
    }
  }

  @Test("every change is told in the order of the commits, before the caller is answered", arguments: Engine.all)
  func changes(_ engine: Engine) async throws {
    try await engine.withStore { store in
      let commits = Commits(of: store)
      let id = try await store.add(.command { $0.start = .delay(.seconds(1)) })
      #expect(
        commits.changes == [
          JobChange(id: id, queue: "default", from: nil, to: .scheduled, attempt: 0, at: Moment.start.wall)
        ])
      _ = try await store.promoteDue(at: .start + 1, limit: 10)
      _ = try await store.claim(at: .start + 1)
      _ = try await store.cancel(id, at: .start + 2)
      _ = try await store.finish(id, attempt: 1, AttemptEnding(.cancelled), random: 0, at: .start + 3)
      try await store.remove(id, at: .start + 4)
      let told = commits.changes.dropFirst().map { [$0.from?.rawValue, $0.to?.rawValue, $0.outcome?.rawValue] }
      #expect(
        told == [
          ["scheduled", "queued", nil], ["queued", "running", nil], ["running", "running", nil],
          ["running", "cancelled", "cancelled"], ["cancelled", nil, nil],
        ])
      #expect(commits.changes.map(\.cancelling) == [false, false, false, true, false, false])
      #expect(commits.changes.map(\.attempt) == [0, 0, 1, 1, 1, 1])
    }
  }
}
