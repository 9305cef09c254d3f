import Testing

@testable import JobProcess

@Suite("The queue of deadlines") struct TimerQueueTests {
  @Test("It tells the same as a sorted table, whatever is armed, replaced and dropped")
  func random() {
    var random = seeded("TimerQueue")
    for _ in 0..<200 {
      var queue = TimerQueue<Int>()
      var table: [Int: UInt64] = [:]
      var now: UInt64 = 0
      for _ in 0..<400 {
        let key = Int.random(in: 0..<20, using: &random)
        switch Int.random(in: 0..<4, using: &random) {
        case 0, 1:
          let deadline = now + UInt64.random(in: 0...50, using: &random)
          queue.arm(key, at: deadline)
          table[key] = deadline
        case 2:
          queue.disarm(key)
          table[key] = nil
        default:
          now += UInt64.random(in: 0...20, using: &random)
          let due = queue.due(at: now)
          let expected = table.filter { $0.value <= now }
          #expect(Set(due) == Set(expected.keys))
          #expect(due.map { expected[$0]! } == expected.values.sorted())
          for key in due { table[key] = nil }
        }
        #expect(queue.next() == table.values.min())
      }
    }
  }
}
