/// How long a job waits after a failed attempt before the next.
package struct Backoff: Hashable, Sendable, Codable {
  package enum Kind: String, Codable, CaseIterable, Sendable {
    /// base · 2ⁿ⁻¹ after the n-th failure.
    case exponential
    /// base · n.
    case linear
    /// base.
    case fixed
  }

  package var kind: Kind
  package var base: TimeSpan
  package var max: TimeSpan
  /// The part of the delay that is drawn by lot, 0…1: a delay d becomes one between d·(1 − jitter) and d, so that
  /// `max` holds and jobs that failed together do not come back together.
  package var jitter: Double

  package static let standard = Backoff(kind: .exponential, base: .seconds(5), max: .minutes(10), jitter: 0.2)

  package init(kind: Kind, base: TimeSpan, max: TimeSpan, jitter: Double) {
    self.kind = kind
    self.base = base
    self.max = max
    self.jitter = jitter
  }

  /// The delay after the `failure`-th failed attempt in a row (1 for the first).
  /// - Parameter random: a number drawn from 0..<1; the caller owns the source.
  package func delay(afterFailure failure: Int, random: Double) -> TimeSpan {
    let n = Double(Swift.max(failure, 1))
    let factor =
      switch kind {
      case .exponential: n > 60 ? Double(1 << 60) : Double(1 << Int(n - 1))
      case .linear: n
      case .fixed: 1.0
      }
    let full = min(Double(base.milliseconds) * factor, Double(max.milliseconds))
    return TimeSpan(milliseconds: Int64((full * (1 - jitter * random)).rounded()))
  }

  enum CodingKeys: String, CodingKey, CaseIterable {
    case kind
    case base = "base_seconds"
    case max = "max_seconds"
    case jitter
  }

  /// Every key is optional and defaults to `standard`'s; an unknown one is refused.
  package init(from decoder: any Decoder) throws {
    try decoder.refuseUnknownKeys(CodingKeys.self)
    let container = try decoder.container(keyedBy: CodingKeys.self)
    let standard = Backoff.standard
    kind = try container.decodeIfPresent(Kind.self, forKey: .kind) ?? standard.kind
    base = try container.decodeIfPresent(TimeSpan.self, forKey: .base) ?? standard.base
    max = try container.decodeIfPresent(TimeSpan.self, forKey: .max) ?? standard.max
    jitter = try container.decodeIfPresent(Double.self, forKey: .jitter) ?? standard.jitter
  }
}
