import JobModel
import SeededRandom
import Testing

@testable import JobStore
@testable import Supervisor

@Suite("The scheduling core, by value")
struct SchedulerCoreTests {
  @Test("it asks for as many attempts as slots are free, once; where none is, for those slots alone that end")
  func asksOnce() {
    var core = SchedulerCore(workers: 3)
    #expect(core.handle(.loosened).claims == [.waiting(3)])
    #expect(core.handle(.changed([.queued(1)])).isEmpty)
    #expect(core.handle(.claimed(attempts: [.of(1)])) == [.start(.of(1)), .claim(.waiting(2))])
    #expect(
      core.handle(.claimed(attempts: [.of(2), .of(3)])) == [.start(.of(2)), .start(.of(3)), .claim(.waiting(0))])
    #expect(core.handle(.ended(JobID(2), attempt: 1)) == [.takeBackClaim])
    #expect(core.handle(.claimed(attempts: [])) == [.claim(.waiting(1))])
    #expect(core.handle(.ended(JobID(3), attempt: 1)).isEmpty, "what comes is taken, if only one of it at first")
  }

  @Test("a slot that the store gives on is not free, whichever is heard of first", arguments: [false, true])
  func slots(_ isClaimFirst: Bool) {
    var core = SchedulerCore(workers: 1)
    _ = core.handle(.loosened)
    #expect(core.handle(.claimed(attempts: [.of(1)])) == [.start(.of(1)), .claim(.waiting(0))])
    // The last is the same job again.
    for (ended, next) in [((1, 1), (2, 1)), ((2, 1), (3, 1)), ((3, 1), (3, 2))] as [((Int64, Int), (Int64, Int))] {
      let slot = FreedSlot(JobID(ended.0), attempt: ended.1)
      slot.take()
      var attempt = ClaimedAttempt.of(next.0, attempt: next.1)
      attempt.slot = slot
      let claimed = [SchedulerCore.Action.start(attempt), .claim(.waiting(0))]
      if isClaimFirst {
        #expect(core.handle(.claimed(attempts: [attempt])) == claimed)
        #expect(core.busy == 1)
        #expect(core.handle(.ended(slot.id, attempt: slot.attempt, slot: slot)).isEmpty)
      } else {
        #expect(core.handle(.ended(slot.id, attempt: slot.attempt, slot: slot)).isEmpty)
        #expect(core.busy == 1)
        #expect(core.handle(.claimed(attempts: [attempt])) == claimed)
      }
      #expect(core.busy == 1 && core.running[attempt.id]?.attempt == attempt.attempt)
    }
    let last = FreedSlot(JobID(3), attempt: 2)
    #expect(core.handle(.ended(JobID(3), attempt: 2, slot: last)) == [.takeBackClaim])
    #expect(core.handle(.claimed(attempts: [])) == [.claim(.waiting(1))])
    #expect(core.busy == 0)
  }

  @Test("a cancel of the attempt that follows is not one of the attempt before", arguments: [false, true])
  func cancelsTheNext(_ isEndFirst: Bool) {
    var core = SchedulerCore(workers: 1)
    _ = core.handle(.loosened)
    _ = core.handle(.claimed(attempts: [.of(1)]))
    let slot = FreedSlot(JobID(1), attempt: 1)
    slot.take()
    var next = ClaimedAttempt.of(1, attempt: 2)
    next.slot = slot
    if isEndFirst { _ = core.handle(.ended(JobID(1), attempt: 1, slot: slot)) }
    #expect(core.handle(.changed([.cancelling(1, attempt: 2)])).isEmpty)
    #expect(
      core.handle(.claimed(attempts: [next])) == [
        .start(next), .cancel(JobID(1), attempt: 2), .claim(.waiting(0)),
      ])
  }

  @Test("what has ended in the store holds nothing up")
  func occupants() {
    var core = SchedulerCore(workers: 1)
    _ = core.handle(.loosened)
    _ = core.handle(.claimed(attempts: [.of(1)]))
    let slot = FreedSlot(JobID(1), attempt: 1)
    slot.take()
    var next = ClaimedAttempt.of(2)
    next.slot = slot
    _ = core.handle(.claimed(attempts: [next]))
    #expect(core.running.count == 2 && core.occupants.map(\.key) == [JobID(2)])
  }

  @Test("a stop waits for what has got a slot and is still on its way")
  func stopAwaits() {
    var core = SchedulerCore(workers: 1)
    _ = core.handle(.loosened)
    _ = core.handle(.claimed(attempts: [.of(1)]))
    let slot = FreedSlot(JobID(1), attempt: 1)
    slot.take()
    var next = ClaimedAttempt.of(2)
    next.slot = slot
    #expect(core.handle(.stop) == [.takeBackClaim])
    #expect(core.handle(.ended(JobID(1), attempt: 1, slot: slot)).isEmpty)
    #expect(core.handle(.claimed(attempts: [next])) == [.start(next)])
    #expect(core.handle(.ended(JobID(2), attempt: 1, slot: FreedSlot(JobID(2), attempt: 1))) == [.idle])
  }

  @Test("where a queue has limits a claim does not wait: it is asked when there is something")
  func asksAgain() {
    let limits = ["mail": QueueLimits(concurrency: 5)]
    var core = SchedulerCore(workers: 3, queueLimits: limits)
    let request = ClaimRequest(limit: 3, rooms: ["mail": .places(5)])
    #expect(core.handle(.loosened).claims == [request])
    #expect(core.handle(.claimed(attempts: [])).isEmpty)
    #expect(core.handle(.changed([.queued(2)])).claims == [request])
  }

  @Test("a claim that waits is taken back, once, by what changes what may be claimed, and asked anew with its answer")
  func takesBack() {
    let limits = ["mail": QueueLimits(concurrency: 5)]
    var core = SchedulerCore(workers: 3)
    #expect(core.handle(.changed([.queued(1)])).claims == [.waiting(3)])
    #expect(core.handle(.loosened).contains(.takeBackClaim))
    #expect(!core.handle(.loosened).contains(.takeBackClaim))
    #expect(core.handle(.limits(workers: 2, queues: limits)).isEmpty)
    #expect(core.handle(.claimed(attempts: [])) == [.claim(ClaimRequest(limit: 2, rooms: ["mail": .places(5)]))])
    #expect(core.handle(.limits(workers: 2, queues: [:])).isEmpty, "one that does not wait is answered by itself")
    #expect(core.handle(.claimed(attempts: [])) == [.claim(.waiting(2))])
    #expect(core.handle(.limits(workers: 1, queues: [:])) == [.takeBackClaim])
    #expect(core.handle(.claimed(attempts: [.of(1)])).first == .start(.of(1)), "it had taken it before")
  }

  @Test("a claim that waits is taken back by a drain, a stop and a pause of all, and holds them up until its answer")
  func takesBackToRest() {
    for (event, isOver) in [(SchedulerCore.Event.drain, true), (.stop, true), (.pauseAnswered(true), false)] {
      var core = SchedulerCore(workers: 3)
      _ = core.handle(.loosened)
      _ = core.handle(.pauseAsked)
      #expect(core.handle(event) == [.takeBackClaim], "\(event)")
      #expect(core.handle(.claimed(attempts: [])) == (isOver ? [.idle] : []))
      #expect(core.handle(.changed([.queued(2)])).claims.isEmpty)
    }
  }

  @Test("a cancel of an earlier attempt is not one of what a claim takes later")
  func oldCancel() {
    var core = SchedulerCore(workers: 2)
    _ = core.handle(.loosened)
    _ = core.handle(.changed([.cancelling(1)]))
    // The answer comes before the word of the commit that queued it again.
    #expect(core.handle(.claimed(attempts: [.of(1, attempt: 2)])) == [.start(.of(1, attempt: 2)), .claim(.waiting(1))])
  }

  @Test("beside limits it asks nothing while every slot is taken, and again when one is free")
  func fullPool() {
    var core = SchedulerCore(workers: 1, queueLimits: ["mail": QueueLimits(concurrency: 5)])
    _ = core.handle(.loosened)
    #expect(core.handle(.claimed(attempts: [.of(1)])) == [.start(.of(1))])
    #expect(core.handle(.changed([.queued(2)])).isEmpty)
    #expect(
      core.handle(.ended(JobID(1), attempt: 1)).claims == [ClaimRequest(limit: 1, rooms: ["mail": .places(5)])])
  }

  @Test("nothing is claimed before what an earlier daemon left has gone, whatever is asked meanwhile")
  func recovery() {
    var core = SchedulerCore(workers: 2, isRecovering: true)
    for event: SchedulerCore.Event in [
      .changed([.queued(1)]), .limits(workers: 3, queues: ["q": QueueLimits(concurrency: 1)]), .loosened, .resume,
      .alarm,
      .claimed(attempts: []),
    ] {
      #expect(core.handle(event).claims.isEmpty, "\(event)")
    }
    #expect(core.handle(.recovered).claims == [ClaimRequest(limit: 3, rooms: ["q": .places(1)])])
  }

  @Test("a late ending does not remove its successor")
  func lateEnding() {
    var core = SchedulerCore(workers: 1)
    _ = core.handle(.loosened)
    _ = core.handle(.claimed(attempts: [.of(1, attempt: 2)]))
    #expect(core.handle(.ended(JobID(1), attempt: 1)).isEmpty)
    #expect(core.running[JobID(1)]?.attempt == 2)
  }

  @Test("a limited queue's room is what its limit leaves beside what runs")
  func room() {
    var core = SchedulerCore(workers: 4, queueLimits: ["mail": QueueLimits(concurrency: 2)])
    _ = core.handle(.loosened)
    _ = core.handle(.claimed(attempts: [.of(1, queue: "mail")]))
    #expect(core.handle(.changed([.queued(2)])).claims == [ClaimRequest(limit: 3, rooms: ["mail": .places(1)])])
    _ = core.handle(.claimed(attempts: [.of(2, queue: "mail")]))
    _ = core.handle(.changed([.queued(3)]))
    _ = core.handle(.claimed(attempts: []))
    #expect(core.handle(.ended(JobID(1), attempt: 1)).claims == [ClaimRequest(limit: 3, rooms: ["mail": .places(1)])])
  }

  @Test("a cancel of a running job ends its worker; one that comes while the claim is under way does too")
  func cancel() {
    var core = SchedulerCore(workers: 2)
    _ = core.handle(.loosened)
    #expect(core.handle(.changed([.cancelling(1)])).isEmpty)
    let actions = core.handle(.claimed(attempts: [.of(1)]))
    #expect(actions.contains(.cancel(JobID(1), attempt: 1)))
    #expect(actions.firstIndex(of: .start(.of(1)))! < actions.firstIndex(of: .cancel(JobID(1), attempt: 1))!)
    _ = core.handle(.changed([.queued(2)]))
    _ = core.handle(.claimed(attempts: [.of(2)]))
    #expect(core.handle(.changed([.cancelling(2)])) == [.cancel(JobID(2), attempt: 1)])
  }

  @Test("a drain claims nothing, tells when nothing runs, and a resume goes on")
  func drain() {
    var core = SchedulerCore(workers: 2)
    _ = core.handle(.loosened)
    _ = core.handle(.claimed(attempts: [.of(1)]))
    #expect(core.handle(.drain) == [.takeBackClaim])
    #expect(core.handle(.claimed(attempts: [])).isEmpty)
    #expect(core.handle(.changed([.queued(2)])).isEmpty)
    #expect(core.handle(.ended(JobID(1), attempt: 1)) == [.idle])
    #expect(core.handle(.resume).claims == [.waiting(2)])
  }

  @Test("after a claim that failed nothing is asked until something loosens")
  func failedClaim() {
    var core = SchedulerCore(workers: 2)
    _ = core.handle(.loosened)
    #expect(core.handle(.claimFailed).isEmpty)
    #expect(core.handle(.alarm).claims.isEmpty)
    #expect(core.handle(.loosened).claims == [.waiting(2)])
  }

  @Test("an end in a queue that limits keys asks again: a key may have room now")
  func keys() {
    let limits = ["mail": QueueLimits(perKey: KeyLimit(label: "customer", concurrency: 1))]
    var core = SchedulerCore(workers: 3, queueLimits: limits)
    _ = core.handle(.loosened)
    _ = core.handle(.claimed(attempts: [.of(1, queue: "mail", labels: ["customer": "x"])]))
    let room = QueueRoom(limits["mail"]!)
    #expect(core.handle(.changed([.queued(2)])).claims == [ClaimRequest(limit: 2, rooms: ["mail": room])])
    _ = core.handle(.claimed(attempts: []))
    #expect(core.handle(.ended(JobID(1), attempt: 1)).claims == [ClaimRequest(limit: 3, rooms: ["mail": room])])
  }

  @Test("what a rate holds back is waited for with an alarm, beside what else is due, and asked for when it goes off")
  func rates() {
    var core = SchedulerCore(workers: 2, queueLimits: ["mail": QueueLimits(rate: Rate("30/m"))])
    _ = core.handle(.loosened)
    _ = core.handle(.promoted(DueReport(promoted: 0, nextWall: nil, nextBoot: 9000)))
    let report = ClaimReport(attempts: [.of(1, queue: "mail")], nextStart: 4000)
    #expect(core.handle(.claimed(report)) == [.start(.of(1, queue: "mail")), .arm(wall: nil, boot: 4000)])
    let actions = core.handle(.alarm)
    #expect(actions.contains(.promote) && actions.claims.count == 1)
    #expect(core.handle(.claimed(ClaimReport(nextStart: 6000))) == [.arm(wall: nil, boot: 6000)])
    _ = core.handle(.alarm)
    #expect(core.handle(.claimed(attempts: [])).isEmpty, "nothing is held back any more, and nothing armed for it")
  }

  @Test("what loosens while a claim is under way is asked for after it", arguments: [0, 1, 2, 3])
  func loosenedDuringClaim(which: Int) {
    var core = SchedulerCore(workers: 2, queueLimits: ["mail": QueueLimits(concurrency: 1)])
    _ = core.handle(.loosened)
    let events: [SchedulerCore.Event] = [
      .loosened, .resume, .limits(workers: 2, queues: [:]),
      .promoted(DueReport(promoted: 0, resumed: true, nextWall: nil, nextBoot: nil)),
    ]
    #expect(core.handle(events[which]).claims.isEmpty)
    #expect(core.handle(.claimed(attempts: [])).claims.count == 1)
  }

  @Test("one promotion is under way at a time, and what comes meanwhile is asked after it")
  func promotion() {
    var core = SchedulerCore(workers: 1)
    #expect(core.handle(.changed([.scheduled(1)])).contains(.promote))
    #expect(!core.handle(.changed([.scheduled(2)])).contains(.promote))
    let report = DueReport(promoted: 0, nextWall: nil, nextBoot: 5000)
    #expect(core.handle(.promoted(report)).prefix(2) == [.arm(wall: nil, boot: 5000), .promote])
    #expect(core.handle(.promoted(report)) == [.arm(wall: nil, boot: 5000)])
    #expect(core.handle(.alarm).contains(.promote))
  }
}

