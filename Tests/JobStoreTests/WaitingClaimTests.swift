import JobModel
import JobStore
import SeededRandom
import Synchronization
import Testing

/// Claims that wait in the store until there is something to take.
@Suite struct WaitingClaimTests {
  @Test("what comes is taken in the commit that it comes with", arguments: Engine.all)
  func together(_ engine: Engine) async throws {
    try await engine.withStore { store in
      let commits = Commits(of: store)
      let claim = try await ClaimInWaiting(in: store)
      let id = try await store.add()
      let taken = try await claim.report.attempts
      #expect(taken.map(\.id) == [id] && taken.map(\.attempt) == [1])
      #expect(await taken.first?.fate?.decision == true)
      #expect(commits.commits.map { $0.map(\.to) } == [[.queued, .running]])
      #expect(try await store.state(id) == .running)
      #expect(try await store.finish(id, attempt: 1, .exit(0), random: 0, at: .start) == .succeeded)
    }
  }

  @Test("a slot that ends is given to what waits, in the commit of the end", arguments: Engine.all)
  func slots(_ engine: Engine) async throws {
    try await engine.withStore { store in
      let ids = try await store.enqueue((0..<4).map { _ in .command() }, at: .start).map(\.id)
      #expect(try await store.claim(2).map(\.id) == Array(ids[..<2]))
      let commits = Commits(of: store)
      let claim = try await ClaimInWaiting(in: store, limit: 0)
      let slot = FreedSlot(ids[0], attempt: 1)
      #expect(
        try await store.finish(ids[0], attempt: 1, .exit(0), random: 0, at: .start, freeing: slot) == .succeeded)
      let taken = try await claim.report.attempts
      #expect(taken.map(\.id) == [ids[2]] && taken.map(\.slot) == [slot] && slot.isTaken)
      #expect(await taken.first?.fate?.decision == true)
      #expect(commits.commits.map { $0.map(\.id) } == [[ids[0], ids[2]]])

      let next = FreedSlot(ids[1], attempt: 1)
      _ = try await store.finish(ids[1], attempt: 1, .exit(0), random: 0, at: .start, freeing: next)
      #expect(!next.isTaken, "no claim waits for it")
      #expect(try await store.state(ids[3]) == .queued)
    }
  }

  @Test("a claim of slots alone leaves what comes, and one of more takes that besides", arguments: Engine.all)
  func slotsAlone(_ engine: Engine) async throws {
    try await engine.withStore { store in
      let first = try await store.add()
      _ = try await store.claim()
      let claim = try await ClaimInWaiting(in: store, limit: 0)
      let second = try await store.add()
      #expect(try await store.state(second) == .queued)
      claim.takeBack()
      let slot = FreedSlot(first, attempt: 1)
      _ = try await store.finish(first, attempt: 1, .exit(0), random: 0, at: .start, freeing: slot)
      #expect(try await claim.report == ClaimReport() && !slot.isTaken)

      #expect(try await store.claim().map(\.id) == [second])
      let more = try await ClaimInWaiting(in: store, limit: 1)
      let after = try await store.enqueue(
        (0..<3).map { _ in .command { $0.after = [second] } }, at: .start
      ).map(\.id)
      let other = FreedSlot(second, attempt: 1)
      _ = try await store.finish(second, attempt: 1, .exit(0), random: 0, at: .start, freeing: other)
      let taken = try await more.report.attempts
      #expect(taken.map(\.id) == Array(after[..<2]) && taken.map(\.slot) == [other, nil])
    }
  }

  @Test("a job that is queued again may follow itself", arguments: Engine.all)
  func itself(_ engine: Engine) async throws {
    try await engine.withStore { store in
      let id = try await store.add(
        .command {
          $0.retries = 1
          $0.backoff.base = .zero
        })
      _ = try await store.claim()
      let claim = try await ClaimInWaiting(in: store, limit: 0)
      let slot = FreedSlot(id, attempt: 1)
      #expect(try await store.finish(id, attempt: 1, .exit(1), random: 0, at: .start, freeing: slot) == .queued)
      #expect(try await claim.report.attempts.map(\.attempt) == [2] && slot.isTaken)
      let stale = FreedSlot(id, attempt: 1)
      let second = try await ClaimInWaiting(in: store, limit: 0)
      let refused = await refusal {
        _ = try await store.finish(id, attempt: 1, .exit(0), random: 0, at: .start, freeing: stale)
      }
      #expect(refused?.code == .staleAttempt(id, 1) && !stale.isTaken)
      second.takeBack()
      #expect(try await second.report == ClaimReport())
    }
  }

  @Test("what is there already is taken at once, by one that could wait too", arguments: Engine.all)
  func atOnce(_ engine: Engine) async throws {
    try await engine.withStore { store in
      let id = try await store.add()
      let report = try await store.claim(ClaimRequest(limit: 2, waits: true), at: .start)
      #expect(report.attempts.map(\.id) == [id])
    }
  }

  @Test("it takes no more than it asked for, the best of what comes, and nothing twice", arguments: Engine.all)
  func limit(_ engine: Engine) async throws {
    try await engine.withStore { store in
      let claim = try await ClaimInWaiting(in: store, limit: 2)
      let ids = try await store.enqueue(
        [.command(), .command { $0.priority = 5 }, .command { $0.priority = 9 }, .command()], at: .start
      ).map(\.id)
      #expect(try await claim.report.attempts.map(\.id) == [ids[2], ids[1]])
      #expect(try await store.claim(9).map(\.id) == [ids[0], ids[3]])
      _ = try await store.add()
      #expect(try await store.overview().counts[.queued] == 1, "one that has been answered takes nothing more")
    }
  }

  @Test("two that wait take what comes in their order", arguments: Engine.all)
  func two(_ engine: Engine) async throws {
    try await engine.withStore { store in
      let first = try await ClaimInWaiting(in: store, limit: 1)
      let second = try await ClaimInWaiting(in: store, limit: 1)
      let ids = try await store.enqueue([.command(), .command()], at: .start).map(\.id)
      #expect(try await first.report.attempts.map(\.id) == [ids[0]])
      #expect(try await second.report.attempts.map(\.id) == [ids[1]])
    }
  }

  @Test("whatever queues a job lets it be taken", arguments: Engine.all)
  func ways(_ engine: Engine) async throws {
    try await engine.withStore { store in
      let held = try await store.add(.command { $0.hold = true })
      let late = try await store.add(.command { $0.start = .delay(.seconds(9)) })
      let other = try await store.add(.command(queue: "paused") { $0.hold = true })
      let first = try await store.add()
      let after = try await store.add(.command { $0.after = [first] })
      _ = try await store.claim()
      let ways: [(String, JobID, () async throws -> Void)] = [
        ("an end", after, { _ = try await store.finish(first, attempt: 1, .exit(0), random: 0, at: .start) }),
        ("a release", held, { _ = try await store.release(held, at: .start) }),
        ("a due time", late, { _ = try await store.promoteDue(at: .start + 9, limit: 9) }),
        ("a retry", first, { _ = try await store.retry(first, withDependents: false, at: .start) }),
        (
          "an edit", other,
          {
            _ = try await store.release(other, at: .start)
            _ = try await store.edit(other, .moving(to: "default"), at: .start)
          }
        ),
      ]
      _ = try await store.update(queue: "paused", QueuePatch(paused: true))
      for (way, id, queue) in ways {
        let claim = try await ClaimInWaiting(in: store)
        try await queue()
        #expect(try await claim.report.attempts.map(\.id) == [id], "\(way)")
      }
    }
  }

  @Test(
    "what may not start is left: payloads, paused queues, all of them paused, and what is refused",
    arguments: Engine.all)
  func leaves(_ engine: Engine) async throws {
    try await engine.withStore { store in
      _ = try await store.update(queue: "paused", QueuePatch(paused: true))
      let claim = try await ClaimInWaiting(in: store)
      try await store.add(.command(queue: "paused"))
      var payload = JobSpec.command()
      payload.work = .payload(.null)
      try await store.add(payload)
      _ = await refusal { _ = try await store.add(.command { $0.after = [JobID(999)] }) }
      try await store.setPaused(true)
      let whilePaused = try await store.add()
      try await store.setPaused(false)
      #expect(try await store.overview().counts[.queued] == 3)
      let id = try await store.add(.command(queue: "fresh"))
      #expect(try await claim.report.attempts.map(\.id) == [id], "it looks at what is new")
      #expect(try await store.claim(9).map(\.id) == [whilePaused])
    }
  }

  @Test("one that is taken back takes nothing from that moment on", arguments: Engine.all)
  func takenBack(_ engine: Engine) async throws {
    try await engine.withStore { store in
      let claim = try await ClaimInWaiting(in: store)
      claim.takeBack()
      let id = try await store.add()
      #expect(try await claim.report == ClaimReport())
      #expect(try await store.state(id) == .queued)
      let early = Task { try await store.claim(ClaimRequest(limit: 9, waits: true), at: .start) }
      early.cancel()
      let report = try await early.value
      #expect(report == ClaimReport() || report.attempts.map(\.id) == [id], "before it was asked, or after")
    }
  }

  @Test("a store that closes answers it", arguments: Engine.all)
  func closes(_ engine: Engine) async throws {
    try await withDirectory { directory in
      let store = try await engine.open(directory, "boot 1")
      let claim = try await ClaimInWaiting(in: store)
      await store.close()
      #expect(await refusal { _ = try await claim.report }?.code == .closed)
    }
  }

  /// Every step is done with a claim waiting that has seen all there was. After it nothing may be left that it could have
  /// taken.
  @Test("in whatever order, nothing that may start is left while a claim waits", arguments: Engine.all)
  func orders(_ engine: Engine) async throws {
    let seed = testSeed()
    var random = SplitMix(seed: seed)
    for round in 0..<12 {
      try await engine.withStore { store in
        var world = WaitingWorld(store)
        for step in 0..<60 {
          let (left, what) = try await world.step(&random)
          #expect(left.isEmpty, "JOBQ_TEST_SEED=\(seed), round \(round), step \(step): after \(what)")
        }
      }
    }
  }
}

