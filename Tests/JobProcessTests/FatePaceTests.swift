import JobModel
import Testing

@testable import JobProcess

@Suite("Whether a thread looks on for the fate of a commit")
struct FatePaceTests {
  @Test("it looks no longer than it may, not again after a slow disk, and again after a quick one")
  func slowDisk() {
    let pace = FatePace(processors: 2)
    let slow = CommitFate()
    let began = ContinuousClock.now
    pace.lookOn(for: slow)
    #expect(.now - began >= FatePace.longest)
    slow.decide(true)
    #expect(!pace.looksOn)
    // More than once only where this thread itself is kept from running for so long.
    for _ in 0..<1000 where !pace.looksOn {
      let quick = CommitFate()
      pace.lookOn(for: quick)
      quick.decide(true)
    }
    #expect(pace.looksOn)
    let decided = CommitFate()
    decided.decide(false)
    pace.lookOn(for: decided)
    #expect(pace.looksOn)
  }

  @Test("on a single processor it never does")
  func alone() {
    let pace = FatePace(processors: 1)
    let fate = CommitFate()
    pace.lookOn(for: fate)
    #expect(fate.isSafe == nil && !pace.looksOn)
  }
}
