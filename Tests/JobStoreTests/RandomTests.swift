import FoundationEssentials
import JobModel
import JobStore
import SeededRandom
import Testing

/// Random orders of everything that can be asked, held against a model that keeps plain values and recounts
/// everything. JOBQ_TEST_SEED plays a run again that failed, JOBQ_RANDOM_ROUNDS makes it longer.
@Suite struct RandomTests {
  @Test(
    "in thousands of random orders the store does what a plain model says: states, counts, order, dependents",
    arguments: Engine.all)
  func orders(_ engine: Engine) async throws {
    let environment = ProcessInfo.processInfo.environment
    let seed = testSeed()
    let rounds = environment["JOBQ_RANDOM_ROUNDS"].flatMap { Int($0) } ?? 100
    print("RandomTests: seed \(seed)")
    var random = SplitMix(seed: seed)
    for round in 0..<rounds {
      try await withDirectory { directory in
        var play = Play(store: try await engine.open(directory, "boot 1"), random: random)
        do {
          for step in 0..<60 {
            try await play.step()
            if step % 20 == 19 { try await play.compare("seed \(seed), round \(round), step \(step)") }
          }
          // A restart in between; what ran is interrupted.
          try await play.restart { try await engine.open(directory, "boot 1") }
          for _ in 0..<20 { try await play.step() }
          try await play.compare("seed \(seed), round \(round), after the restart")
          try await play.drain()
          try await play.compare("seed \(seed), round \(round), drained")
        } catch {
          Issue.record("seed \(seed), round \(round): \(error)")
        }
        await play.store.close()
        random = play.random
      }
    }
  }
}

/// One job of the model.
private struct Piece {
  var id: JobID
  var spec: JobSpec
  var state: JobState
  var due: Int64?
  /// What it waits for, each with whether it must succeed.
  var open: [JobID: Bool] = [:]
  var attempt = 0
  var maxAttempts: Int
  var cancelling = false
  var cancelledBy: JobID?
}

/// A store, the model beside it, and the dice.
private struct Play {
  var store: any JobStore
  var random: SplitMix
  var pieces: [JobID: Piece] = [:]
  var queuesPaused: Set<String> = []
  var isPaused = false
  /// By which label the keys of each queue are counted.
  var labels: [String: String] = [:]
  /// When each queue's rate of one a second lets the next start.
  var nextStart: [String: Int64] = [:]
  var moment = Moment.start
  var highest = JobID(0)

  init(store: any JobStore, random: SplitMix) {
    self.store = store
    self.random = random
  }

  private mutating func roll(_ count: Int) -> Int { Int.random(in: 0..<count, using: &random) }
  private mutating func anyone() -> JobID { JobID(Int64(roll(Int(highest.rawValue) + 1)) + 1) }

  // MARK: Moves

  mutating func step() async throws {
    moment = moment + Double(roll(3000)) / 1000
    switch roll(21) {
    case 20: try await relabel()
    case 0..<6: try await enqueue()
    case 6, 7: try await claim()
    case 8, 9, 10: try await finish()
    case 11: try await promote()
    case 12: try await ask(.cancel)
    case 13: try await ask(.hold)
    case 14, 15: try await ask(.release)
    case 16, 17: try await ask(.retry(withDependents: roll(2) == 0))
    case 18: try await ask(.remove)
    default: try await pause()
    }
  }

  private mutating func enqueue() async throws {
    var specs: [JobSpec] = []
    for _ in 0...roll(3) {
      var spec = JobSpec.command(queue: ["a", "b", "c"][roll(3)])
      spec.priority = roll(3) - 1
      spec.retries = roll(3)
      spec.hold = roll(6) == 0
      for label in ["k", "m"] where roll(3) > 0 { spec.labels[label] = ["x", "y"][roll(2)] }
      spec.onInterrupt = OnInterrupt.allCases[roll(3)]
      if roll(4) == 0 {
        spec.start = roll(2) == 0 ? .delay(.seconds(Int64(roll(8)))) : .at((moment + Double(roll(8))).wall)
      }
      if roll(4) == 0 { spec.uniqueKey = "key \(roll(4))" }
      if !pieces.isEmpty {
        for _ in 0..<max(0, roll(5) - 2) { spec.after.append(pieces.keys.sorted()[roll(pieces.count)]) }
        for _ in 0..<max(0, roll(6) - 4) { spec.afterAny.append(pieces.keys.sorted()[roll(pieces.count)]) }
      }
      if roll(40) == 0 { spec.after.append(JobID(9999)) }
      specs.append(spec)
    }
    let before = pieces
    var expected: [Enqueued]? = []
    var next = highest
    for spec in specs {
      if let key = spec.uniqueKey, let owner = owner(of: key) {
        expected?.append(Enqueued(id: owner, isNew: false))
        continue
      }
      if spec.after.contains(where: { pieces[$0] == nil }) {
        expected = nil
        break
      }
      next = JobID(next.rawValue + 1)
      add(spec, next)
      expected?.append(Enqueued(id: next, isNew: true))
    }
    guard let expected else {
      pieces = before
      #expect(await refusal { _ = try await store.enqueue(specs, at: moment) }?.code == .unknownDependency(JobID(9999)))
      return
    }
    highest = next
    #expect(try await store.enqueue(specs, at: moment) == expected)
  }

