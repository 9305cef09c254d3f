import JobModel
import JobStore
import SeededRandom
import Testing

@testable import Supervisor

@Suite("Leases in the scheduling core, by value")
struct SchedulerCoreLeaseTests {
  @Test("a worker that asks looks at once, and one that waits looks again when a job comes")
  func waits() {
    var core = SchedulerCore(workers: 1)
    #expect(core.ask(1, limit: 10).looks == [.look(ticket: 1, 10)])
    #expect(core.looked(1, []).isEmpty)
    #expect(core.handle(.changed([.queued(5, queue: "other")])).looks.isEmpty)
    #expect(core.handle(.changed([.queued(6, queue: "q")])).looks == [.look(ticket: 1, 10)])
    #expect(core.looked(1, [6]).looks.isEmpty)
    #expect(core.running[JobID(6)]?.isLeased == true)
  }

  @Test("a lease that ends while those of an earlier daemon are being read takes no place")
  func endsDuringRecovery() {
    var core = SchedulerCore(workers: 1, queueLimits: ["q": QueueLimits(concurrency: 1)], isRecovering: true)
    _ = core.handle(.changed([.ended(6, queue: "q")]))
    _ = core.handle(.lease(.found([HeldLease(id: JobID(6), attempt: 1, queue: "q")])))
    _ = core.handle(.recovered)
    #expect(core.running.isEmpty)
    _ = core.handle(.claimed(ClaimReport()))
    #expect(core.ask(1).looks == [.look(ticket: 1, 1)])
  }

  @Test("a lease that ends while what is out is asked for, after a look that failed, takes no place")
  func endsWhileAskedFor() {
    var core = SchedulerCore(workers: 1, queueLimits: ["q": QueueLimits(concurrency: 1)])
    _ = core.ask(1)
    _ = core.looked(1, [6])
    #expect(core.running.keys.contains(JobID(6)))
    _ = core.handle(.lease(.reading))
    _ = core.handle(.lease(.ended(JobID(6), attempt: 1)))
    _ = core.handle(.lease(.found([HeldLease(id: JobID(6), attempt: 1, queue: "q")])))
    _ = core.handle(.lease(.read))
    #expect(core.running.isEmpty && core.leasesEnded.isEmpty)
    #expect(core.ask(2).looks == [.look(ticket: 2, 1)])
  }

  @Test("what one request says of several leases is one event: whoever waits looks once, for all the room")
  func severalAtOnce() {
    var core = SchedulerCore(workers: 1, queueLimits: ["q": QueueLimits(concurrency: 3)])
    _ = core.ask(1, limit: 3)
    _ = core.looked(1, [6, 7, 8])
    #expect(core.ask(2, limit: 3).looks.isEmpty, "the queue is full")
    let refused = SettledLease(verdict: LeaseVerdict(id: JobID(9), state: nil, refused: .notFound, "no such job"))
    let ends = [6, 7].map { SettledLease(verdict: LeaseVerdict(id: JobID($0), state: .succeeded), ended: 1) }
    let extended = SettledLease(verdict: LeaseVerdict(id: JobID(8), state: .running), due: 500)
    let actions = core.handle(.lease(.settled([refused, ends[0], extended, ends[1]])))
    #expect(actions.looks == [.look(ticket: 2, 2)])
    #expect(actions.contains(.arm(wall: nil, boot: 500)))
    #expect(core.running.keys.sorted() == [JobID(8)])
  }

  @Test("leases that are given back make room at once")
  func givenBack() {
    var core = SchedulerCore(workers: 1, queueLimits: ["q": QueueLimits(concurrency: 2)])
    _ = core.ask(1, limit: 2)
    _ = core.looked(1, [6, 7])
    _ = core.ask(2, limit: 2)
    let leases = [6, 7].map { HeldLease(id: JobID($0), attempt: 1, queue: "q") }
    #expect(core.handle(.lease(.givenBack(leases))).looks == [.look(ticket: 2, 2)])
    #expect(core.running.isEmpty)
  }

  @Test("a job that comes while the store is being looked at is looked for again, not waited for")
  func news() {
    var core = SchedulerCore(workers: 1)
    _ = core.ask(1)
    #expect(core.handle(.changed([.queued(6, queue: "q")])).looks.isEmpty)
    #expect(core.looked(1, []).looks == [.look(ticket: 1, 1)])
  }