/// The core against a store that is a few sets in memory, in random orders: whatever happens in whatever order,
/// no limit is
/// passed, nothing runs twice, and once things have calmed down nothing that may run is left waiting.
@Suite("The scheduling core, in thousands of random orders")
struct SchedulerCoreRandomTests {
  @Test("limits hold, nothing is doubled and nothing is forgotten", arguments: 0..<40)
  func orders(block: Int) {
    for offset in 0..<50 {
      let seed = UInt64(block * 50 + offset + 1)
      var world = World(seed: seed)
      for _ in 0..<120 { world.step() }
      world.calm()
      #expect(world.faults.isEmpty, "seed \(seed): \(world.faults)")
    }
  }

  private struct Waiting {
    var queue: String
    var key: String?
    var labels: [String: String] { key.map { ["customer": $0] } ?? [:] }
  }

  private struct World {
    var random: SplitMix
    var core: SchedulerCore
    var workers: Int
    var limits: [String: QueueLimits] = [:]
    var queued: [JobID: Waiting] = [:]
    var attempts: [JobID: Int] = [:]
    var running: [JobID: (attempt: Int, job: Waiting)] = [:]
    /// Of those that the store has ended, and whose workers have not said so yet.
    var endings: [FreedSlot] = []
    /// Attempts that a person has cancelled, and whose workers are to hear of it.
    var cancelled: Set<SchedulerCore.Attempt> = []
    var asked: ClaimRequest?
    /// What was in force when a claim was asked for: it may be obeyed, whatever was set meanwhile.
    var limitsWhenAsked: [String: QueueLimits] = [:]
    var workersWhenAsked = 0
    /// A claim that the store has made, and whose answer is still on its way.
    var answer: ClaimReport?
    /// What waits in the store is to be answered, whatever there is.
    var isTakenBack = false
    /// Queues in which something came while a claim waited.
    var news: Set<String> = []
    var isWaiting = false
    var clock: Int64 = 1000
    var alarm: Int64?
    var starts = StartTimesOfQueues()
    var draining = false
    /// Queues that are paused: the store knows.
    var paused: Set<String> = []
    var next: Int64 = 1
    var faults: [String] = []

