import JobModel
import JobStore
import Testing

@Suite struct LeaseTests {
  @Test("leases take payload jobs of one queue, best first; claims take none of them", arguments: Engine.all)
  func order(_ engine: Engine) async throws {
    try await engine.withStore { store in
      let ids = try await store.enqueue(
        [
          .payload(queue: "q"), .command(queue: "q"), .payload(queue: "q") { $0.priority = 5 },
          .payload(queue: "other"),
          .payload(queue: "q"),
        ], at: .start
      ).map(\.id)
      #expect(try await store.claim(9).map(\.id) == [ids[1]])
      let taken = try await store.lease("q", 2)
      #expect(taken.map(\.job.id) == [ids[2], ids[0]])
      #expect(taken.allSatisfy { $0.job.state == .running && $0.job.attempt == 1 })
      #expect(Set(taken.map(\.lease)).count == 2)
      #expect(taken[0].job.attempts.map(\.worker) == ["w"])
      #expect(taken[0].job.attempts.map(\.leaseExpiresAt) == [(Moment.start + 60).wall])
      #expect(taken[0].job == (try await store.found(ids[2])), "what is handed out is what is stored")
      #expect(try await store.lease("q", 9).map(\.job.id) == [ids[4]])
      #expect(try await store.lease("q", 9).isEmpty)
      #expect(try await store.lease("nothing", 9).isEmpty)
      #expect(try await store.leases().map(\.id) == [ids[0], ids[2], ids[4]])
    }
  }

  @Test("a paused queue, and the pause of all, grant nothing", arguments: Engine.all)
  func pauses(_ engine: Engine) async throws {
    try await engine.withStore { store in
      let id = try await store.add(.payload())
      _ = try await store.update(queue: "default", QueuePatch(paused: true))
      #expect(try await store.lease().isEmpty)
      _ = try await store.update(queue: "default", QueuePatch(paused: false))
      try await store.setPaused(true)
      #expect(try await store.lease().isEmpty)
      try await store.setPaused(false)
      #expect(try await store.lease().map(\.job.id) == [id])
    }
  }

