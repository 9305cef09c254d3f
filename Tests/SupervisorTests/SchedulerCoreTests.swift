import JobModel
import JobStore
import Testing

@testable import Supervisor

@Suite("The scheduling core, by value")
struct SchedulerCoreTests {
  @Test("it asks for as many attempts as slots are free, once")
  func asksOnce() {
    var core = SchedulerCore(workers: 3)
    #expect(core.handle(.loosened).claims == [ClaimRequest(limit: 3)])
    #expect(core.handle(.changed([.queued(1)])).claims.isEmpty)
    #expect(core.handle(.claimed([.of(1)])) == [.start(.of(1)), .claim(ClaimRequest(limit: 2))])
    #expect(core.handle(.claimed([])).isEmpty)
    #expect(core.handle(.changed([.queued(2)])).claims == [ClaimRequest(limit: 2)])
  }

  @Test("it asks nothing while every slot is taken, and again when one is free")
  func fullPool() {
    var core = SchedulerCore(workers: 1)
    _ = core.handle(.loosened)
    #expect(core.handle(.claimed([.of(1)])) == [.start(.of(1))])
    #expect(core.handle(.changed([.queued(2)])).isEmpty)
    #expect(core.handle(.ended(JobID(1), attempt: 1)).claims == [ClaimRequest(limit: 1)])
  }

  @Test("nothing is claimed before what an earlier daemon left has gone, whatever is asked meanwhile")
  func recovery() {
    var core = SchedulerCore(workers: 2, isRecovering: true)
    for event: SchedulerCore.Event in [
      .changed([.queued(1)]), .limits(workers: 3, queues: ["q": 1]), .loosened, .resume, .alarm, .claimed([]),
    ] {
      #expect(core.handle(event).claims.isEmpty, "\(event)")
    }
    #expect(core.handle(.recovered).claims == [ClaimRequest(limit: 3, room: ["q": 1])])
  }

  @Test("a late ending does not remove its successor")
  func lateEnding() {
    var core = SchedulerCore(workers: 1)
    _ = core.handle(.loosened)
    _ = core.handle(.claimed([.of(1, attempt: 2)]))
    #expect(core.handle(.ended(JobID(1), attempt: 1)).isEmpty)
    #expect(core.running[JobID(1)]?.attempt == 2)
  }

  @Test("a limited queue's room is what its limit leaves beside what runs")
  func room() {
    var core = SchedulerCore(workers: 4, queueLimits: ["mail": 2])
    _ = core.handle(.loosened)
    _ = core.handle(.claimed([.of(1, queue: "mail")]))
    #expect(core.handle(.changed([.queued(2)])).claims == [ClaimRequest(limit: 3, room: ["mail": 1])])
    _ = core.handle(.claimed([.of(2, queue: "mail")]))
    _ = core.handle(.changed([.queued(3)]))
    _ = core.handle(.claimed([]))
    #expect(core.handle(.ended(JobID(1), attempt: 1)).claims == [ClaimRequest(limit: 3, room: ["mail": 1])])
  }

  @Test("a cancel of a running job ends its worker; one that comes while the claim is under way does too")
  func cancel() {
    var core = SchedulerCore(workers: 2)
    _ = core.handle(.loosened)
    #expect(core.handle(.changed([.cancelling(1)])).isEmpty)
    let actions = core.handle(.claimed([.of(1)]))
    #expect(actions.contains(.cancel(JobID(1), attempt: 1)))
    #expect(actions.firstIndex(of: .start(.of(1)))! < actions.firstIndex(of: .cancel(JobID(1), attempt: 1))!)
    _ = core.handle(.changed([.queued(2)]))
    _ = core.handle(.claimed([.of(2)]))
    #expect(core.handle(.changed([.cancelling(2)])) == [.cancel(JobID(2), attempt: 1)])
  }

  @Test("a drain claims nothing, tells when nothing runs, and a resume goes on")
  func drain() {
    var core = SchedulerCore(workers: 2)
    _ = core.handle(.loosened)
    _ = core.handle(.claimed([.of(1)]))
    #expect(core.handle(.drain).isEmpty)
    #expect(core.handle(.changed([.queued(2)])).isEmpty)
    #expect(core.handle(.ended(JobID(1), attempt: 1)) == [.idle])
    #expect(core.handle(.resume).claims == [ClaimRequest(limit: 2)])
  }