    init(seed: UInt64) {
      random = SplitMix(seed: seed)
      workers = Int.random(in: 1...4, using: &random)
      core = SchedulerCore(workers: workers)
      setLimits()
    }

    mutating func roll(_ count: Int) -> Int { Int.random(in: 0..<count, using: &random) }

    mutating func setLimits() {
      limits = [:]
      for queue in ["a", "b"] where roll(3) > 0 {
        limits[queue] = QueueLimits(
          concurrency: roll(2) == 0 ? roll(3) + 1 : nil,
          rate: roll(3) == 0 ? Rate(["5/s", "3/s", "100/s"][roll(3)]) : nil,
          perKey: roll(2) == 0 ? KeyLimit(label: "customer", concurrency: roll(2) + 1) : nil,
          priority: roll(2) == 0 ? roll(3) : nil)
      }
      feed(.limits(workers: workers, queues: limits))
    }

    mutating func feed(_ event: SchedulerCore.Event) {
      let concern = core.concern
      let busyBefore = core.busy
      let actions = core.handle(event)
      // What the core's concern does not cover may wait for the next event: so it must lead to nothing.
      if case .changed(let changes) = event, !changes.contains(where: concern.covers), !actions.isEmpty {
        faults.append("\(changes) wakes nobody, and leads to \(actions)")
      }
      for action in actions {
        switch action {
        case .claim(let request):
          if asked != nil || answer != nil { faults.append("two claims at once") }
          if draining { faults.append("a claim in a drain") }
          if request.waits, !limits.isEmpty { faults.append("a claim waits beside limits") }
          asked = request
          (isTakenBack, isWaiting) = (false, false)
          (limitsWhenAsked, workersWhenAsked) = (limits, workers)
        case .takeBackClaim:
          if asked?.waits != true, answer == nil { faults.append("nothing to take back") }
          isTakenBack = true
        case .start(let attempt): start(attempt)
        case .arm(_, let boot): alarm = boot
        case .promote: feed(.promoted(DueReport(promoted: 0, nextWall: nil, nextBoot: nil)))
        case .cancel(let id, let attempt): cancelled.remove(.init(id: id, number: attempt))
        case .expire, .look, .turnAway, .idle: break
        }
      }
      if core.busy > max(workers, workersWhenAsked, busyBefore) || core.busy < running.count {
        faults.append("\(core.busy) busy, \(running.count) run")
      }
    }