  @Test("those who wait are served in their order, as many as there are jobs")
  func order() {
    var core = SchedulerCore(workers: 1)
    for ticket in 1...4 as ClosedRange<UInt64> {
      _ = core.ask(ticket, limit: 2)
      _ = core.looked(ticket, [])
    }
    let three = (6...8).map { JobChange.queued($0, queue: "q") }
    #expect(core.handle(.changed(three)).looks == [.look(ticket: 1, 2), .look(ticket: 2, 2)])
    _ = core.looked(1, [6, 7])
    // Fewer than were asked for: there may be more for the next.
    #expect(core.looked(2, [8]).looks == [.look(ticket: 3, 2)])
    #expect(core.looked(3, []).isEmpty)
    #expect(core.handle(.changed([.queued(9, queue: "q")])).looks == [.look(ticket: 3, 2)])
  }

  @Test("one that does not wait is turned away when it has looked in vain; one that waits when its time is up")
  func turnedAway() {
    var core = SchedulerCore(workers: 1)
    #expect(core.ask(1, isPatient: false).looks == [.look(ticket: 1, 1)])
    #expect(core.looked(1, []) == [.turnAway(ticket: 1)])
    _ = core.ask(2)
    _ = core.looked(2, [])
    #expect(core.handle(.lease(.timeUp(ticket: 2))) == [.turnAway(ticket: 2)])
    _ = core.ask(3)
    #expect(core.handle(.lease(.timeUp(ticket: 3))).isEmpty, "it is looking: what it finds is its own")
    #expect(core.looked(3, [7]).looks.isEmpty)
    #expect(core.running.keys.contains(JobID(7)))
  }

  @Test("leases count against their queue's limit and not against the workers, and commands count for both")
  func limits() {
    var core = SchedulerCore(workers: 2, queueLimits: ["q": QueueLimits(concurrency: 2)])
    #expect(core.handle(.loosened).claims == [ClaimRequest(limit: 2, rooms: ["q": .places(2)])])
    // All the room is spoken for: whoever asks waits for the claim's answer, even one that will not wait long.
    #expect(core.ask(1, limit: 5, isPatient: false).isEmpty)
    #expect(core.handle(.claimed(attempts: [.of(1, queue: "q")])).looks == [.look(ticket: 1, 1)])
    _ = core.looked(1, [2])
    #expect(core.busy == 1)
    #expect(core.ask(2, isPatient: false) == [.turnAway(ticket: 2)])
    _ = core.ask(3)
    #expect(core.handle(.lease(.ended(JobID(2), attempt: 1))).looks == [.look(ticket: 3, 1)])
    // The commit's own word of that end comes late, when the room is another's.
    _ = core.looked(3, [3])
    _ = core.handle(.changed([.ended(2, queue: "q")]))
    #expect(core.running.keys.sorted() == [JobID(1), JobID(3)])
  }

