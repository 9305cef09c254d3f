import JobModel
import JobStore
import Testing

@Suite struct LimitTests {
  private static let customers = KeyLimit(label: "customer", concurrency: 1)

  private func request(_ queue: String, _ limits: QueueLimits) -> ClaimRequest {
    ClaimRequest(limit: 9, rooms: [queue: QueueRoom(limits)])
  }

  private func mail(_ customer: String?, priority: Int = 0) -> JobSpec {
    .command(queue: "mail") {
      $0.priority = priority
      if let customer { $0.labels["customer"] = customer }
    }
  }

  @Test("a queue of higher priority goes first, whatever its jobs' priorities", arguments: Engine.all)
  func priority(_ engine: Engine) async throws {
    try await engine.withStore { store in
      let ids = try await store.enqueue(
        [.command(queue: "a") { $0.priority = 1000 }, .command(queue: "b"), .command(queue: "c") { $0.priority = -1 }],
        at: .start
      ).map(\.id)
      let request = ClaimRequest(
        limit: 9, rooms: ["c": QueueRoom(QueueLimits(priority: 1)), "a": QueueRoom(QueueLimits(priority: -1))])
      #expect(try await store.claim(request, at: .start).attempts.map(\.id) == [ids[2], ids[1], ids[0]])
    }
  }

  @Test(
    "a rate spaces the starts evenly, tells when the next is due, and holds no other queue up", arguments: Engine.all)
  func rate(_ engine: Engine) async throws {
    try await engine.withStore { store in
      for _ in 0..<3 { try await store.add(mail(nil)) }
      let other = try await store.add(.command(queue: "other"))
      let request = request("mail", QueueLimits(rate: Rate("30/m")))
      let first = try await store.claim(request, at: .start)
      #expect(first.attempts.map(\.id) == [JobID(1), other])
      #expect(first.nextStart == Moment.start.boot + 2000)
      let early = try await store.claim(request, at: .start + 1.999)
      #expect(early.attempts.isEmpty && early.nextStart == Moment.start.boot + 2000)
      let second = try await store.claim(request, at: .start + 2)
      #expect(second.attempts.map(\.id) == [JobID(2)] && second.nextStart == Moment.start.boot + 4000)
      // The wall clock may go where it likes.
      let third = try await store.claim(
        request, at: Moment(wall: Timestamp(milliseconds: 5), boot: Moment.start.boot + 4000))
      #expect(third.attempts.map(\.id) == [JobID(3)] && third.nextStart == nil, "nothing is held back any more")
    }
  }

  @Test("a rate that is raised holds at once, however often is asked before its first start", arguments: Engine.all)
  func raisedRate(_ engine: Engine) async throws {
    try await engine.withStore { store in
      for _ in 0..<4 { try await store.add(mail(nil)) }
      let slow = request("mail", QueueLimits(rate: Rate("1/h")))
      #expect(try await store.claim(slow, at: .start).attempts.count == 1)
      #expect(try await store.claim(slow, at: .start + 1).nextStart == Moment.start.boot + 3_600_000)
      let fast = request("mail", QueueLimits(rate: Rate("60/m")))
      for seconds in [2, 2.25, 2.5, 2.75] {
        let report = try await store.claim(fast, at: .start + seconds)
        #expect(report.attempts.isEmpty && report.nextStart == Moment.start.boot + 3000)
      }
      #expect(try await store.claim(fast, at: .start + 3).attempts.count == 1)
      #expect(try await store.claim(fast, at: .start + 4).attempts.count == 1)
    }
  }

  @Test(
    "a rate counts over restarts: by the boot clock in the same boot, by the wall clock in another",
    arguments: Engine.all)
  func rateOverRestarts(_ engine: Engine) async throws {
    try await withDirectory { directory in
      let request = request("mail", QueueLimits(rate: Rate("1/m")))
      var store = try await engine.open(directory, "boot 1")
      for _ in 0..<3 { try await store.add(mail(nil)) }
      #expect(try await store.claim(request, at: .start).attempts.count == 1)
      await store.close()

      store = try await engine.open(directory, "boot 1")
      #expect(try await store.claim(request, at: .start + 59).nextStart == Moment.start.boot + 60_000)
      #expect(try await store.claim(request, at: .start + 60).attempts.count == 1)
      await store.close()

      // Rebooted 20 s later: 40 s are left, from the new zero.
      store = try await engine.open(directory, "boot 2")
      let rebooted = Moment(wall: (Moment.start + 80).wall, boot: 3000)
      #expect(try await store.claim(request, at: rebooted) == ClaimReport(nextStart: 43_000))
      let later = Moment(wall: (Moment.start + 120).wall, boot: 43_000)
      #expect(try await store.claim(request, at: later).attempts.count == 1)
      try await store.add(mail(nil))
      await store.close()

      // Rebooted with a wall clock a year back: no longer than between two starts.
      store = try await engine.open(directory, "boot 3")
      let back = Moment(wall: (Moment.start + -31_536_000).wall, boot: 1000)
      #expect(try await store.claim(request, at: back) == ClaimReport(nextStart: 61_000))
      await store.close()
    }
  }