    mutating func start(_ attempt: ClaimedAttempt) {
      if running[attempt.id] != nil { faults.append("\(attempt.id) runs twice") }
      let job = Waiting(queue: attempt.spec.queue, key: attempt.spec.labels["customer"])
      running[attempt.id] = (attempt.attempt, job)
      // After workers were taken away no more may start than end.
      if running.count > max(workers, workersWhenAsked) { faults.append("more than \(workers) run") }
      guard let limits = limitsWhenAsked[job.queue] else { return }
      let beside = running.values.filter { $0.job.queue == job.queue }
      if let most = limits.concurrency, beside.count > most { faults.append("more than \(most) of \(job.queue) run") }
      if let most = limits.perKey?.concurrency, let key = job.key, beside.count(where: { $0.job.key == key }) > most {
        faults.append("more than \(most) of \(key) run")
      }
    }

    /// What the store does with the claim that it was asked for. One that waits sees only what comes.
    /// - Parameter slots: of those that end in the same commit.
    mutating func choose(freeing slots: [FreedSlot] = []) {
      guard let request = asked else { return }
      guard !isTakenBack else {
        (asked, answer) = (nil, ClaimReport())
        return
      }
      let report = take(request, freeing: slots)
      guard report != ClaimReport() || !request.waits else {
        (isWaiting, news) = (true, [])
        return
      }
      (asked, answer) = (nil, report)
    }

