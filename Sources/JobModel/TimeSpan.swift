/// A length of time, in whole milliseconds. On the wire a number of seconds; for people `250ms 30s 5m 2h 1d`.
package struct TimeSpan: Hashable, Comparable, Sendable, Codable, CustomStringConvertible {
  package var milliseconds: Int64

  package init(milliseconds: Int64) { self.milliseconds = milliseconds }

  package static let zero = TimeSpan(milliseconds: 0)
  /// The longest span that is accepted anywhere: 100 years. It keeps every sum far from overflow.
  package static let longest = TimeSpan(milliseconds: 100 * 365 * 86_400_000)

  package static func milliseconds(_ value: Int64) -> TimeSpan { TimeSpan(milliseconds: value) }
  package static func seconds(_ value: Int64) -> TimeSpan { TimeSpan(milliseconds: value * 1000) }
  package static func minutes(_ value: Int64) -> TimeSpan { .seconds(value * 60) }
  package static func hours(_ value: Int64) -> TimeSpan { .seconds(value * 3600) }
  package static func days(_ value: Int64) -> TimeSpan { .seconds(value * 86_400) }

  package var seconds: Double { Double(milliseconds) / 1000 }
  package var duration: Duration { .milliseconds(milliseconds) }

  /// A span of a number of seconds, rounded to the millisecond; nil where it is negative, not finite or over 100 years.
  package init?(seconds: Double) {
    guard seconds.isFinite, seconds >= 0, seconds * 1000 <= Double(TimeSpan.longest.milliseconds) else { return nil }
    milliseconds = Int64((seconds * 1000).rounded())
  }

  /// Reads `250ms`, `30s`, `5m`, `2h`, `1d`, sums of them from large to small (`1h30m`), or a plain number of
  /// seconds (`30`, `0.25`). Nil for anything else: a sign, a space, an unknown unit, over 100 years.
  package init?(_ text: some StringProtocol) {
    let text = Substring(text)
    guard let first = text.first, first.isASCII, first.isNumber else { return nil }
    var total = 0.0
    var rest = text
    var lastUnit = Double.infinity
    while !rest.isEmpty {
      let digits = rest.prefix { ($0.isASCII && $0.isNumber) || $0 == "." }
      guard let value = Double(digits) else { return nil }
      rest = rest.dropFirst(digits.count)
      let unit = rest.prefix { $0.isLetter }
      rest = rest.dropFirst(unit.count)
      let scale: Double
      switch unit {
      case "": scale = 1
      case "ms": scale = 0.001
      case "s": scale = 1
      case "m": scale = 60
      case "h": scale = 3600
      case "d": scale = 86_400
      default: return nil
      }
      if unit.isEmpty, !rest.isEmpty || lastUnit != .infinity { return nil }
      guard scale < lastUnit else { return nil }
      lastUnit = scale
      total += value * scale
    }
    self.init(seconds: total)
  }

  /// The shortest form that `init(_:)` reads back to the same value: `1h30m`, `250ms`, `0s`.
  package var description: String {
    if milliseconds == 0 { return "0s" }
    var text = milliseconds < 0 ? "-" : ""
    var rest = milliseconds.magnitude
    for (unit, size) in [("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1000), ("ms", 1)]
      as [(String, UInt64)]
    where rest >= size {
      text += "\(rest / size)\(unit)"
      rest %= size
    }
    return text
  }

  package static func < (left: TimeSpan, right: TimeSpan) -> Bool { left.milliseconds < right.milliseconds }
  package static func + (left: TimeSpan, right: TimeSpan) -> TimeSpan {
    TimeSpan(milliseconds: left.milliseconds + right.milliseconds)
  }
  package static func - (left: TimeSpan, right: TimeSpan) -> TimeSpan {
    TimeSpan(milliseconds: left.milliseconds - right.milliseconds)
  }

  package init(from decoder: any Decoder) throws {
    let container = try decoder.singleValueContainer()
    guard let span = TimeSpan(seconds: try container.decode(Double.self)) else {
      throw DecodingError.dataCorruptedError(
        in: container, debugDescription: "a number of seconds from 0 to 100 years is expected")
    }
    self = span
  }

  package func encode(to encoder: any Encoder) throws {
    var container = encoder.singleValueContainer()
    if milliseconds % 1000 == 0 {
      try container.encode(milliseconds / 1000)
    } else {
      try container.encode(seconds)
    }
  }
}
