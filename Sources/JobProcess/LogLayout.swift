/// Which of a stream's logical bytes are shown: a value made of what lies on the disk, by the rule of the cap.
///
/// The first quarter of `logMax` is in the head, a file that begins at 0. What follows is in segments of a
/// quarter each, of which the oldest
/// are dropped. Shown are the head and the newest three quarters; between them, and wherever else bytes are
/// missing, stands a marker.
struct LogLayout: Equatable {
  struct Segment: Equatable {
    var start: Int64
    var length: Int64
    var end: Int64 { start + length }
  }

  /// In ascending order, without overlap, none empty.
  private(set) var shown: [Segment] = []
  /// Where the next byte will be.
  private(set) var end: Int64 = 0

  /// - Parameters:
  ///   - head: bytes in the head.
  ///   - tail: the later segments, in ascending order.
  ///   - quarter: the size of a full segment.
  init(head: Int64, tail: [Segment] = [], quarter: Int64 = .max) {
    if head > 0 { shown.append(Segment(start: 0, length: head)) }
    end = tail.last?.end ?? head
    let window = quarter < .max / 4 ? max(head, end - 3 * quarter) : head
    for segment in tail where segment.end > window {
      let start = max(segment.start, window)
      shown.append(Segment(start: start, length: segment.end - start))
    }
  }

  /// How to go on at an offset.
  struct Step: Equatable {
    /// Bytes that are missing before what is shown.
    var leftOut: Int64
    /// What is shown next.
    var segment: Segment
  }

  /// Nil at the end.
  func step(at offset: Int64) -> Step? {
    guard let index = shown.firstIndex(where: { $0.end > offset }) else { return nil }
    let next = shown[index]
    let start = max(next.start, offset)
    return Step(leftOut: start - offset, segment: Segment(start: start, length: next.end - start))
  }

  static func marker(leftOut: Int64) -> [UInt8] {
    Array("\n[jobq: \(leftOut) bytes of output are left out here]\n".utf8)
  }

  /// The segments that may go once a new one begins: all but the newest three full ones, which hold the newest
  /// three quarters.
  /// Segments are short only after failed writes; then their number is bounded all the same.
  static func superseded(_ tail: [Segment], end: Int64, quarter: Int64) -> [Segment] {
    let surplus = tail.dropLast(15).count
    return tail.enumerated().filter { $0 < surplus || $1.end <= end - 3 * quarter }.map { $1 }
  }
}