/// Jobs, queues and one claim that waits.
private struct WaitingWorld {
  private let store: any JobStore
  private var moment = Moment.start
  private var known: [JobID] = []
  private var running: [ClaimedAttempt] = []
  private var paused: Set<String> = []
  /// Of the attempt that the last step ended.
  private var freed: FreedSlot?

  init(_ store: any JobStore) { self.store = store }

  /// What could have been taken and was not.
  mutating func step(_ random: inout SplitMix) async throws -> (left: [JobID], what: String) {
    let limit = Int.random(in: 1...3, using: &random)
    while true {
      let taken = try await store.claim(limit, at: moment)
      if taken.isEmpty { break }
      running += taken
    }
    let claim = try await ClaimInWaiting(in: store, limit: limit, at: moment)
    freed = nil
    let what = try await move(&random)
    claim.takeBack()
    let taken = try await claim.report.attempts
    running += taken
    let slots = taken.compactMap(\.slot)
    if slots != [freed].compactMap({ $0 }).filter(\.isTaken) { return (taken.map(\.id), "\(what), whose slot is lost") }
    guard taken.count < limit + (freed == nil ? 0 : 1) else { return ([], what) }
    var filter = JobFilter()
    filter.states = [.queued]
    filter.limit = 1000
    let queued = try await store.jobs(filter).jobs.filter { !paused.contains($0.queue) && $0.command != nil }
    return (queued.map(\.id), what)
  }