  private mutating func add(_ spec: JobSpec, _ id: JobID) {
    var piece = Piece(id: id, spec: spec, state: .queued, maxAttempts: 1 + spec.retries)
    switch spec.start {
    case .now: break
    case .delay(let span): piece.due = moment.boot + span.milliseconds
    // Both clocks go at one pace here.
    case .at(let time): piece.due = time.milliseconds - Moment.start.wall.milliseconds + Moment.start.boot
    }
    var failed: JobID?
    for other in spec.after + spec.afterAny {
      let isStrict = spec.after.contains(other)
      guard let state = pieces[other]?.state else { continue }
      if !state.hasEnded { piece.open[other] = isStrict }
      if state.hasEnded, isStrict, state != .succeeded, failed == nil { failed = other }
    }
    pieces[id] = piece
    if let failed {
      end(id, .cancelled)
      pieces[id]?.cancelledBy = failed
    } else {
      wait(id, held: spec.hold)
    }
  }

  /// The label by which a queue is limited changes, comes or goes.
  private mutating func relabel() async throws {
    let queue = ["a", "b", "c"][roll(3)]
    labels[queue] = [nil, "k", "m"][roll(3)]
    try await store.countKeys(by: labels)
  }

  /// Limits of the dice's choice.
  private mutating func rooms() -> [String: QueueRoom] {
    var rooms: [String: QueueRoom] = [:]
    for queue in ["a", "b", "c"] where labels[queue] != nil || roll(2) == 0 {
      let perKey = labels[queue].map { KeyLimit(label: $0, concurrency: roll(2) + 1) }
      var room = QueueRoom(
        QueueLimits(rate: roll(3) == 0 ? Rate("1/s") : nil, perKey: perKey, priority: roll(3) == 0 ? roll(3) - 1 : nil))
      room.places = roll(3) == 0 ? roll(3) : nil
      rooms[queue] = room
    }
    return rooms
  }