    private mutating func take(_ request: ClaimRequest, freeing slots: [FreedSlot]) -> ClaimReport {
      let limit = request.limit + slots.count
      var rooms = request.rooms
      var report = ClaimReport()
      let order = queued.sorted { left, right in
        let (first, second) = (rooms[left.value.queue]?.priority ?? 0, rooms[right.value.queue]?.priority ?? 0)
        return first != second ? first > second : left.key < right.key
      }
      for (id, job) in order where report.attempts.count < limit && !paused.contains(job.queue) {
        if isWaiting, slots.isEmpty, !news.contains(job.queue) { continue }
        if let room = rooms[job.queue] {
          if room.places == 0 { continue }
          if let key = job.key, let perKey = room.perKey {
            let taken = report.attempts.count { $0.spec.queue == job.queue && $0.spec.labels[perKey.label] == key }
            let running = running.values.count { $0.job.queue == job.queue && $0.job.key == key }
            if taken + running >= perKey.concurrency { continue }
          }
          if let rate = room.rate, let wait = starts.wait(job.queue, rate, clock) {
            report.nextStart = min(report.nextStart ?? .max, clock + wait)
            continue
          }
          if let rate = room.rate, let fault = starts.start(job.queue, rate, clock) { faults.append(fault) }
          rooms[job.queue]?.take()
        }
        attempts[id, default: 0] += 1
        report.attempts.append(.of(id.rawValue, attempt: attempts[id]!, queue: job.queue, labels: job.labels))
        queued[id] = nil
      }
      for (index, slot) in zip(report.attempts.indices, slots) {
        slot.take()
        report.attempts[index].slot = slot
      }
      return report
    }

