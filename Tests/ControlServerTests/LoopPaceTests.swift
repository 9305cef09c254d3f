import NIOCore
import NIOEmbedded
import Testing

@testable import ControlServer

@Suite("The loop's pace") struct LoopPaceTests {
  /// A clock that goes on by a step each time that somebody looks at it.
  private final class Clock {
    var time = NIODeadline.uptimeNanoseconds(1_000_000_000)
    var looks = 0

    func now() -> NIODeadline {
      looks += 1
      time = time + .microseconds(10)
      return time
    }
  }

  private let loop = EmbeddedEventLoop()
  private let clock = Clock()
  private let client = ObjectIdentifier(Clock.self)
  private let other = ObjectIdentifier(EmbeddedEventLoop.self)

  private func pace(processors: Int = 2) -> LoopPace { LoopPace(loop, processors: processors, now: clock.now) }

  @Test("It looks on for one request that is alone, after one that was answered soon, and no longer than a moment")
  func closeRequests() {
    let pace = pace()
    pace.requestBegan(by: client)
    #expect(!pace.isLooking, "of the first nothing is known")
    pace.requestEnded()
    pace.requestBegan(by: client)
    #expect(pace.isLooking)
    let before = clock.looks
    loop.run()
    #expect(!pace.isLooking && 95...100 ~= clock.looks - before, "1 ms, and the loop is at rest")
    clock.time = clock.time + .milliseconds(1)
    pace.requestEnded()
    pace.requestBegan(by: client)
    #expect(!pace.isLooking, "the last one took long")
  }

  /// One request, answered after so long.
  private func ask(_ pace: LoopPace, by asks: ObjectIdentifier, took: Int64) {
    pace.requestBegan(by: asks)
    clock.time = clock.time + .microseconds(took - 10)
    pace.requestEnded()
  }

  @Test("It rests for three fifths of the shorter of the last two answers' times before it looks")
  func rest() {
    let pace = pace()
    ask(pace, by: client, took: 900)
    ask(pace, by: client, took: 500)
    loop.run()
    pace.requestBegan(by: client)
    let before = clock.looks
    loop.run()
    #expect(pace.isLooking && clock.looks == before, "asleep")
    let passed = TimeAmount.microseconds(300)
    clock.time = clock.time + passed
    loop.advanceTime(by: passed)
    loop.run()
    #expect(!pace.isLooking && 65...71 ~= clock.looks - before, "from 0.3 ms on, to 1 ms")
  }

  @Test("What rested for one client's request does not look on for another's")
  func restedForAnother() {
    let pace = pace()
    ask(pace, by: client, took: 500)
    ask(pace, by: client, took: 500)
    pace.requestBegan(by: client)
    #expect(pace.isLooking, "rests")
    pace.requestEnded()
    pace.requestBegan(by: other)
    let before = clock.looks
    loop.advanceTime(by: .milliseconds(1))
    #expect(!pace.isLooking && clock.looks == before)
  }

  @Test("It sleeps where several are under way, and once the answer is out")
  func company() {
    let pace = pace()
    pace.requestBegan(by: client)
    pace.requestEnded()
    pace.requestBegan(by: client)
    pace.requestBegan(by: client)
    let before = clock.looks
    loop.run()
    #expect(!pace.isLooking && clock.looks == before)
    pace.requestEnded()
    pace.requestEnded()
    pace.requestBegan(by: client)
    #expect(pace.isLooking)
    pace.requestEnded()
    let after = clock.looks
    loop.advanceTime(by: .milliseconds(1))
    #expect(!pace.isLooking && clock.looks == after)
  }

  @Test("It sleeps where another client asks than the last time")
  func others() {
    let pace = pace()
    for asks in [client, other, client, other] {
      pace.requestBegan(by: asks)
      #expect(!pace.isLooking)
      pace.requestEnded()
    }
    pace.requestBegan(by: other)
    #expect(pace.isLooking)
  }

  @Test("On a single processor it sleeps at once")
  func alone() {
    let pace = pace(processors: 1)
    for _ in 0..<3 {
      pace.requestBegan(by: client)
      #expect(!pace.isLooking)
      pace.requestEnded()
    }
  }
}