  @Test("one at a time for each value of a label, by priority; those without it are not limited", arguments: Engine.all)
  func perKey(_ engine: Engine) async throws {
    try await engine.withStore { store in
      try await store.countKeys(by: ["mail": "customer"])
      let ids = try await store.enqueue(
        [mail("x"), mail("x"), mail("y"), mail(nil), mail("x", priority: 3), mail(nil, priority: -1)], at: .start
      ).map(\.id)
      let limits = QueueLimits(perKey: Self.customers)
      #expect(
        try await store.claim(request("mail", limits), at: .start).attempts.map(\.id) == [
          ids[4], ids[2], ids[3], ids[5],
        ])
      #expect(try await store.claim(request("mail", limits), at: .start).attempts.isEmpty)
      _ = try await store.finish(ids[4], attempt: 1, .exit(0), random: 0, at: .start)
      let next = try await store.claim(request("mail", limits), at: .start)
      #expect(next.attempts.map(\.id) == [ids[0]])
    }
  }

  @Test(
    "the label may change, or go: what waits is sorted anew, and an older request leaves the queue out",
    arguments: Engine.all)
  func relabel(_ engine: Engine) async throws {
    try await withDirectory { directory in
      var store = try await engine.open(directory, "boot 1")
      for (customer, region) in [("x", "n"), ("x", "s"), ("y", "n"), ("y", "s")] {
        try await store.add(
          .command(queue: "mail") {
            $0.labels = ["customer": customer, "region": region]
            if customer == "y" { $0.hold = true }
          })
      }
      let byCustomer = request("mail", QueueLimits(perKey: Self.customers))
      let byRegion = request("mail", QueueLimits(perKey: KeyLimit(label: "region", concurrency: 1)))
      #expect(try await store.claim(byCustomer, at: .start).attempts.isEmpty, "the store counts by no label yet")
      try await store.countKeys(by: ["mail": "customer"])
      #expect(try await store.claim(9).isEmpty, "the request counts by none")
      #expect(try await store.claim(byCustomer, at: .start).attempts.map(\.id) == [JobID(1)])
      _ = try await store.finish(JobID(1), attempt: 1, AttemptEnding(.interrupted), random: 0, at: .start)
      for id in [3, 4] as [Int64] { _ = try await store.release(JobID(id), at: .start) }
      await store.close()

      store = try await engine.open(directory, "boot 1")
      try await store.countKeys(by: ["mail": "region"])
      #expect(try await store.claim(byRegion, at: .start).attempts.map(\.id) == [JobID(1), JobID(2)])
      try await store.countKeys(by: [:])
      #expect(try await store.claim(9).map(\.id) == [JobID(3), JobID(4)])
      await store.close()
    }
  }

  @Test("whatever takes a job out of its place lets the next of its key come forward", arguments: Engine.all)
  func lanes(_ engine: Engine) async throws {
    try await engine.withStore { store in
      try await store.countKeys(by: ["mail": "customer"])
      let limits = QueueLimits(perKey: Self.customers)
      let ids = try await store.enqueue((0..<6).map { _ in mail("x") }, at: .start).map(\.id)
      _ = try await store.cancel(ids[0], at: .start)
      _ = try await store.hold(ids[1], at: .start)
      try await store.remove(ids[2], at: .start)
      func next() async throws -> [JobID] {
        let attempts = try await store.claim(request("mail", limits), at: .start).attempts
        for attempt in attempts {
          _ = try await store.finish(attempt.id, attempt: attempt.attempt, .exit(0), random: 0, at: .start)
        }
        return attempts.map(\.id)
      }
      #expect(try await next() == [ids[3]])
      _ = try await store.release(ids[1], at: .start)
      #expect(try await next() == [ids[1]])
      _ = try await store.retry(ids[0], withDependents: false, at: .start)
      #expect(try await next() == [ids[0]])
      #expect(try await next() == [ids[4]])
      #expect(try await next() == [ids[5]])
      #expect(try await next().isEmpty)
    }
  }

  @Test("limits are kept over restarts, one by one, and null takes one away", arguments: Engine.all)
  func settings(_ engine: Engine) async throws {
    try await withDirectory { directory in
      var store = try await engine.open(directory, "boot 1")
      let all = QueueLimits(concurrency: 2, rate: Rate("30/m"), perKey: Self.customers, priority: 5)
      _ = try await store.update(
        queue: "mail", QueuePatch(concurrency: 2, rate: Rate("30/m"), perKey: Self.customers, priority: 5))
      await store.close()
      store = try await engine.open(directory, "boot 1")
      #expect(try await store.overview().queues.map(\.limits) == [all])
      let less = try await store.update(queue: "mail", QueuePatch(rate: .some(nil), perKey: .some(nil)))
      #expect(less.limits == QueueLimits(concurrency: 2, priority: 5))
      await store.close()
    }
  }

  @Test(
    "a pause says why and ends by the boot clock, by the wall clock after a reboot, also while nobody ran",
    arguments: Engine.all)
  func pauses(_ engine: Engine) async throws {
    try await withDirectory { directory in
      var store = try await engine.open(directory, "boot 1")
      let pause = PauseRequest(reason: "provider down", span: .seconds(60))
      let told = try await store.update(queue: "mail", QueuePatch(paused: true, pause: pause), at: .start)
      #expect(told.pause == Pause(reason: "provider down", until: (Moment.start + 60).wall))
      try await store.setPause(PauseRequest(reason: "moving", span: .seconds(90)), at: .start)
      try await store.add(mail(nil))
      // The wall clock is set: it does not matter.
      let early = Moment(wall: Timestamp(milliseconds: .max / 2), boot: Moment.start.boot + 59_999)
      #expect(
        try await store.promoteDue(at: early, limit: 9)
          == DueReport(promoted: 0, nextWall: nil, nextBoot: Moment.start.boot + 60_000))
      let one = try await store.promoteDue(at: .start + 60, limit: 9)
      #expect(one == DueReport(promoted: 0, resumed: true, nextWall: nil, nextBoot: Moment.start.boot + 90_000))
      #expect(try await store.overview().queues.map(\.pause) == [nil])
      #expect(try await store.overview().pause == Pause(reason: "moving", until: (Moment.start + 90).wall))
      #expect(try await store.claim().isEmpty)
      await store.close()

      store = try await engine.open(directory, "boot 2")
      let before = Moment(wall: (Moment.start + 89).wall, boot: 5)
      #expect(
        try await store.promoteDue(at: before, limit: 9)
          == DueReport(promoted: 0, nextWall: (Moment.start + 90).wall, nextBoot: nil))
      #expect(try await store.promoteDue(at: Moment(wall: (Moment.start + 99).wall, boot: 9), limit: 9).resumed)
      #expect(try await store.overview().pause == nil)
      #expect(try await store.claim().count == 1)
      await store.close()
    }
  }

  @Test(
    "a pause without an end stays, and one that is asked for anew forgets the reason and the end before",
    arguments: Engine.all)
  func pauseAnew(_ engine: Engine) async throws {
    try await engine.withStore { store in
      _ = try await store.update(
        queue: "q", QueuePatch(paused: true, pause: PauseRequest(reason: "a", span: .seconds(1))), at: .start)
      #expect(try await store.update(queue: "q", QueuePatch(concurrency: 1), at: .start).pause?.reason == "a")
      #expect(try await store.update(queue: "q", QueuePatch(paused: true), at: .start).pause == Pause())
      let far = try await store.promoteDue(at: .start + 1e6, limit: 9)
      #expect(far == DueReport(promoted: 0, nextWall: nil, nextBoot: nil))
      #expect(try await store.update(queue: "q", QueuePatch(paused: false), at: .start).pause == nil)
    }
  }

  @Test("a job's standing tells what it waits for, the pauses and its queue's next start", arguments: Engine.all)
  func standing(_ engine: Engine) async throws {
    try await engine.withStore { store in
      #expect(try await store.standing(of: JobID(9)) == nil)
      let first = try await store.add(mail(nil))
      let held = try await store.add(.command { $0.hold = true })
      let last = try await store.add(
        .command(queue: "mail") {
          $0.after = [first]
          $0.afterAny = [held]
        })
      _ = try await store.claim(request("mail", QueueLimits(rate: Rate("1/s"))), at: .start)
      try await store.setPause(PauseRequest(reason: "why"), at: .start)
      var standing = try #require(try await store.standing(of: last))
      #expect(
        standing.dependencies == [
          WaitFacts.Dependency(id: first, state: .running), WaitFacts.Dependency(id: held, state: .held),
        ])
      #expect(standing.pause == Pause(reason: "why") && standing.queuePause == nil)
      #expect(standing.nextStart.boot == (Moment.start.boot + 1000) * 1_000_000)
      _ = try await store.finish(first, attempt: 1, .exit(0), random: 0, at: .start)
      standing = try #require(try await store.standing(of: last))
      #expect(standing.dependencies.map(\.id) == [held])
    }
  }

  @Test("a queued job's standing tells how many of its queue go before it", arguments: Engine.all)
  func ahead(_ engine: Engine) async throws {
    try await engine.withStore { store in
      let ids = try await store.enqueue(
        [mail(nil, priority: -1), mail(nil), mail(nil), mail(nil, priority: 9), .command(queue: "other")], at: .start
      ).map(\.id)
      func ahead(_ id: JobID) async throws -> Int? { try await store.standing(of: id)?.ahead }
      #expect(try await ahead(ids[0]) == 3)
      #expect(try await ahead(ids[1]) == 1)
      #expect(try await ahead(ids[2]) == 2)
      #expect(try await ahead(ids[3]) == 0)
      _ = try await store.enqueue((0..<1100).map { _ in mail(nil) }, at: .start)
      #expect(try await ahead(ids[0]) == WaitFacts.countedAhead)
    }
  }
}
