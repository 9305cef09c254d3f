/// A recurring time: an expression, the zone whose clocks it is read on, and the anchor that `@every` is measured from.
///
/// **Where the clocks are changed** the rule is Vixie cron's, cron(8), which holds here for changes of any size:
/// - A fixed time of day (`30 2 * * *`) is due when the local clock first reaches or passes it. Set forward over
///   it, the
///   clock passes it: it is due at the first instant after the gap; several in one gap are due there once. Set
///     back, the
///   clock shows it again: it was due at the first occurrence, and is not at the second.
/// - An interval (`*/10 * * * *`, `0 * * * *`, `@hourly`, `*/5 2 * * *`: a `*` at the beginning of the minutes or
///   of the
///   hours) is due whenever the local clock shows it: in both of two doubled hours, not in a missing one.
/// - `@every` counts seconds and knows no zone.
package struct Schedule: Sendable, Hashable {
  package var expression: CronExpression
  package var zone: TimeZoneRules
  /// `@every` is due at the anchor plus any whole number of spans.
  package var anchor: Timestamp

  package init(_ expression: CronExpression, zone: TimeZoneRules, anchor: Timestamp) {
    self.expression = expression
    self.zone = zone
    self.anchor = anchor
  }

  /// Whether the zone matters.
  package var isReadOnClocks: Bool {
    if case .fields = expression.timing { true } else { false }
  }

  /// The first due time strictly after `time`, an instant of the years 1 to 9999.
  ///
  /// Nil where none comes before the year 9999, or within 400 years, after which the calendar repeats itself: an
  /// interval can lie in an hour that the zone's clocks leave out each year. The search is over in microseconds, and in
  /// some milliseconds where it finds nothing.
  package func next(after time: Timestamp) -> Timestamp? {
    switch expression.timing {
    case .every(let span):
      let passed = (time - anchor).milliseconds.floorDivided(by: span.milliseconds)
      let next = anchor + TimeSpan(milliseconds: (passed + 1) * span.milliseconds)
      return next < Self.end ? next : nil
    case .fields(let fields):
      return next(of: fields, after: time.wholeSeconds).map { Timestamp(milliseconds: $0 * 1000) }
    }
  }

  /// Every local time printed with four digits of year.
  private static let end = CivilTime(year: 9999, month: 1, day: 1).timestamp
  private static let calendarCycle: Int64 = 146_097 * 86_400

  /// Goes through the zone's periods, each with one offset, from `time` on; `reached` is the latest that the
  /// local clock
  /// has shown.
  private func next(of fields: CronFields, after time: Int64) -> Int64? {
    let horizon = min(time + Self.calendarCycle, Self.end.wholeSeconds)
    // What the clock showed before then it cannot show again after `time`: no two offsets are three days apart.
    var period = zone.period(containing: time - 3 * 86_400)
    var reached = period.localStart
    while true {
      if period.end > time + 1 {
        var lower = fields.isInterval ? period.localStart : reached
        if period.start <= time { lower = max(lower, time + 1 + Int64(period.offset)) }
        let upper = min(period.end, horizon) + Int64(period.offset)
        if let match = fields.firstMatch(from: lower, before: upper) {
          return max(match - Int64(period.offset), period.start)
        }
      }
      guard period.end < horizon else { return nil }
      reached = max(reached, period.localEnd)
      period = zone.period(containing: period.end)
    }
  }
}
