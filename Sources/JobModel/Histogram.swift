/// How often a quantity lay within each of some bounds: what Prometheus calls a histogram.
package struct Histogram: Sendable, Hashable {
  /// Ascending; a value that equals a bound lies within it.
  package let bounds: [Double]
  /// Of each bound by itself, and last of what lies above all of them.
  private var counts: [Int]
  package private(set) var sum = 0.0

  package init(_ bounds: [Double]) {
    self.bounds = bounds
    counts = Array(repeating: 0, count: bounds.count + 1)
  }

  package mutating func observe(_ value: Double) {
    counts[bounds.firstIndex { value <= $0 } ?? bounds.count] += 1
    sum += value
  }

  package var count: Int { counts.reduce(0, +) }

  /// How many values lay within each bound: the buckets, without the one for all.
  package var cumulative: [(bound: Double, count: Int)] {
    var total = 0
    return zip(bounds, counts).map { bound, count in
      total += count
      return (bound, total)
    }
  }
}