  @Test("a claim leaves room for what is being looked for, and is made again where that found less")
  func claims() {
    var core = SchedulerCore(workers: 2, queueLimits: ["q": QueueLimits(concurrency: 2)])
    _ = core.handle(.loosened)
    _ = core.handle(.claimed(attempts: []))
    _ = core.ask(1, limit: 1)
    #expect(
      core.handle(.changed([.queued(5, queue: "b")])).claims == [ClaimRequest(limit: 2, rooms: ["q": .places(1)])])
    #expect(core.handle(.claimed(attempts: [.of(5, queue: "b")])).claims.isEmpty)
    #expect(
      core.handle(.lease(.looked(ticket: 1, [], due: 0))).claims == [ClaimRequest(limit: 1, rooms: ["q": .places(2)])])
  }

  @Test("a lease that has ended before its grant is known here holds no room")
  func endedEarly() {
    var core = SchedulerCore(workers: 1, queueLimits: ["q": QueueLimits(concurrency: 1)])
    _ = core.ask(1)
    _ = core.handle(.changed([.ended(6, queue: "q")]))
    _ = core.looked(1, [6])
    #expect(core.running.isEmpty)
    #expect(core.leasesEnded.isEmpty)
    // The next attempt of the same job, whose answer comes before that of the first.
    _ = core.ask(2)
    core.queueLimits = [:]
    _ = core.ask(3)
    _ = core.looked(3, [6], attempt: 3)
    _ = core.handle(.changed([.ended(6, attempt: 2, queue: "q")]))
    _ = core.looked(2, [6], attempt: 2)
    #expect(core.running[JobID(6)]?.attempt == 3)
  }

  @Test("a drain and a stop grant nothing; leases hold neither up")
  func drain() {
    var core = SchedulerCore(workers: 1)
    _ = core.ask(1)
    _ = core.looked(1, [6])
    _ = core.ask(2)
    _ = core.looked(2, [])
    _ = core.handle(.loosened)
    // What it loosened the claim under way may not have seen: another follows.
    _ = core.handle(.claimed(attempts: []))
    _ = core.looked(2, [])
    #expect(core.handle(.drain) == [.takeBackClaim])
    #expect(core.handle(.claimed(attempts: [])) == [.idle])
    #expect(core.handle(.changed([.queued(7, queue: "q")])).isEmpty)
    #expect(core.ask(3, isPatient: false) == [.turnAway(ticket: 3)])
    #expect(core.handle(.resume).looks == [.look(ticket: 2, 1)])
    _ = core.looked(2, [])
    #expect(core.handle(.stop).contains(.turnAway(ticket: 2)))
    #expect(core.ask(4) == [.turnAway(ticket: 4)])
  }

  @Test("the alarm is the earlier of a job's time and a lease's end, and one expiry is under way at a time")
  func alarms() {
    var core = SchedulerCore(workers: 1)
    _ = core.ask(1)
    #expect(core.looked(1, [6], due: 9000).contains(.arm(wall: nil, boot: 9000)))
    _ = core.handle(.changed([.scheduled(7)]))
    let report = DueReport(promoted: 0, nextWall: Timestamp(milliseconds: 3), nextBoot: 5000)
    #expect(core.handle(.promoted(report)).contains(.arm(wall: Timestamp(milliseconds: 3), boot: 5000)))
    #expect(core.handle(.alarm).contains(.expire))
    #expect(!core.handle(.alarm).contains(.expire))
    // A lease that the answer cannot know of.
    _ = core.handle(.lease(.due(4000)))
    let late = core.handle(.lease(.expired(ExpiryReport(expired: [], nextWall: nil, nextBoot: 9000))))
    #expect(late.contains(.expire))
    _ = core.handle(.lease(.expired(ExpiryReport(expired: [], nextWall: nil, nextBoot: 4000))))
    // What the two alarms asked, the second while the first was under way.
    for _ in 0..<2 { _ = core.handle(.promoted(report)) }
    #expect(core.alarms.action == .arm(wall: Timestamp(milliseconds: 3), boot: 4000))
  }

  @Test("a time that has passed is not armed again: neither a lease's that ended before it nor a job's")
  func passedTimes() {
    var core = SchedulerCore(workers: 1)
    _ = core.ask(1)
    _ = core.looked(1, [6], due: 9000)
    _ = core.handle(.lease(.ended(JobID(6), attempt: 1)))
    _ = core.handle(.promoted(DueReport(promoted: 0, nextWall: nil, nextBoot: 8000)))
    #expect(core.handle(.alarm).contains(.expire))
    #expect(core.alarm == (nil, nil), "both are being asked about")
    // Granted so late that it ends while an earlier expiry is under way: that is asked again in any case.
    _ = core.handle(.lease(.due(9100)))
    #expect(!core.handle(.alarm).contains(.expire))
    #expect(core.alarm == (nil, nil))
    let again = core.handle(.lease(.expired(ExpiryReport(expired: [], nextWall: nil, nextBoot: 9100))))
    #expect(again.contains(.expire) && core.alarm == (nil, nil))
    _ = core.handle(.lease(.expired(ExpiryReport(expired: [], nextWall: nil, nextBoot: nil))))
    _ = core.handle(.promoteFailed)
    _ = core.handle(.lease(.due(9500)))
    #expect(core.alarms.action == .arm(wall: nil, boot: 9500))
    _ = core.handle(.alarm)
    _ = core.handle(.lease(.expireFailed))
    #expect(core.alarms.action == .arm(wall: nil, boot: nil))
  }

  @Test("what is out at the start holds its room")
  func found() {
    var core = SchedulerCore(workers: 1, queueLimits: ["q": QueueLimits(concurrency: 1)])
    _ = core.handle(.lease(.found([HeldLease(id: JobID(6), attempt: 3, queue: "q")])))
    #expect(core.ask(1, isPatient: false) == [.turnAway(ticket: 1)])
    #expect(core.handle(.loosened).contains(.expire))
  }
}