  @Test("after a claim that failed nothing is asked until something loosens")
  func failedClaim() {
    var core = SchedulerCore(workers: 2)
    _ = core.handle(.loosened)
    #expect(core.handle(.claimFailed).isEmpty)
    #expect(core.handle(.loosened).claims == [ClaimRequest(limit: 2)])
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

  private struct World {
    var random: SplitMix
    var core: SchedulerCore
    let workers: Int
    var limits: [String: Int]
    var queued: [JobID: String] = [:]
    var attempts: [JobID: Int] = [:]
    var running: [JobID: (attempt: Int, queue: String)] = [:]
    var asked: ClaimRequest?
    /// A claim that the store has made, and whose answer is still on its way.
    var answer: [ClaimedAttempt]?
    var draining = false
    /// Queues that are paused: the store knows.
    var paused: Set<String> = []
    var next: Int64 = 1
    var faults: [String] = []

    init(seed: UInt64) {
      random = SplitMix(state: seed)
      workers = Int.random(in: 1...4, using: &random)
      limits = Bool.random(using: &random) ? ["a": Int.random(in: 1...2, using: &random)] : [:]
      core = SchedulerCore(workers: workers, queueLimits: limits)
    }

    mutating func feed(_ event: SchedulerCore.Event) {
      for action in core.handle(event) {
        switch action {
        case .claim(let request):
          if asked != nil || answer != nil { faults.append("two claims at once") }
          if draining { faults.append("a claim in a drain") }
          asked = request
        case .start(let attempt):
          if running[attempt.id] != nil { faults.append("\(attempt.id) runs twice") }
          running[attempt.id] = (attempt.attempt, attempt.spec.queue)
          if running.count > workers { faults.append("more than \(workers) run") }
          if let limit = limits[attempt.spec.queue],
            running.values.count(where: { $0.queue == attempt.spec.queue }) > limit
          {
            faults.append("more than \(limit) of \(attempt.spec.queue) run")
          }
        case .cancel, .promote, .arm, .idle: break
        }
      }
    }

    /// What the store does with the claim that it was asked for.
    mutating func choose() {
      guard let request = asked else { return }
      asked = nil
      var room = request.room
      var taken: [ClaimedAttempt] = []
      for (id, queue) in queued.sorted(by: { $0.key < $1.key })
      where taken.count < request.limit && !paused.contains(queue) {
        if let left = room[queue] {
          if left == 0 { continue }
          room[queue] = left - 1
        }
        attempts[id, default: 0] += 1
        taken.append(.of(id.rawValue, attempt: attempts[id]!, queue: queue))
        queued[id] = nil
      }
      answer = taken
    }

    mutating func step() {
      switch Int.random(in: 0..<13, using: &random) {
      case 10: paused.insert("b")
      case 11:
        if paused.remove("b") != nil { feed(.loosened) }
      case 12:
        // Never below what runs, or may be taken just now: so that it can be told whether a limit is passed.
        let limit = Int.random(in: 1...2, using: &random)
        if let before = limits["a"], limit > before || (asked == nil && answer == nil),
          running.values.count(where: { $0.queue == "a" }) <= limit
        {
          limits["a"] = limit
          feed(.limits(workers: workers, queues: limits))
        }
      case 0...3:
        let id = JobID(next)
        next += 1
        let queue = Bool.random(using: &random) ? "a" : "b"
        queued[id] = queue
        feed(.changed([.queued(id.rawValue, queue: queue)]))
      case 4: choose()
      case 5:
        if let taken = answer {
          answer = nil
          feed(.claimed(taken))
        }
      case 6, 7:
        if let (id, job) = running.randomElement(using: &random) {
          running[id] = nil
          feed(.ended(id, attempt: job.attempt))
          if Int.random(in: 0..<4, using: &random) == 0 {
            queued[id] = job.queue
            feed(.changed([.queued(id.rawValue, queue: job.queue)]))
          }
        }
      case 8:
        draining = true
        feed(.drain)
      default:
        draining = false
        feed(.resume)
      }
    }

    /// Lets everything that is under way come to its end, in any order: the answer to a claim is often on its way
    /// while that ends for which the claim had found no room.
    mutating func calm() {
      draining = false
      feed(.resume)
      if paused.remove("b") != nil { feed(.loosened) }
      while true {
        let mayEnd = asked == nil && answer == nil || Bool.random(using: &random)
        if mayEnd, let (id, job) = running.randomElement(using: &random) {
          running[id] = nil
          feed(.ended(id, attempt: job.attempt))
        } else if asked != nil {
          choose()
        } else if let taken = answer {
          answer = nil
          feed(.claimed(taken))
        } else if running.isEmpty {
          break
        }
      }
      if !queued.isEmpty { faults.append("\(queued.count) jobs were forgotten") }
    }
  }
}

/// A small generator with a seed, so that a failure can be played again. (Steele, Lea, Flood: "Fast Splittable
/// Pseudorandom Number Generators".)
struct SplitMix: RandomNumberGenerator {
  var state: UInt64

  mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var z = state
    z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
    z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
    return z ^ (z >> 31)
  }
}

extension [SchedulerCore.Action] {
  var claims: [ClaimRequest] {
    compactMap { if case .claim(let request) = $0 { request } else { nil } }
  }
}

extension ClaimedAttempt {
  static func of(_ id: Int64, attempt: Int = 1, queue: String = "default") -> ClaimedAttempt {
    ClaimedAttempt(
      id: JobID(id), attempt: attempt,
      spec: JobSpec(queue: queue, work: .command(["true"]), killGrace: .seconds(1), retries: 0, backoff: .standard),
      startedAt: Timestamp(milliseconds: 0))
  }
}

extension JobChange {
  static func queued(_ id: Int64, queue: String = "default") -> JobChange {
    JobChange(id: JobID(id), queue: queue, from: nil, to: .queued, attempt: 0, at: Timestamp(milliseconds: 0))
  }
  static func scheduled(_ id: Int64) -> JobChange {
    JobChange(id: JobID(id), queue: "default", from: nil, to: .scheduled, attempt: 0, at: Timestamp(milliseconds: 0))
  }
  static func cancelling(_ id: Int64) -> JobChange {
    JobChange(
      id: JobID(id), queue: "default", from: .running, to: .running, attempt: 1, at: Timestamp(milliseconds: 0),
      cancelling: true)
  }
}