    /// A job is queued, and a claim that waits takes it with that.
    mutating func queue(_ id: JobID, _ job: Waiting) {
      queued[id] = job
      if isWaiting, asked != nil {
        news.insert(job.queue)
        choose()
      }
      feed(.changed([.queued(id.rawValue, queue: job.queue)]))
    }

    mutating func step() {
      switch roll(19) {
      case 0...3:
        let id = JobID(next)
        next += 1
        let job = Waiting(queue: ["a", "b"][roll(2)], key: roll(3) == 0 ? nil : ["x", "y"][roll(2)])
        queue(id, job)
      case 4:
        choose()
        // Of jobs that are not this daemon's concern, or not in a way that it acts on.
        let id = Int64(1000 + roll(9))
        let ended = JobChange(
          id: JobID(id), queue: "c", from: .running, to: .succeeded, attempt: 1, at: Timestamp(milliseconds: 0))
        feed(.changed([[ended, .scheduled(id), .cancelling(id), .queued(id, queue: "c")][roll(4)]]))
      case 5:
        if let report = answer {
          answer = nil
          feed(.claimed(report))
        }
      case 6, 7:
        let ended = running.sorted { $0.key < $1.key }.prefix(roll(2) + 1)
        end(ended.map(\.key), again: roll(4) == 0 ? ended.map(\.value.job) : [])
      case 8: pass(Int64(roll(300)))
      case 9: if roll(4) == 0 { setLimits() }
      case 10:
        draining = true
        feed(.drain)
      case 11: paused.insert("b")
      case 12: if paused.remove("b") != nil { feed(.loosened) }
      case 13, 14: tellEnd()
      case 15: cancel()
      case 16: if roll(3) == 0 { fail() }
      case 17:
        guard roll(4) == 0 else { return }
        workers = roll(4) + 1
        feed(.limits(workers: workers, queues: limits))
      default:
        draining = false
        feed(.resume)
      }
    }