/// The core against a store in memory, with commands and payloads in queues of which one is limited, and workers that
/// come, wait, give up, complete and vanish, in random orders.
@Suite("Leases in the scheduling core, in thousands of random orders")
struct SchedulerCoreLeaseRandomTests {
  @Test("limits hold, those who ask are answered, and no job is left while someone waits for it", arguments: 0..<40)
  func orders(block: Int) {
    for offset in 0..<50 {
      let seed = UInt64(block * 50 + offset + 1)
      var world = World(seed: seed)
      for _ in 0..<150 { world.step() }
      world.calm()
      #expect(world.faults.isEmpty, "seed \(seed): \(world.faults)")
    }
  }

  private struct World {
    var random: SplitMix
    var core: SchedulerCore
    let limits: [String: QueueLimits]
    /// Customers, by whom queue a may be limited.
    var keys: [JobID: String] = [:]
    // The store.
    var commands: [JobID: String] = [:]
    var payloads: [JobID: String] = [:]
    var running: [JobID: String] = [:]
    var leased: [JobID: String] = [:]
    var attempts: [JobID: Int] = [:]
    /// What it has committed, on the way to the core.
    var inbox: [JobChange] = []
    // Questions and answers under way.
    var claim: ClaimRequest?
    /// It has looked in vain, and waits for what comes.
    var isWaiting = false
    var isTakenBack = false
    var claimed: [ClaimedAttempt]?
    var looking: [UInt64: (count: Int, room: QueueRoom)] = [:]
    var looked: [UInt64: [HeldLease]] = [:]
    /// Who has asked and has no answer.
    var asks: [UInt64: (queue: String, limit: Int, isPatient: Bool)] = [:]
    var draining = false
    var next: Int64 = 1
    var faults: [String] = []

    init(seed: UInt64) {
      random = SplitMix(seed: seed)
      var limit = QueueLimits()
      if Bool.random(using: &random) { limit.concurrency = Int.random(in: 1...3, using: &random) }
      if Bool.random(using: &random) {
        limit.perKey = KeyLimit(label: "customer", concurrency: Int.random(in: 1...2, using: &random))
      }
      limits = limit == QueueLimits() ? [:] : ["a": limit]
      core = SchedulerCore(workers: Int.random(in: 1...3, using: &random), queueLimits: limits)
    }

    mutating func feed(_ event: SchedulerCore.Event) {
      for action in core.handle(event) {
        switch action {
        case .claim(let request):
          claim = request
          (isWaiting, isTakenBack) = (false, false)
        case .takeBackClaim: isTakenBack = true
        case .look(let ticket, let count, let room):
          if draining { faults.append("a look in a drain") }
          if looking[ticket] != nil || looked[ticket] != nil { faults.append("\(ticket) looks twice at once") }
          guard let ask = asks[ticket] else {
            faults.append("\(ticket) has its answer already")
            continue
          }
          if count > ask.limit || count < 1 { faults.append("\(ticket) asked for \(ask.limit) and looks for \(count)") }
          looking[ticket] = (count, room)
        case .turnAway(let ticket):
          guard let ask = asks.removeValue(forKey: ticket) else {
            faults.append("\(ticket) is turned away again")
            continue
          }
          if ask.isPatient { faults.append("\(ticket), which waits, is turned away") }
        case .start, .cancel, .promote, .expire, .arm, .idle: break
        }
      }
    }

    mutating func checkLimits() {
      for (queue, limit) in limits {
        let ids = running.merging(leased) { first, _ in first }.filter { $0.value == queue }.keys
        if let most = limit.concurrency, ids.count > most { faults.append("\(ids.count) of \(queue) run") }
        for (key, those) in Dictionary(grouping: ids.filter { keys[$0] != nil }, by: { keys[$0]! }) {
          if let most = limit.perKey?.concurrency, those.count > most { faults.append("\(those.count) of \(key) run") }
        }
      }
    }

    // MARK: The store