  private mutating func move(_ random: inout SplitMix) async throws -> String {
    let queue = ["a", "b", "c"].randomElement(using: &random)!
    switch Int.random(in: 0..<9, using: &random) {
    case 0...2:
      var specs: [JobSpec] = []
      for _ in 0..<Int.random(in: 1...4, using: &random) {
        var spec = JobSpec.command(queue: queue)
        spec.retries = 2
        spec.priority = Int.random(in: 0...2, using: &random)
        switch Int.random(in: 0..<5, using: &random) {
        case 0: spec.hold = true
        case 1: spec.start = .delay(.seconds(Int64.random(in: 1...9, using: &random)))
        case 2: spec.after = Array(known.suffix(1))
        case 3: spec.work = .payload(.null)
        default: break
        }
        specs.append(spec)
      }
      known += try await store.enqueue(specs, at: moment).map(\.id)
      return "enqueue"
    case 3, 4:
      guard let attempt = running.popLast() else { return "nothing" }
      let code = Int.random(in: 0...1, using: &random)
      if Bool.random(using: &random) { freed = FreedSlot(attempt.id, attempt: attempt.attempt) }
      _ = try await store.finish(
        attempt.id, attempt: attempt.attempt, .exit(code), random: 0, at: moment, freeing: freed)
      return "end of \(attempt.id)"
    case 5:
      moment = moment + 7
      _ = try await store.promoteDue(at: moment, limit: 100)
      return "due times"
    case 6:
      guard let id = known.randomElement(using: &random) else { return "nothing" }
      _ = try? await store.release(id, at: moment)
      return "release of \(id)"
    case 7:
      guard let id = known.randomElement(using: &random) else { return "nothing" }
      _ = try? await store.edit(id, .moving(to: queue), at: moment)
      return "edit of \(id)"
    default:
      // What a pause leaves behind a claim that waits need not see.
      guard paused.insert(queue).inserted else { return "nothing" }
      try await store.update(queue: queue, QueuePatch(paused: true))
      return "pause of \(queue)"
    }
  }
}

/// A claim that has looked, found nothing, and waits.
struct ClaimInWaiting {
  private let task: Task<ClaimReport, any Error>

  init(in store: any JobStore, limit: Int = 9, at moment: Moment = .start) async throws {
    let (looks, post) = AsyncStream.makeStream(of: Void.self)
    task = Task {
      try await store.claim(ClaimRequest(limit: limit, waits: true)) {
        post.yield()
        return moment
      }
    }
    for await _ in looks { break }
  }

  var report: ClaimReport { get async throws { try await task.value } }

  func takeBack() { task.cancel() }
}

extension JobEdit {
  fileprivate static func moving(to queue: String) -> JobEdit {
    var edit = JobEdit()
    edit.queue = queue
    return edit
  }
}

extension CommitFate {
  var decision: Bool {
    get async { await withCheckedContinuation { answer in whenDecided { answer.resume(returning: $0) } } }
  }
}