    /// In one commit, which a claim that waits is part of; their workers say so later.
    /// - Parameter jobs: what they are, where they are queued again by that.
    mutating func end(_ ids: [JobID], again jobs: [Waiting] = []) {
      let slots = ids.compactMap { id in running.removeValue(forKey: id).map { FreedSlot(id, attempt: $0.attempt) } }
      for slot in slots { cancelled.remove(.init(id: slot.id, number: slot.attempt)) }
      for (id, job) in zip(ids, jobs) {
        queued[id] = job
        if isWaiting { news.insert(job.queue) }
      }
      if isWaiting, asked != nil { choose(freeing: slots) }
      endings += slots
      if !jobs.isEmpty { feed(.changed(zip(ids, jobs).map { .queued($0.rawValue, queue: $1.queue) })) }
    }

    /// Of what the store has running, whether the core has heard of it or not. Its word may come before that of the claim.
    mutating func cancel() {
      let claimed = (answer?.attempts ?? []).map { SchedulerCore.Attempt(id: $0.id, number: $0.attempt) }
      let known = running.map { SchedulerCore.Attempt(id: $0.key, number: $0.value.attempt) }
      let all = (claimed + known).sorted { $0.id < $1.id }
      guard !all.isEmpty else { return }
      let attempt = all[roll(all.count)]
      cancelled.insert(attempt)
      feed(.changed([.cancelling(attempt.id.rawValue, attempt: attempt.number)]))
    }

    /// The store cannot answer; a while later it can again.
    mutating func fail() {
      guard asked != nil else { return }
      (asked, isWaiting, isTakenBack) = (nil, false, false)
      feed(.claimFailed)
      if roll(2) == 0 { feed(.loosened) }
    }

    mutating func tellEnd() {
      guard !endings.isEmpty else { return }
      let slot = endings.remove(at: roll(endings.count))
      feed(.ended(slot.id, attempt: slot.attempt, slot: slot))
    }

    mutating func pass(_ milliseconds: Int64) {
      clock += milliseconds
      if let due = alarm, due <= clock {
        alarm = nil
        feed(.alarm)
      }
    }