    mutating func chooseClaim() {
      guard let request = claim else { return }
      guard !isTakenBack else {
        (claim, claimed) = (nil, [])
        return
      }
      var rooms = request.rooms
      var taken: [ClaimedAttempt] = []
      for (id, queue) in commands.sorted(by: { $0.key < $1.key }) where taken.count < request.limit {
        guard lets(id, rooms[queue]) else { continue }
        rooms[queue]?.take()
        attempts[id, default: 0] += 1
        taken.append(.of(id.rawValue, attempt: attempts[id]!, queue: queue, labels: labels(of: id)))
        commands[id] = nil
        running[id] = queue
      }
      isWaiting = taken.isEmpty && request.waits
      if !isWaiting { (claim, claimed) = (nil, taken) }
      checkLimits()
    }

    mutating func chooseLease(_ ticket: UInt64) {
      guard let look = looking.removeValue(forKey: ticket), let queue = asks[ticket]?.queue else { return }
      var room = look.room
      var found: [HeldLease] = []
      for (id, _) in payloads.filter({ $0.value == queue }).sorted(by: { $0.key < $1.key })
      where found.count < look.count && lets(id, room) {
        room.take()
        attempts[id, default: 0] += 1
        payloads[id] = nil
        leased[id] = queue
        found.append(HeldLease(id: id, attempt: attempts[id]!, queue: queue, labels: labels(of: id)))
      }
      looked[ticket] = found
      checkLimits()
    }

    func labels(of id: JobID) -> [String: String] { keys[id].map { ["customer": $0] } ?? [:] }

    func lets(_ id: JobID, _ room: QueueRoom?) -> Bool {
      guard let room else { return true }
      guard room.places ?? 1 > 0 else { return false }
      guard let key = keys[id], let most = room.perKey?.concurrency else { return true }
      // What runs with a key the store counts itself.
      return running.merging(leased) { first, _ in first }.count { $0.value == "a" && keys[$0.key] == key } < most
    }

    mutating func answerLook(_ ticket: UInt64) {
      guard let found = looked.removeValue(forKey: ticket) else { return }
      if !found.isEmpty { asks[ticket] = nil }
      feed(.lease(.looked(ticket: ticket, found, due: 5)))
    }

    mutating func enqueue(_ id: JobID, _ queue: String, isPayload: Bool) {
      keys[id] = [nil, "x", "y"].randomElement(using: &random)!
      if isPayload { payloads[id] = queue } else { commands[id] = queue }
      inbox.append(.queued(id.rawValue, queue: queue))
      if isWaiting { chooseClaim() }
    }

    /// The lease ends in the store: for good, or the job is queued again.
    mutating func endLease(_ id: JobID, isTold: Bool) {
      guard let queue = leased.removeValue(forKey: id), let attempt = attempts[id] else { return }
      let again = Int.random(in: 0..<3, using: &random) == 0
      if again { payloads[id] = queue }
      inbox.append(.ended(id.rawValue, attempt: attempt, queue: queue, to: again ? .queued : .succeeded))
      if isTold { feed(.lease(.ended(id, attempt: attempt))) }
    }

    mutating func endCommand(_ id: JobID) {
      running[id] = nil
      feed(.ended(id, attempt: attempts[id]!))
    }

    mutating func deliver() {
      guard !inbox.isEmpty else { return }
      let count = Int.random(in: 1...inbox.count, using: &random)
      let changes = Array(inbox.prefix(count))
      inbox.removeFirst(count)
      feed(.changed(changes))
    }

    // MARK: Moves

