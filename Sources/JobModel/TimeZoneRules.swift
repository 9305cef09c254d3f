/// The rules of one time zone: how far its clocks are from UTC at each instant.
///
/// A value decoded from the bytes of a TZif file (RFC 8536), see `init(name:tzif:)`; the model reads no files itself.
/// Inside, instants are whole seconds since 1970-01-01T00:00:00Z without leap seconds, as CLOCK_REALTIME counts
/// them; a local clock is told in the same unit, as if its zone were UTC. Offsets are seconds east of UTC.
package struct TimeZoneRules: Sendable, Hashable {
  /// As it was asked for, such as `Europe/Berlin`.
  package let name: String
  /// In force before the first of `changes`.
  let initialOffset: Int
  /// In ascending order.
  let changes: [Change]
  /// What holds after the last change; nil where the last offset stays.
  let tail: PosixTimeZone?

  struct Change: Sendable, Hashable {
    var time: Int64
    var offset: Int
  }

  package static let utc = TimeZoneRules(name: "UTC", initialOffset: 0, changes: [], tail: nil)

  /// The offset in force, in seconds east of UTC.
  package func utcOffset(at time: Timestamp) -> Int { period(containing: time.wholeSeconds).offset }

  /// What a local date and time means. Years 1 to 9999.
  package func instants(of local: CivilTime) -> LocalInstants {
    let clock = local.timestamp
    let seconds = clock.wholeSeconds
    func instant(_ offset: Int) -> Timestamp { clock + .seconds(-Int64(offset)) }

    // No offset leads further from UTC than `offsets` allows, so what can be meant lies within these bounds. At the
    // lower one the local clock shows `seconds` or less, at the upper one `seconds` or more, and between them it runs
    // in periods and jumps at their ends: a period or a jump holds `seconds`.
    let upper = seconds - Int64(Self.offsets.lowerBound)
    var period = period(containing: seconds - Int64(Self.offsets.upperBound))
    var gapEnd = period.end
    var found: Timestamp?
    while true {
      if period.localStart <= seconds, seconds < period.localEnd {
        if let found { return .twice(found, instant(period.offset)) }
        found = instant(period.offset)
      }
      guard period.end <= upper else { break }
      let following = self.period(containing: period.end)
      if period.localEnd <= seconds, seconds < following.localStart { gapEnd = period.end }
      period = following
    }
    return found.map { .once($0) } ?? .never(gapEnd: Timestamp(milliseconds: gapEnd * 1000))
  }

  /// The period in which `time`, an instant of the years 1 to 9999, lies.
  func period(containing time: Int64) -> Period {
    let next = firstChange(after: time)
    if next == changes.count, let tail {
      var period = tail.period(containing: time)
      period.start = max(period.start, changes.last?.time ?? Period.distantPast)
      return period
    }
    return Period(
      start: next > 0 ? changes[next - 1].time : Period.distantPast,
      end: next < changes.count ? changes[next].time : Period.distantFuture,
      offset: next > 0 ? changes[next - 1].offset : initialOffset)
  }

  /// The index of the first change after `time`, by bisection; the count where there is none.
  private func firstChange(after time: Int64) -> Int {
    var low = 0
    var high = changes.count
    while low < high {
      let middle = (low + high) / 2
      if changes[middle].time > time { high = middle } else { low = middle + 1 }
    }
    return low
  }

  /// A stretch of time with one offset. Two that follow each other may have the same.
  struct Period: Sendable, Hashable {
    var start: Int64
    /// The first instant after it.
    var end: Int64
    var offset: Int

    /// RFC 8536 3.2 lets no transition lie before this; it leaves room for sums.
    static let distantPast: Int64 = -(1 << 59)
    static let distantFuture: Int64 = 1 << 59

    var localStart: Int64 { start + Int64(offset) }
    var localEnd: Int64 { end + Int64(offset) }
  }

  /// The offsets that a zone may have: more than −25 and less than 26 hours (RFC 8536 3.2).
  static let offsets = -89_999...93_599
}

/// What a local date and time means in UTC.
package enum LocalInstants: Sendable, Hashable {
  case once(Timestamp)
  /// The clocks were set back over it: it comes twice, first and second.
  case twice(Timestamp, Timestamp)
  /// The clocks were set forward over it: it never comes. The first instant after the gap.
  case never(gapEnd: Timestamp)

  /// The time at which it first comes, or the first instant after the gap in which it would have.
  package var first: Timestamp {
    switch self {
    case .once(let time), .twice(let time, _), .never(gapEnd: let time): time
    }
  }
}