    /// Lets everything that is under way come to its end, in any order: the answer to a claim is often on its way
    /// while that ends for which the claim had found no room.
    mutating func calm() {
      draining = false
      feed(.resume)
      paused = []
      feed(.loosened)
      while true {
        let mayEnd = (asked == nil || isWaiting) && answer == nil || Bool.random(using: &random)
        if !endings.isEmpty, Bool.random(using: &random) {
          tellEnd()
        } else if mayEnd, let id = running.keys.sorted().randomElement(using: &random) {
          end([id])
        } else if asked != nil, !isWaiting || isTakenBack {
          choose()
        } else if let report = answer {
          answer = nil
          feed(.claimed(report))
        } else if let alarm {
          pass(max(0, alarm - clock))
        } else if endings.isEmpty {
          break
        }
      }
      if !cancelled.isEmpty { faults.append("\(cancelled) were not cancelled") }
      if core.busy != 0 { faults.append("\(core.busy) are busy with nothing") }
      if !queued.isEmpty { faults.append("\(queued.count) jobs were forgotten") }
    }
  }

  /// The starts of queues with a rate, kept as the store does, and looked at by another rule: never are two closer
  /// than the rate allows, but for the millisecond that the clock does not tell.
  private struct StartTimesOfQueues {
    var due: [String: Int64] = [:]
    var last: [String: (clock: Int64, rate: Rate)] = [:]

    /// Nil: now.
    func wait(_ queue: String, _ rate: Rate, _ clock: Int64) -> Int64? {
      let wait = Pace(rate, next: due[queue], now: clock * 1_000_000).wait
      return wait > .zero ? wait.milliseconds : nil
    }

    mutating func start(_ queue: String, _ rate: Rate, _ clock: Int64) -> String? {
      var pace = Pace(rate, next: due[queue], now: clock * 1_000_000)
      pace.start()
      due[queue] = clock * 1_000_000 + pace.remaining
      defer { last[queue] = (clock, rate) }
      // A claim that was asked for under another rate says nothing of this one.
      guard let last = last[queue], last.rate == rate else { return nil }
      let least = Double(rate.period.milliseconds) / Double(rate.count) - 1
      let gap = clock - last.clock
      return Double(gap) >= least ? nil : "\(queue) started \(gap) ms after, at \(rate)"
    }
  }
}

extension SchedulerCore.Event {
  static func claimed(attempts: [ClaimedAttempt]) -> Self { .claimed(ClaimReport(attempts: attempts)) }
}

extension ClaimRequest {
  static func waiting(_ limit: Int) -> ClaimRequest { ClaimRequest(limit: limit, waits: true) }
}

extension QueueRoom {
  static func places(_ places: Int) -> QueueRoom { QueueRoom(QueueLimits(concurrency: places)) }
}

extension [SchedulerCore.Action] {
  var claims: [ClaimRequest] {
    compactMap { if case .claim(let request) = $0 { request } else { nil } }
  }
}

extension ClaimedAttempt {
  static func of(_ id: Int64, attempt: Int = 1, queue: String = "default", labels: [String: String] = [:])
    -> ClaimedAttempt
  {
    var spec = JobSpec(
      queue: queue, work: .command(["true"]), killGrace: .seconds(1), retries: 0, backoff: .standard)
    spec.labels = labels
    return ClaimedAttempt(id: JobID(id), attempt: attempt, spec: spec, startedAt: Timestamp(milliseconds: 0))
  }
}

extension JobChange {
  static func queued(_ id: Int64, queue: String = "default") -> JobChange {
    JobChange(id: JobID(id), queue: queue, from: nil, to: .queued, attempt: 0, at: Timestamp(milliseconds: 0))
  }
  static func scheduled(_ id: Int64) -> JobChange {
    JobChange(id: JobID(id), queue: "default", from: nil, to: .scheduled, attempt: 0, at: Timestamp(milliseconds: 0))
  }
  static func cancelling(_ id: Int64, attempt: Int = 1) -> JobChange {
    JobChange(
      id: JobID(id), queue: "default", from: .running, to: .running, attempt: attempt, at: Timestamp(milliseconds: 0),
      cancelling: true)
  }
}
