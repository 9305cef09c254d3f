import JobModel
import Testing

@Suite("A histogram")
struct HistogramTests {
  @Test("counts each value within every bound that it does not exceed, and keeps their sum")
  func buckets() {
    var histogram = Histogram([1, 2.5, 10])
    for value in [0, 1, 1.5, 2.5, 2.6, 10, 11, 1e9] { histogram.observe(value) }
    #expect(histogram.cumulative.map(\.count) == [2, 4, 6])
    #expect(histogram.cumulative.map(\.bound) == [1, 2.5, 10])
    #expect(histogram.count == 8 && histogram.sum == 28.6 + 1e9)
  }
}