  private mutating func claim() async throws {
    let limit = roll(4)
    let rooms = rooms()
    var left = rooms
    var expected: [JobID] = []
    func priority(_ piece: Piece) -> Int { rooms[piece.spec.queue]?.priority ?? 0 }
    let queued = pieces.values.filter { $0.state == .queued && !queuesPaused.contains($0.spec.queue) }.sorted {
      (priority($1), $1.spec.priority, $0.id) < (priority($0), $0.spec.priority, $1.id)
    }
    for piece in queued where expected.count < limit && !isPaused {
      let queue = piece.spec.queue
      if let room = left[queue] {
        if room.places == 0 { continue }
        if let perKey = room.perKey, let key = piece.spec.labels[perKey.label] {
          let running = pieces.values.count {
            $0.state == .running && $0.spec.queue == queue && $0.spec.labels[perKey.label] == key
          }
          if running >= perKey.concurrency { continue }
        }
        if room.rate != nil {
          if let next = nextStart[queue], next > moment.boot { continue }
          nextStart[queue] = moment.boot + 1000
        }
        left[queue]?.take()
      }
      expected.append(piece.id)
      pieces[piece.id]?.state = .running
      pieces[piece.id]?.attempt += 1
    }
    let report = try await store.claim(ClaimRequest(limit: limit, rooms: rooms), at: moment)
    #expect(report.attempts.map(\.id) == expected)
    for attempt in report.attempts { #expect(attempt.attempt == pieces[attempt.id]?.attempt) }
    // Whether one is told depends on how far the claim looked; that one that is told is true does not.
    if let told = report.nextStart { #expect(nextStart.values.contains(told) && told > moment.boot) }
  }

  private mutating func finish() async throws {
    let running = pieces.values.filter { $0.state == .running }.sorted { $0.id < $1.id }
    guard !running.isEmpty else { return }
    let piece = running[roll(running.count)]
    if roll(10) == 0 {
      let error = await refusal {
        _ = try await store.finish(piece.id, attempt: piece.attempt - 1, .exit(0), random: 0, at: moment)
      }
      #expect(error?.code == .staleAttempt(piece.id, piece.attempt - 1))
    }
    let ending = [AttemptEnding.exit(0), .exit(0), .exit(1), AttemptEnding(.interrupted), AttemptEnding(.cancelled)][
      roll(5)]
    let expected = conclude(piece.id, ending)
    #expect(try await store.finish(piece.id, attempt: piece.attempt, ending, random: 0, at: moment) == expected)
  }

  private mutating func conclude(_ id: JobID, _ ending: AttemptEnding) -> JobState {
    guard let piece = pieces[id] else { return .cancelled }
    pieces[id]?.cancelling = false
    if ending.outcome == .interrupted { pieces[id]?.maxAttempts += 1 }
    if piece.cancelling || ending.outcome == .cancelled {
      end(id, .cancelled)
    } else if ending.outcome == .succeeded {
      end(id, .succeeded)
    } else if ending.outcome == .interrupted {
      switch piece.spec.onInterrupt {
      case .retry: pieces[id]?.state = .queued
      case .fail: end(id, .failed)
      case .hold: pieces[id]?.state = .held
      }
    } else if piece.attempt < piece.maxAttempts {
      pieces[id]?.due = moment.boot + 5000
      wait(id, held: false)
    } else {
      end(id, .failed)
    }
    return pieces[id]?.state ?? .cancelled
  }

  private mutating func promote() async throws {
    let due = pieces.values.filter { $0.state == .scheduled && $0.due.map { $0 <= moment.boot } ?? true }
    for piece in due { wait(piece.id, held: false) }
    #expect(try await store.promoteDue(at: moment, limit: 1000).promoted == due.count)
  }

  private mutating func pause() async throws {
    let queue = ["a", "b", "c"][roll(3)]
    if roll(3) == 0 {
      isPaused.toggle()
      try await store.setPaused(isPaused)
    } else {
      let paused = roll(3) == 0
      if paused { queuesPaused.insert(queue) } else { queuesPaused.remove(queue) }
      #expect(try await store.update(queue: queue, QueuePatch(paused: paused)).paused == paused)
    }
  }

  private enum Question {
    case cancel, hold, release
    case retry(withDependents: Bool)
    case remove
  }

  private mutating func ask(_ question: Question) async throws {
    let id = anyone()
    let before = pieces
    let expected = answer(question, id)
    if expected != nil { pieces = before }
    do {
      switch question {
      case .cancel: #expect(try await store.cancel(id, at: moment).state == pieces[id]?.state)
      case .hold: #expect(try await store.hold(id, at: moment).state == .held)
      case .release: #expect(try await store.release(id, at: moment).state == pieces[id]?.state)
      case .retry(let all): #expect(try await store.retry(id, withDependents: all, at: moment).state == .queued)
      case .remove: try await store.remove(id, at: moment)
      }
      #expect(expected == nil, "\(question) \(id)")
    } catch {
      #expect(error.code == expected, "\(question) \(id)")
    }
  }

  /// Does it in the model; gives the refusal that must come.
  private mutating func answer(_ question: Question, _ id: JobID) -> StoreError.Code? {
    guard let piece = pieces[id] else { return .noSuchJob(id) }
    let wrong = StoreError.Code.wrongState(id, piece.state)
    switch question {
    case .cancel:
      if piece.state.hasEnded { return wrong }
      if piece.state == .running { pieces[id]?.cancelling = true } else { end(id, .cancelled) }
    case .hold:
      if !piece.state.isWaiting { return wrong }
      wait(id, held: true)
    case .release:
      if piece.state != .held { return wrong }
      wait(id, held: false)
    case .remove:
      if piece.state == .running { return wrong }
      let live = pieces.values.filter { !$0.state.hasEnded && ($0.spec.after + $0.spec.afterAny).contains(id) }
      if let dependent = live.map(\.id).min() { return .hasDependents(id, on: dependent) }
      pieces[id] = nil
    case .retry(let withDependents):
      if !piece.state.hasEnded { return wrong }
      if let key = piece.spec.uniqueKey, let owner = owner(of: key) { return .uniqueKeyTaken(id, by: owner) }
      comeBack(id)
      pieces[id]?.due = nil
      pieces[id]?.state = .queued
      if withDependents { return revive(id) }
    }
    return nil
  }

  private mutating func revive(_ root: JobID) -> StoreError.Code? {
    var revived = [root]
    var next = 0
    while next < revived.count {
      let cause = revived[next]
      next += 1
      for id in pieces.keys.sorted() where pieces[id]?.cancelledBy == cause {
        guard let spec = pieces[id]?.spec else { continue }
        let isHopeless = spec.after.contains { other in
          pieces[other].map { $0.state.hasEnded && $0.state != .succeeded } ?? false
        }
        if isHopeless { continue }
        if let key = spec.uniqueKey, let owner = owner(of: key) { return .uniqueKeyTaken(id, by: owner) }
        comeBack(id)
        for other in spec.after + spec.afterAny where pieces[other].map({ !$0.state.hasEnded }) ?? false {
          pieces[id]?.open[other] = spec.after.contains(other)
        }
        wait(id, held: false)
        revived.append(id)
      }
    }
    return nil
  }

  private mutating func comeBack(_ id: JobID) {
    guard let piece = pieces[id] else { return }
    pieces[id]?.maxAttempts = piece.attempt + 1 + piece.spec.retries
    pieces[id]?.cancelledBy = nil
    pieces[id]?.open = [:]
  }

  // MARK: The model's own rules

  private func owner(of key: String) -> JobID? {
    pieces.values.first { $0.spec.uniqueKey == key && !$0.state.hasEnded }?.id
  }

  private mutating func wait(_ id: JobID, held: Bool) {
    guard let piece = pieces[id] else { return }
    let isDue = piece.due.map { $0 <= moment.boot } ?? true
    if isDue { pieces[id]?.due = nil }
    pieces[id]?.state = held ? .held : !piece.open.isEmpty ? .blocked : isDue ? .queued : .scheduled
  }

  private mutating func end(_ id: JobID, _ state: JobState) {
    var ends = [id]
    pieces[id]?.state = state
    pieces[id]?.open = [:]
    var next = 0
    while next < ends.count {
      let ended = ends[next]
      next += 1
      for other in pieces.keys.sorted() {
        guard let isStrict = pieces[other]?.open[ended] else { continue }
        if isStrict, pieces[ended]?.state != .succeeded {
          pieces[other]?.cancelledBy = ended
          pieces[other]?.state = .cancelled
          pieces[other]?.open = [:]
          ends.append(other)
        } else {
          pieces[other]?.open[ended] = nil
          wait(other, held: pieces[other]?.state == .held)
        }
      }
    }
  }

  // MARK: Against the store

  mutating func restart(_ open: () async throws -> any JobStore) async throws {
    await store.close()
    store = try await open()
    let running = pieces.values.filter { $0.state == .running }.map(\.id).sorted()
    let leftovers = try await store.leftovers()
    #expect(leftovers.map(\.id) == running)
    for id in running { _ = conclude(id, AttemptEnding(.interrupted)) }
    try await store.interrupt(leftovers, at: moment)
  }

  /// Lets everything go: every job that can end does, unattended.
  mutating func drain() async throws {
    isPaused = false
    try await store.setPaused(false)
    for queue in queuesPaused { _ = try await store.update(queue: queue, QueuePatch(paused: false)) }
    queuesPaused = []
    for id in pieces.keys.sorted() where pieces[id]?.state == .held {
      _ = answer(.release, id)
      _ = try await store.release(id, at: moment)
    }
    for _ in 0..<200 where pieces.values.contains(where: { !$0.state.hasEnded }) {
      moment = moment + 10
      try await promote()
      try await claim()
      for id in pieces.values.filter({ $0.state == .running }).map(\.id).sorted() {
        let attempt = pieces[id]?.attempt ?? 0
        let expected = conclude(id, .exit(0))
        #expect(try await store.finish(id, attempt: attempt, .exit(0), random: 0, at: moment) == expected)
      }
    }
    #expect(pieces.values.allSatisfy { $0.state.hasEnded })
  }

  func compare(_ place: String) async throws {
    var filter = JobFilter()
    filter.limit = 1000
    let jobs = try await store.jobs(filter).jobs
    #expect(jobs.map(\.id) == pieces.keys.sorted(by: >), "\(place)")
    for job in jobs {
      guard let piece = pieces[job.id] else { continue }
      #expect(job.state == piece.state, "job \(job.id) at \(place)")
      #expect(job.attempt == piece.attempt && job.maxAttempts == piece.maxAttempts, "job \(job.id) at \(place)")
      #expect(job.cancelling == piece.cancelling && job.attempts.count == piece.attempt, "job \(job.id) at \(place)")
      #expect((job.finishedAt != nil) == job.state.hasEnded, "job \(job.id) at \(place)")
    }
    for queue in try await store.overview().queues {
      for state in JobState.allCases {
        let count = pieces.values.count { $0.spec.queue == queue.name && $0.state == state }
        #expect(queue.counts[state] == count, "\(state) in \(queue.name) at \(place)")
      }
      #expect(queue.paused == queuesPaused.contains(queue.name), "\(place)")
    }
  }
}