  @Test("complete, fail and extend are done with the token, and the result is kept", arguments: Engine.all)
  func reports(_ engine: Engine) async throws {
    try await engine.withStore { store in
      let ids = try await store.enqueue(
        [.payload(), .payload { $0.retries = 1 }, .payload { $0.retries = 3 }, .payload()], at: .start
      ).map(\.id)
      let leases = try await store.lease("default", 4)
      let result = JSONValue.object(["sent": .integer(3)])
      let settled = try await store.settle(
        [
          .init(id: ids[0], token: leases[0].lease, word: .complete(result)),
          .init(id: ids[1], token: leases[1].lease, word: .fail(error: "no such host", retry: true, random: 0)),
          .init(id: ids[2], token: leases[2].lease, word: .fail(error: "bad address", retry: false, random: 0)),
          .init(id: ids[3], token: leases[3].lease, word: .extend(.seconds(90))),
        ], at: .start + 10)
      #expect(
        settled == [
          SettledLease(verdict: LeaseVerdict(id: ids[0], state: .succeeded), ended: 1),
          SettledLease(verdict: LeaseVerdict(id: ids[1], state: .scheduled), ended: 1),
          SettledLease(verdict: LeaseVerdict(id: ids[2], state: .failed), ended: 1),
          SettledLease(
            verdict: LeaseVerdict(id: ids[3], state: .running, expiresAt: (Moment.start + 100).wall),
            due: (Moment.start + 100).boot),
        ])
      let done = try await store.found(ids[0])
      #expect(done.result == result && done.outcome == .succeeded && done.exitStatus == 0)
      let again = try await store.found(ids[1])
      #expect(again.error == "no such host" && again.outcome == .failed && again.maxAttempts == 2)
      #expect(again.attempts.map(\.error) == ["no such host"])
      #expect(again.runAt == (Moment.start + 15).wall, "the backoff of 5 s, from the report")
      #expect(try await store.found(ids[2]).attempt == 1)
    }
  }

  @Test("a token is good for its attempt alone, and says again what it said", arguments: Engine.all)
  func fencing(_ engine: Engine) async throws {
    try await engine.withStore { store in
      let id = try await store.add(
        .payload {
          $0.retries = 5
          $0.backoff.base = .zero
        })
      let first = try #require(try await store.lease().first)
      #expect(await store.says(id, "guess", .complete(nil))?.code == .stale)
      #expect(await store.says(JobID(99), first.lease, .complete(nil))?.code == .notFound)
      let failed = LeaseReport.Word.fail(error: nil, retry: true, random: 0)
      #expect(await store.says(id, first.lease, failed)?.ok == true)
      let second = try #require(try await store.lease().first)
      #expect(second.job.attempt == 2)
      // The late worker of the first attempt.
      let late = await store.says(id, first.lease, .complete(.string("late")))
      #expect(late?.code == .ended && late?.ok == false && late?.state == .running)
      #expect(await store.says(id, first.lease, .extend(.seconds(9)))?.code == .ended)
      // A worker whose reply was lost asks again: nothing is done twice.
      #expect(await store.says(id, first.lease, failed)?.ok == true)
      #expect(await store.says(id, second.lease, .complete(.string("a")))?.state == .succeeded)
      #expect(await store.says(id, second.lease, .complete(.string("b")))?.ok == true)
      #expect(await store.says(id, second.lease, failed)?.code == .ended)
      let job = try await store.found(id)
      #expect(job.state == .succeeded && job.result == .string("a") && job.attempt == 2)
    }
  }

  @Test(
    "a lease ends at its time, costs no retry, and its worker's result is refused, swept or not", arguments: Engine.all)
  func expiry(_ engine: Engine) async throws {
    try await engine.withStore { store in
      let id = try await store.add(.payload())
      let lease = try #require(try await store.lease().first)
      var report = try await store.expireLeases(at: .start + 59.999, limit: 9)
      #expect(report == ExpiryReport(expired: [], nextWall: nil, nextBoot: (Moment.start + 60).boot))
      // The wall clock may go where it likes.
      let byWall = Moment(wall: Timestamp(milliseconds: .max / 2), boot: (Moment.start + 59).boot)
      #expect(try await store.expireLeases(at: byWall, limit: 9).expired.isEmpty)
      let unswept = await store.says(id, lease.lease, .complete(nil), at: .start + 60)
      #expect(unswept?.code == .expired && unswept?.state == .running)
      report = try await store.expireLeases(at: .start + 60, limit: 9)
      #expect(report.expired == [HeldLease(id: id, attempt: 1, queue: "default")] && report.nextBoot == nil)
      #expect(await store.says(id, lease.lease, .complete(nil), at: .start + 60)?.code == .expired)
      let job = try await store.found(id)
      #expect(job.state == .queued && job.maxAttempts == 2 && job.outcome == .leaseExpired)
      #expect(job.attempts.map(\.outcome) == [.leaseExpired])
      #expect(job.error == "worker w was silent for longer than the lease")
      #expect(try await store.leases().isEmpty)
    }
  }

  @Test("an extension counts from its own time, and may shorten", arguments: Engine.all)
  func extensions(_ engine: Engine) async throws {
    try await engine.withStore { store in
      let id = try await store.add(.payload())
      let lease = try #require(try await store.lease().first)
      #expect(await store.says(id, lease.lease, .extend(.seconds(60)), at: .start + 59)?.ok == true)
      #expect(try await store.expireLeases(at: .start + 118, limit: 9).expired.isEmpty)
      #expect(await store.says(id, lease.lease, .extend(.seconds(1)), at: .start + 118)?.ok == true)
      #expect(try await store.expireLeases(at: .start + 119, limit: 9).expired.map(\.id) == [id])
      #expect(await store.says(id, lease.lease, .extend(.seconds(9)), at: .start + 119)?.code == .expired)
    }
  }

  @Test(
    "five leases that expire in a row fail the job, with that reason; one word between begins anew",
    arguments: Engine.all)
  func fiveInARow(_ engine: Engine) async throws {
    try await engine.withStore { store in
      let id = try await store.add(
        .payload {
          $0.retries = 1
          $0.backoff.base = .zero
        })
      var moment = Moment.start
      func expire() async throws {
        #expect(try await store.lease(at: moment).count == 1)
        moment = moment + 60
        #expect(try await store.expireLeases(at: moment, limit: 9).expired.count == 1)
      }
      for _ in 0..<4 { try await expire() }
      let lease = try #require(try await store.lease(at: moment).first)
      #expect(
        await store.says(id, lease.lease, .fail(error: nil, retry: true, random: 0), at: moment)?.state == .queued)
      for _ in 0..<4 { try await expire() }
      #expect(try await store.state(id) == .queued)
      try await expire()
      let job = try await store.found(id)
      #expect(job.state == .failed && job.attempt == 10 && job.maxAttempts == 11)
      #expect(job.error?.contains("5 leases in a row expired") == true)
      // A person's retry begins the count anew.
      _ = try await store.retry(id, withDependents: false, at: moment)
      for _ in 0..<4 { try await expire() }
      #expect(try await store.state(id) == .queued)
    }
  }

  @Test("a cancel ends a leased job at once, and its worker is told so", arguments: Engine.all)
  func cancel(_ engine: Engine) async throws {
    try await engine.withStore { store in
      let id = try await store.add(.payload())
      let dependent = try await store.add(.command { $0.afterAny = [id] })
      let lease = try #require(try await store.lease().first)
      let job = try await store.cancel(id, at: .start + 1)
      #expect(job.state == .cancelled && job.outcome == .cancelled && !job.cancelling)
      #expect(job.attempts.map(\.outcome) == [.cancelled])
      #expect(try await store.state(dependent) == .queued)
      for word in [LeaseReport.Word.complete(nil), .extend(.seconds(9)), .fail(error: nil, retry: true, random: 0)] {
        let verdict = await store.says(id, lease.lease, word, at: .start + 1)
        #expect(verdict?.code == .cancelled && verdict?.ok == false && verdict?.state == .cancelled)
      }
      #expect(try await store.leases().isEmpty)
    }
  }

  @Test("a daemon's death ends no lease, and after a reboot the wall clock counts on", arguments: Engine.all)
  func restarts(_ engine: Engine) async throws {
    try await withDirectory { directory in
      var store = try await engine.open(directory, "boot 1")
      let ids = try await store.enqueue([.payload(), .payload { $0.onInterrupt = .fail }], at: .start).map(\.id)
      let leases = try await store.lease("default", 2)
      await store.close()
      store = try await engine.open(directory, "boot 1")
      #expect(try await store.leftovers().isEmpty)
      try await store.interrupt(
        ids.map { Leftover(id: $0, attempt: 1, queue: "default", startedAt: Moment.start.wall, process: nil) },
        at: .start + 1)
      #expect(try await store.leases().map(\.id) == ids)
      #expect(await store.says(ids[0], leases[0].lease, .complete(nil), at: .start + 50)?.ok == true)
      await store.close()
      store = try await engine.open(directory, "boot 2")
      // Boot time has begun anew.
      let early = Moment(wall: (Moment.start + 59).wall, boot: 5)
      #expect(
        try await store.expireLeases(at: early, limit: 9)
          == ExpiryReport(expired: [], nextWall: (Moment.start + 60).wall, nextBoot: nil))
      #expect(await store.says(ids[1], leases[1].lease, .extend(.seconds(10)), at: early)?.ok == true)
      let later = Moment(wall: early.wall, boot: 5 + 10_000)
      #expect(try await store.expireLeases(at: later, limit: 9).expired.map(\.id) == [ids[1]])
      await store.close()
    }
  }

  @Test("what no worker was told of is given back with no trace", arguments: Engine.all)
  func givenBack(_ engine: Engine) async throws {
    try await engine.withStore { store in
      let id = try await store.add(
        .payload {
          $0.retries = 2
          $0.backoff.base = .zero
        })
      let untouched = try await store.found(id)
      let lease = try await store.lease(at: .start + 1)
      try await store.giveBack(lease, at: .start + 2)
      #expect(try await store.found(id) == untouched)
      #expect(await store.says(id, lease[0].lease, .complete(nil))?.code == .stale)
      // The second attempt, with the first still there; and one that has ended meanwhile.
      let first = try #require(try await store.lease(at: .start + 3).first)
      _ = await store.says(id, first.lease, .fail(error: nil, retry: true, random: 0), at: .start + 4)
      let failed = try await store.found(id)
      let second = try await store.lease(at: .start + 5)
      try await store.giveBack(second + [first], at: .start + 6)
      #expect(try await store.found(id) == failed)
      #expect(try await store.overview().counts[.running] == 0)
    }
  }

  @Test("each report of one request stands for itself", arguments: Engine.all)
  func mixed(_ engine: Engine) async throws {
    try await engine.withStore { store in
      let ids = try await store.enqueue([.payload(), .payload()], at: .start).map(\.id)
      let leases = try await store.lease("default", 2)
      let settled = try await store.settle(
        [
          .init(id: ids[0], token: leases[1].lease, word: .complete(nil)),
          .init(id: ids[1], token: leases[1].lease, word: .complete(nil)),
          .init(id: ids[1], token: leases[1].lease, word: .complete(nil)),
          .init(id: ids[0], token: leases[0].lease, word: .complete(nil)),
        ], at: .start)
      #expect(settled.map(\.verdict.ok) == [false, true, true, true])
      #expect(settled.map(\.ended) == [nil, 1, nil, 1])
    }
  }

  @Test("large payloads are handed out a few at a time, and one at least", arguments: Engine.all)
  func largePayloads(_ engine: Engine) async throws {
    try await engine.withStore { store in
      let large = JSONValue.string(String(repeating: "x", count: 3 << 20))
      _ = try await store.enqueue(Array(repeating: .payload(large), count: 3), at: .start)
      let leases = try await store.lease("default", 9)
      #expect(leases.count == 2 && leases.allSatisfy { $0.job.payload == large })
      #expect(try await store.lease("default", 9).count == 1)
    }
  }

  @Test("a limit cuts an expiry short, and the next time says so", arguments: Engine.all)
  func expiryInBatches(_ engine: Engine) async throws {
    try await engine.withStore { store in
      _ = try await store.enqueue(Array(repeating: .payload(), count: 5), at: .start)
      _ = try await store.lease("default", 5)
      let first = try await store.expireLeases(at: .start + 60, limit: 3)
      #expect(first.expired.count == 3 && first.nextBoot == (Moment.start + 60).boot)
      let second = try await store.expireLeases(at: .start + 60, limit: 3)
      #expect(second.expired.count == 2 && second.nextBoot == nil)
    }
  }
}

extension JobSpec {
  static func payload(
    _ value: JSONValue = .string("x"), queue: String = "default", change: (inout JobSpec) -> Void = { _ in }
  ) -> JobSpec {
    .command(queue: queue) {
      $0.work = .payload(value)
      change(&$0)
    }
  }
}

extension JobStore {
  func lease(_ queue: String = "default", _ limit: Int = 1, at moment: Moment = .start) async throws -> [LeasedJob] {
    try await lease(LeaseTerms(queue: queue, worker: "w", limit: limit, span: .seconds(60)), at: moment)
  }

  func lease(_ terms: LeaseTerms, at moment: Moment) async throws -> [LeasedJob] {
    try await lease(terms, room: QueueRoom(QueueLimits()), at: moment).leases
  }

  /// One report and its verdict; nil where the store fails.
  func says(_ id: JobID, _ token: String, _ word: LeaseReport.Word, at moment: Moment = .start) async -> LeaseVerdict? {
    try? await settle([LeaseReport(id: id, token: token, word: word)], at: moment).first?.verdict
  }
}
