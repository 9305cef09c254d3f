import JobModel
import JobStore
import SeededRandom
import Testing

@testable import Supervisor

@Suite("What the core knows of a pause")
struct PauseTests {
  private func pausedCore() -> SchedulerCore {
    var core = SchedulerCore(workers: 2)
    _ = core.handle(.loosened)
    _ = core.handle(.claimed(attempts: []))
    #expect(core.handle(.pauseAsked).isEmpty)
    #expect(core.handle(.pauseAnswered(true)) == [.takeBackClaim])
    #expect(core.handle(.claimed(attempts: [])).isEmpty)
    return core
  }

  @Test("while all queues are paused no claim is asked for what comes, and the resume asks")
  func pause() {
    var core = pausedCore()
    #expect(core.handle(.changed([.queued(1)])).isEmpty)
    // From here on nothing is known, until the answer.
    #expect(core.handle(.pauseAsked).claims == [.waiting(2)])
    #expect(core.handle(.pauseAnswered(false)).isEmpty)
    // It may have looked before the pause was over.
    #expect(core.handle(.resume) == [.takeBackClaim])
    #expect(core.handle(.claimed(attempts: [])).claims == [.waiting(2)])
    #expect(core.handle(.claimed(attempts: [.of(1)])).contains(.start(.of(1))))
  }

  @Test("where two calls overlap, or one fails, nothing is known and the store is asked")
  func overlap() {
    var core = pausedCore()
    _ = core.handle(.pauseAsked)
    _ = core.handle(.pauseAsked)
    _ = core.handle(.pauseAnswered(false))
    #expect(core.handle(.pauseAnswered(true)).isEmpty, "the claim that was asked meanwhile goes on waiting")
    core = pausedCore()
    #expect(core.handle(.pauseAsked).claims == [.waiting(2)])
    #expect(core.handle(.pauseAnswered(nil)).isEmpty)
  }

  @Test("an alarm, which may be a pause's end, is followed by a question")
  func alarm() {
    var core = pausedCore()
    #expect(core.handle(.alarm).claims == [.waiting(2)])
  }

  @Test("what loosens while a claim is under way makes its answer stale")
  func stale() {
    var core = SchedulerCore(workers: 2)
    #expect(core.handle(.loosened).claims == [.waiting(2)])
    #expect(core.handle(.loosened).contains(.takeBackClaim))
    #expect(core.handle(.claimed(attempts: [])).claims == [.waiting(2)])
  }

  @Test("in no order of pauses, resumes, enqueues and answers is a job left waiting that may run")
  func randomOrders() {
    let seed = testSeed()
    var random = SplitMix(seed: seed)
    for round in 0..<1000 {
      var core = SchedulerCore(workers: 1_000)
      // The store: what it does is done at once, what it answers comes later, in any order.
      var (isPaused, queued, next) = (false, 0, Int64(1))
      var answers: [SchedulerCore.Event] = []
      var isWaiting = false
      func take() {
        guard !isPaused, queued > 0 else {
          isWaiting = true
          return
        }
        answers.append(.claimed(attempts: (0..<queued).map { .of(next + Int64($0)) }))
        next += Int64(queued)
        (queued, isWaiting) = (0, false)
      }
      func ask(_ actions: [SchedulerCore.Action]) {
        for action in actions {
          if case .claim = action { take() }
          guard case .takeBackClaim = action, isWaiting else { continue }
          answers.append(.claimed(attempts: []))
          isWaiting = false
        }
      }
      func deliver() {
        let event = answers.remove(at: Int.random(in: 0..<answers.count, using: &random))
        ask(core.handle(event))
        // A resume that was answered says that something loosened.
        if case .pauseAnswered(false) = event { ask(core.handle(.loosened)) }
      }
      for _ in 0..<12 {
        switch Int.random(in: 0..<4, using: &random) {
        case 0:
          ask(core.handle(.pauseAsked))
          isPaused = Bool.random(using: &random)
          answers.append(.pauseAnswered(isPaused))
        case 1:
          queued += 1
          if isWaiting { take() }
          ask(core.handle(.changed([.queued(1)])))
        default: if !answers.isEmpty { deliver() }
        }
      }
      while !answers.isEmpty { deliver() }
      #expect(isPaused || queued == 0, "round \(round), seed \(seed)")
    }
  }
}
