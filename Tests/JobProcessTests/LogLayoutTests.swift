import Testing

@testable import JobProcess

@Suite("The layout of a capped log") struct LogLayoutTests {
  typealias Segment = LogLayout.Segment

  @Test("A log that fits is shown whole")
  func fits() {
    let layout = LogLayout(head: 10)
    #expect(layout.shown == [Segment(start: 0, length: 10)])
    #expect(layout.step(at: 4) == .init(leftOut: 0, segment: Segment(start: 4, length: 6)))
    #expect(layout.step(at: 10) == nil)
    #expect(LogLayout(head: 0).step(at: 0) == nil)
  }

  @Test("Between the first quarter and the newest three, what is left out is counted")
  func capped() {
    let layout = LogLayout(
      head: 10, tail: [30, 40, 50].map { Segment(start: $0, length: 10) } + [Segment(start: 60, length: 3)], quarter: 10
    )
    #expect(layout.end == 63)
    #expect(layout.step(at: 10) == .init(leftOut: 23, segment: Segment(start: 33, length: 7)))
    #expect(layout.step(at: 20) == .init(leftOut: 13, segment: Segment(start: 33, length: 7)))
    #expect(layout.step(at: 61) == .init(leftOut: 0, segment: Segment(start: 61, length: 2)))
  }

  @Test("A hole that a failed write left is counted too")
  func hole() {
    let layout = LogLayout(head: 4, tail: [Segment(start: 9, length: 1)], quarter: 10)
    #expect(layout.step(at: 4) == .init(leftOut: 5, segment: Segment(start: 9, length: 1)))
  }

  @Test(
    "Whatever is written, the head and exactly the newest three quarters are shown, of five on the disk"
  )
  func random() {
    var random = seeded("LogLayout")
    for _ in 0..<60 {
      let quarter = Int64.random(in: 1...20, using: &random)
      var end: Int64 = 0
      var head: Int64 = 0
      var tail: [Segment] = []
      for _ in 0..<Int.random(in: 0...400, using: &random) {
        if head < quarter {
          head += 1
        } else {
          if tail.last?.length ?? quarter == quarter {
            let gone = LogLayout.superseded(tail, end: end, quarter: quarter)
            tail.removeAll { gone.contains($0) }
            tail.append(Segment(start: end, length: 0))
          }
          tail[tail.count - 1].length += 1
        }
        end += 1
        let layout = LogLayout(head: head, tail: tail, quarter: tail.isEmpty ? .max : quarter)
        var seen: [Int64] = []
        var offset: Int64 = 0
        while let step = layout.step(at: offset) {
          seen += step.segment.start..<step.segment.end
          offset = step.segment.end
        }
        let expected = (0..<end).filter { $0 < quarter || $0 >= end - 3 * quarter }
        #expect(seen == expected)
        #expect(tail.count <= 4)
      }
    }
  }
}