    mutating func step() {
      switch Int.random(in: 0..<16, using: &random) {
      case 0...2:
        enqueue(
          JobID(next), Bool.random(using: &random) ? "a" : "b", isPayload: Int.random(in: 0..<3, using: &random) > 0)
        next += 1
      case 3, 4: deliver()
      case 5: chooseClaim()
      case 6:
        if let taken = claimed {
          claimed = nil
          feed(.claimed(attempts: taken))
        }
      case 7: if let id = knownCommands.randomElement(using: &random) { endCommand(id) }
      case 8, 9:
        let ticket = UInt64(next)
        next += 1
        let ask = SchedulerCore.LeaseAsk(
          ticket: ticket, queue: Bool.random(using: &random) ? "a" : "b", limit: Int.random(in: 1...3, using: &random),
          isPatient: Bool.random(using: &random))
        asks[ticket] = (ask.queue, ask.limit, ask.isPatient)
        feed(.lease(.asked(ask)))
      case 10, 11: if let ticket = looking.keys.sorted().randomElement(using: &random) { chooseLease(ticket) }
      case 12: if let ticket = looked.keys.sorted().randomElement(using: &random) { answerLook(ticket) }
      case 13:
        if let id = leased.keys.sorted().randomElement(using: &random) {
          // A worker has heard of its lease before it speaks of it; a cancel may come before.
          endLease(id, isTold: !looked.values.joined().contains { $0.id == id } && Bool.random(using: &random))
        }
      case 14:
        if let ticket = asks.keys.sorted().randomElement(using: &random) {
          asks[ticket]?.isPatient = false
          feed(.lease(.timeUp(ticket: ticket)))
        }
      default:
        draining.toggle()
        feed(draining ? .drain : .resume)
      }
    }

    var knownCommands: [JobID] {
      running.keys.filter { id in claimed?.contains { $0.id == id } != true }.sorted()
    }

    /// Lets everything that is under way come to its end.
    mutating func calm() {
      draining = false
      feed(.resume)
      while true {
        if !inbox.isEmpty {
          deliver()
        } else if claim != nil, !isWaiting || isTakenBack {
          chooseClaim()
        } else if let taken = claimed {
          claimed = nil
          feed(.claimed(attempts: taken))
        } else if let ticket = looking.keys.min() {
          chooseLease(ticket)
        } else if let ticket = looked.keys.min() {
          answerLook(ticket)
        } else if let id = running.keys.min() {
          endCommand(id)
        } else if let id = leased.keys.min() {
          endLease(id, isTold: false)
        } else {
          break
        }
      }
      if !commands.isEmpty { faults.append("\(commands.count) commands were forgotten") }
      for (ticket, ask) in asks {
        if !ask.isPatient { faults.append("\(ticket) has no answer") }
        let left = payloads.values.count { $0 == ask.queue }
        if left > 0 { faults.append("\(ticket) waits beside \(left) jobs") }
      }
      if !core.running.isEmpty { faults.append("\(core.running.count) are thought to run") }
      if !core.leasesEnded.isEmpty { faults.append("ends are remembered for nothing") }
    }
  }
}

extension SchedulerCore {
  fileprivate mutating func ask(_ ticket: UInt64, limit: Int = 1, isPatient: Bool = true) -> [Action] {
    handle(.lease(.asked(LeaseAsk(ticket: ticket, queue: "q", limit: limit, isPatient: isPatient)))).filter {
      if case .claim = $0 { false } else { true }
    }
  }

  fileprivate mutating func looked(_ ticket: UInt64, _ ids: [Int64], attempt: Int = 1, due: Int64 = 1000)
    -> [Action]
  {
    handle(
      .lease(
        .looked(ticket: ticket, ids.map { HeldLease(id: JobID($0), attempt: attempt, queue: "q") }, due: due)))
  }
}

extension SchedulerCore.LeaseEvent {
  fileprivate static func ended(_ id: JobID, attempt: Int) -> Self {
    .settled([SettledLease(verdict: LeaseVerdict(id: id, state: .succeeded), ended: attempt)])
  }

  fileprivate static func due(_ time: Int64) -> Self {
    .settled([SettledLease(verdict: LeaseVerdict(id: JobID(1), state: .running), due: time)])
  }
}

extension [SchedulerCore.Action] {
  /// Who is sent to look, and for how many.
  fileprivate var looks: [Look] {
    compactMap { if case .look(let ticket, let count, _) = $0 { .look(ticket: ticket, count) } else { nil } }
  }
}

private struct Look: Equatable {
  let ticket: UInt64
  let count: Int

  static func look(ticket: UInt64, _ count: Int) -> Look { Look(ticket: ticket, count: count) }
}

extension JobChange {
  fileprivate static func ended(_ id: Int64, attempt: Int = 1, queue: String, to state: JobState = .succeeded)
    -> JobChange
  {
    JobChange(
      id: JobID(id), queue: queue, from: .running, to: state, attempt: attempt, at: Timestamp(milliseconds: 0),
      outcome: .succeeded)
  }
}
