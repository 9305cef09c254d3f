import CJobProcess
import JobModel
import Synchronization
import Testing

@testable import JobProcess

@Suite("Whether a process that is all but its program looks on for the fate of a commit")
struct FatePaceTests {
  /// What looks does so for as long as it may, and then sees that it may not.
  private func look(_ pace: FatePace, _ fate: CommitFate) -> Bool? {
    pace.lookOn(for: fate, unless: Cancellation()) { gate in
      let began = ContinuousClock.now
      while ContinuousClock.now - began < FatePace.longest {}
      return gate.isOpen
    }
  }

  private func look<Value>(_ pace: FatePace, _ body: () -> Value) -> Value? {
    pace.lookOn(for: CommitFate(), unless: Cancellation()) { _ in body() }
  }

  @Test("one looks on, not again after a slow disk, and again after a quick one")
  func slowDisk() {
    let pace = FatePace(processors: 2)
    let slow = CommitFate()
    #expect(look(pace, slow) == false)
    slow.decide(true)
    #expect(!pace.looksOn)
    #expect(look(pace, CommitFate()) == nil)
    // More than once only where this thread itself is kept from running for so long.
    for _ in 0..<1000 where !pace.looksOn {
      let quick = CommitFate()
      #expect(look(pace, quick) == nil)
      quick.decide(true)
    }
    #expect(pace.looksOn)
    let decided = CommitFate()
    decided.decide(true)
    #expect(look(pace, decided) == nil, "there is nothing to look for")
    #expect(pace.looksOn)
  }

  @Test("the gate opens when the commit is safe, also after whoever looked has gone, and never else")
  func gate() {
    let fates = [CommitFate(), CommitFate()]
    let gates = fates.map { FateGate($0, unless: Cancellation()) }
    fates[0].decide(true)
    fates[1].decide(false)
    #expect(gates.map(\.isOpen) == [true, false])
    let late = CommitFate()
    #expect(!FateGate(late, unless: Cancellation()).isOpen)
    late.decide(true)
    let cancellation = Cancellation()
    let fate = CommitFate()
    let gate = FateGate(fate, unless: cancellation)
    cancellation.request()
    fate.decide(true)
    #expect(!gate.isOpen)
  }

  @Test("no two look on at once")
  func alone() {
    let pace = FatePace(processors: 2)
    let inner = look(pace) { look(pace) { true } }
    #expect(inner == .some(nil))
  }

  @Test("on a single processor nobody does")
  func single() {
    let pace = FatePace(processors: 1)
    let fate = CommitFate()
    #expect(look(pace, fate) == nil)
    #expect(fate.isSafe == nil && !pace.looksOn)
  }
}
