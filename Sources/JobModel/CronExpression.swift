/// When something recurs, in the words of crontab(5).
///
/// Five fields with spaces between, `minute hour day-of-month month day-of-week`: each `*`, a value, a range `a-b`, a
/// step `*/n` or `a-b/n`, or a list of these with commas. Months and weekdays may be named by their first three letters
/// in any case; Sunday is 0 or 7, and `sun` is either, so that it may end a range (`fri-sun`). Or one of `@yearly`
/// `@annually` `@monthly` `@weekly` `@daily` `@midnight` `@hourly`. Or `@every` and a span (`@every 90s`), which is
/// measured from an anchor.
///
/// Where day of month and day of week are both restricted, either is enough: `0 0 13 * fri` is each 13th and each
/// Friday. As in Vixie cron a field that begins with `*` does not restrict in this sense, `*/2` included, and both must
/// match: `0 0 */2 * mon` is each Monday on an odd day.
package struct CronExpression: Sendable, Hashable, CustomStringConvertible {
  enum Timing: Sendable, Hashable {
    case fields(CronFields)
    case every(TimeSpan)
  }

  /// As it was given, with single spaces.
  package let description: String
  let timing: Timing
}

/// The five fields of a cron expression.
struct CronFields: Sendable, Hashable {
  var minutes: CronValues
  var hours: CronValues
  var days: CronValues
  /// January is 1.
  var months: CronValues
  /// Sunday is 0.
  var weekdays: CronValues

  /// Whether the expression means "each so many minutes or hours" and not "at this time of day": it has a `*` at the
  /// beginning of its minutes or hours. It decides what happens where the clocks are changed, see `Schedule`.
  var isInterval: Bool { minutes.isStar || hours.isStar }

  /// The days of a month on which the expression is due, as bits 1…31; `first` is the number of the month's first
  /// day.
  func days(inMonth month: Int, of year: Int, first: Int) -> UInt64 {
    guard months.contains(month) else { return 0 }
    // Each weekday's bit, week after week: after the shift bit d is the weekday of the month's day d.
    let weeks = (0..<6).reduce(0 as UInt64) { $0 | weekdays.bits << (7 * $1) }
    let byWeekday = (weeks >> CivilTime.weekday(ofDay: first)) << 1
    let either = !days.isStar && !weekdays.isStar
    let all: UInt64 = (2 << CivilTime.days(inMonth: month, of: year)) - 2
    return all & (either ? days.bits | byWeekday : days.bits & byWeekday)
  }
}

/// The values that a field of a cron expression names, 0…63.
struct CronValues: Sendable, Hashable {
  var bits: UInt64 = 0
  /// Whether the field begins with `*`: Vixie cron's DOM_STAR, DOW_STAR, MIN_STAR and HR_STAR.
  var isStar = false

  func contains(_ value: Int) -> Bool { bits & 1 << value != 0 }

  /// The least value that is at least `minimum`, 0…64.
  func first(from minimum: Int) -> Int? { Self.first(of: bits, from: minimum) }

  static func first(of bits: UInt64, from minimum: Int) -> Int? {
    let rest = (bits >> minimum) << minimum
    return rest == 0 ? nil : rest.trailingZeroBitCount
  }
}
