import FoundationEssentials

/// Random numbers that a seed decides, the same everywhere, so that a failure can be had again. (Steele, Lea, Flood: "Fast
/// Splittable Pseudorandom Number Generators", 2014.)
package struct SplitMix: RandomNumberGenerator, Sendable {
  private var state: UInt64

  package init(seed: UInt64) { state = seed }

  package mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var z = state
    z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
    z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
    return z ^ (z >> 31)
  }

  package mutating func chance(_ percent: Int) -> Bool { Int.random(in: 0..<100, using: &self) < percent }
}

/// The seed of a test: `JOBQ_TEST_SEED`, which a failed run has printed, or one that is drawn.
package func testSeed() -> UInt64 {
  guard let given = ProcessInfo.processInfo.environment["JOBQ_TEST_SEED"] else { return .random(in: 0..<1 << 48) }
  guard let seed = UInt64(given) else { fatalError("JOBQ_TEST_SEED is no number: \(given)") }
  return seed
}
