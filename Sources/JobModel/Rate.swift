/// So many starts in so much time, evenly spread: `30/m` is one every two seconds. On the wire and in the file as it is
/// written.
package struct Rate: Sendable, Hashable, Codable, CustomStringConvertible {
  package let count: Int
  package let period: TimeSpan

  /// What a person should have written, to be followed by "is expected".
  package static let expected = "a rate from 1 up, such as 30/m (per s, m, h or d),"

  /// Reads `COUNT/s`, `COUNT/m`, `COUNT/h` or `COUNT/d`, the count from 1 to 1,000,000. Nil for anything else.
  package init?(_ text: some StringProtocol) {
    let parts = text.split(separator: "/", omittingEmptySubsequences: false)
    guard parts.count == 2, parts[0].utf8.allSatisfy({ (0x30...0x39).contains($0) }), let count = Int(parts[0]),
      (1...1_000_000).contains(count), ["s", "m", "h", "d"].contains(parts[1]), let period = TimeSpan("1" + parts[1])
    else { return nil }
    self.count = count
    self.period = period
  }

  package var description: String { "\(count)/\(period.description.drop { $0.isNumber })" }

  package init(from decoder: any Decoder) throws {
    let container = try decoder.singleValueContainer()
    guard let rate = Rate(try container.decode(String.self)) else {
      throw DecodingError.dataCorruptedError(in: container, debugDescription: "\(Rate.expected) is expected")
    }
    self = rate
  }

  package func encode(to encoder: any Encoder) throws {
    var container = encoder.singleValueContainer()
    try container.encode(description)
  }
}

/// How far a rate has been used: the time, from now, at which the next start is due. This is the generic cell rate
/// algorithm (ITU-T I.371, annex A) with a burst of one: what was not used is not saved up.
///
/// In nanoseconds, since a rate may be over one a millisecond. A start is let through within the millisecond in
/// which it is due, for the clocks tell no more; the next is counted from when it was due, so that the rate is never
/// passed.
package struct Pace: Sendable, Hashable {
  /// Between two starts, rounded up.
  private let interval: Int64
  private static let tick: Int64 = 1_000_000
  /// Until the next start is due; 0 where it has been for a while.
  package private(set) var remaining: Int64
  /// Whether less is waited for than what was noted. That must be noted anew: seen again later it would be cut again, to
  /// the same wait from then on, and never come.
  package let isShortened: Bool

  /// - Parameters:
  ///   - next: when the next start is due, nil where nothing is known of one before.
  ///   - now: on the same clock. One that was set back must not stop the queue: never is more waited for than what the
  ///     rate asks between two starts. So a rate that is raised holds from now on.
  package init(_ rate: Rate, next: Int64?, now: Int64) {
    interval = (rate.period.milliseconds * Pace.tick + Int64(rate.count) - 1) / Int64(rate.count)
    let noted = max((next ?? now) - now, 0)
    remaining = min(noted, interval + Pace.tick - 1)
    isShortened = remaining < noted
  }

  /// How long until the next start is let through: zero is now.
  package var wait: TimeSpan { TimeSpan(milliseconds: remaining / Pace.tick) }

  /// Takes a start.
  package mutating func start() { remaining += interval }
}
