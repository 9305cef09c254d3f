import JobModel
import JobStore
import SeededRandom
import Testing

@testable import Supervisor

@Suite("Which hook runs next, by value")
struct HookCoreTests {
  @Test("it looks once, starts as many as there is room for, and looks again when one has ended")
  func room() {
    var core = HookCore(width: 2)
    #expect(core.handle(.stirred) == [.look(limit: 2)])
    #expect(core.handle(.stirred).isEmpty)
    #expect(core.handle(.found(.of(1, 2))) == [.start(.of(1)), .start(.of(2)), .arm(nil)])
    #expect(core.handle(.stirred).isEmpty)
    #expect(core.handle(.ended(1, isDone: true)) == [.look(limit: 3)])
    #expect(core.handle(.found(.of(2, 3, 4))) == [.start(.of(3)), .arm(nil)])
    #expect(core.running == [2, 3])
  }

  @Test("one that ended while it was looked for is not started again")
  func endedDuringLook() {
    var core = HookCore(width: 2)
    _ = core.handle(.stirred)
    _ = core.handle(.found(.of(1)))
    #expect(core.handle(.stirred) == [.look(limit: 3)])
    #expect(core.handle(.ended(1, isDone: true)).isEmpty)
    #expect(core.handle(.found(.of(1, 2))) == [.start(.of(2)), .arm(nil)])
  }

  @Test("one that is to come again is looked for, so that its time is known")
  func again() {
    var core = HookCore(width: 2)
    _ = core.handle(.stirred)
    _ = core.handle(.found(.of(1)))
    #expect(core.handle(.ended(1, isDone: false)) == [.look(limit: 2)])
    #expect(core.handle(.found(HookReport(due: [], next: 5))) == [.arm(5)])
  }

  @Test("it passes on when the next is due, and looks no more when nothing is")
  func due() {
    var core = HookCore(width: 2)
    _ = core.handle(.stirred)
    #expect(core.handle(.found(HookReport(due: [], next: 77))) == [.arm(77)])
    #expect(core.handle(.stirred) == [.look(limit: 2)])
  }

  @Test("once closed it starts nothing, and says when the last has ended")
  func close() {
    var core = HookCore(width: 2)
    _ = core.handle(.stirred)
    _ = core.handle(.found(.of(1)))
    #expect(core.handle(.stirred) == [.look(limit: 3)])
    #expect(core.handle(.close).isEmpty)
    #expect(core.handle(.found(.of(1, 2, 3))) == [.arm(nil)])
    #expect(core.handle(.ended(1, isDone: true)) == [.idle])
    #expect(core.handle(.stirred) == [.idle])
  }

  /// A store that is asked and answers late, hooks that end or come back in any order.
  @Test("in every order each delivery is made to its end, never twice at once, and never more than the width")
  func random() {
    let seed = testSeed()
    print("HookCoreTests.random seed \(seed)")
    var random = SplitMix(seed: seed)
    for _ in 0..<2_000 {
      let width = Int.random(in: 1...4, using: &random)
      var core = HookCore(width: width)
      var stored: [Int64: Int] = [:]  // how many runs it still takes
      var running: Set<Int64> = []
      var looks: [HookReport] = []
      var next: Int64 = 1
      var left = Int.random(in: 0...30, using: &random)

      func perform(_ actions: [HookCore.Action]) {
        for action in actions {
          switch action {
          case .look(let limit):
            looks.append(.of(stored.keys.sorted().prefix(limit)))
            #expect(looks.count == 1, "one look at a time")
          case .start(let delivery):
            #expect(running.insert(delivery.id).inserted && stored[delivery.id] != nil)
          case .arm, .idle: break
          }
        }
        #expect(running.count <= width)
      }

      while left > 0 || !stored.isEmpty || !looks.isEmpty {
        switch Int.random(in: 0..<4, using: &random) {
        case 0 where left > 0:
          left -= 1
          stored[next] = Int.random(in: 1...3, using: &random)
          next += 1
          perform(core.handle(.stirred))
        case 1 where !looks.isEmpty:
          let report = looks.removeFirst()
          if Int.random(in: 0..<8, using: &random) == 0 {
            perform(core.handle(.lookFailed))
            perform(core.handle(.stirred))
          } else {
            perform(core.handle(.found(report)))
          }
        case 2 where !running.isEmpty:
          guard let id = running.sorted().randomElement(using: &random) else { break }
          running.remove(id)
          stored[id, default: 1] -= 1
          if stored[id] == 0 { stored[id] = nil }
          perform(core.handle(.ended(id, isDone: stored[id] == nil)))
        default: break
        }
        if looks.isEmpty, running.isEmpty, !stored.isEmpty, left == 0 {
          Issue.record("stuck with \(stored), seed \(seed)")
          return
        }
      }
    }
  }
}

extension HookDelivery {
  static func of(_ id: Int64) -> HookDelivery {
    HookDelivery(
      id: id, job: JobID(id), end: JobEnd(queue: "q", state: .failed, outcome: .failed), tries: 0, text: "{}")
  }
}

extension HookReport {
  static func of(_ ids: Int64...) -> HookReport { of(ids) }
  static func of(_ ids: some Sequence<Int64>) -> HookReport { HookReport(due: ids.map(HookDelivery.of), next: nil) }
}
