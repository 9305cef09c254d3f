/// A rule for all years, as the footer of a TZif file holds it for the time after the last transition: a POSIX `TZ`
/// string such as `CET-1CEST,M3.5.0,M10.5.0/3` (POSIX.1-2017 8.3, with the hours −167…167 of RFC 8536 3.3.1).
struct PosixTimeZone: Sendable, Hashable {
  /// Seconds east of UTC.
  var standard: Int
  var daylight: Daylight?

  struct Daylight: Sendable, Hashable {
    var offset: Int
    /// Told in standard time.
    var start: YearlyMoment
    /// Told in daylight saving time.
    var end: YearlyMoment
  }

  /// A day of each year, and the seconds from its midnight, which may lead out of that day.
  struct YearlyMoment: Sendable, Hashable {
    enum Day: Sendable, Hashable {
      /// 1…365; 29 February is never counted.
      case julian(Int)
      /// 0…365; 29 February is counted.
      case zeroBased(Int)
      /// The `week`-th (5: the last) `weekday` (0: Sunday) of the month.
      case weekday(month: Int, week: Int, weekday: Int)
    }

    var day: Day
    var seconds: Int

    /// On the local clock, in seconds.
    func time(in year: Int) -> Int64 { Int64(dayNumber(in: year)) * 86_400 + Int64(seconds) }

    private func dayNumber(in year: Int) -> Int {
      switch day {
      case .julian(let day):
        return CivilTime.dayNumber(year: year, month: 1, day: 1) + day - (day < 60 || !CivilTime.isLeap(year) ? 1 : 0)
      case .zeroBased(let day): return CivilTime.dayNumber(year: year, month: 1, day: 1) + day
      case .weekday(let month, let week, let weekday):
        let first = CivilTime.dayNumber(year: year, month: month, day: 1)
        let day = (weekday - CivilTime.weekday(ofDay: first) + 7) % 7 + (week - 1) * 7
        return first + (day < CivilTime.days(inMonth: month, of: year) ? day : day - 7)
      }
    }
  }

  func period(containing time: Int64) -> TimeZoneRules.Period {
    typealias Period = TimeZoneRules.Period
    var period = Period(start: Period.distantPast, end: Period.distantFuture, offset: standard)
    guard let daylight else { return period }
    func add(_ change: Int64, _ offset: Int) {
      if change > time {
        period.end = min(period.end, change)
      } else if change > period.start || change == period.start && offset == daylight.offset {
        // Where daylight saving time ends as it begins anew, it lasts all year.
        period.start = change
        period.offset = offset
      }
    }
    let year = CivilTime(Timestamp(milliseconds: time * 1000)).year
    // A moment may lie up to seven days outside its year: two years on each side hold the changes around `time`.
    for year in (year - 2)...(year + 2) {
      add(daylight.start.time(in: year) - Int64(standard), daylight.offset)
      add(daylight.end.time(in: year) - Int64(daylight.offset), standard)
    }
    return period
  }
}

extension PosixTimeZone {
  /// Nil where the text is no such rule, or has daylight saving time without saying when, which no TZif file does.
  init?(_ text: some Collection<UInt8>) {
    var reader = PosixReader(rest: Array(text)[...])
    guard reader.abbreviation(), let west = reader.time(hours: 0...24) else { return nil }
    standard = -west
    if !reader.rest.isEmpty {
      guard reader.abbreviation() else { return nil }
      var offset = standard + 3600
      if reader.rest.first != UInt8(ascii: ",") {
        guard let west = reader.time(hours: 0...24) else { return nil }
        offset = -west
      }
      guard let start = reader.moment(), let end = reader.moment() else { return nil }
      daylight = Daylight(offset: offset, start: start, end: end)
    }
    guard reader.rest.isEmpty else { return nil }
  }
}

private struct PosixReader {
  var rest: ArraySlice<UInt8>

  mutating func skip(_ character: Unicode.Scalar) -> Bool {
    guard rest.first == UInt8(ascii: character) else { return false }
    rest = rest.dropFirst()
    return true
  }

  /// Letters, or anything between angle brackets.
  mutating func abbreviation() -> Bool {
    if skip("<") {
      rest = rest.drop { $0 != UInt8(ascii: ">") }
      return skip(">")
    }
    let letters = rest.prefix { (0x41...0x5A).contains($0) || (0x61...0x7A).contains($0) }
    rest = rest.dropFirst(letters.count)
    return letters.count >= 3
  }

  mutating func number(_ range: ClosedRange<Int>) -> Int? {
    let digits = rest.prefix { (0x30...0x39).contains($0) }
    guard (1...3).contains(digits.count) else { return nil }
    rest = rest.dropFirst(digits.count)
    let value = digits.reduce(0) { $0 * 10 + Int($1 - 0x30) }
    return range.contains(value) ? value : nil
  }

  /// `[+-]hh[:mm[:ss]]`, in seconds.
  mutating func time(hours: ClosedRange<Int>) -> Int? {
    let negative = skip("-")
    if !negative { _ = skip("+") }
    guard var value = number(hours) else { return nil }
    value *= 3600
    if skip(":") {
      guard let minutes = number(0...59) else { return nil }
      value += minutes * 60
      if skip(":") {
        guard let seconds = number(0...59) else { return nil }
        value += seconds
      }
    }
    return negative ? -value : value
  }

  /// `,day[/time]`; 02:00 where no time is given.
  mutating func moment() -> PosixTimeZone.YearlyMoment? {
    guard skip(","), let day = day() else { return nil }
    guard skip("/") else { return .init(day: day, seconds: 7200) }
    guard let seconds = time(hours: 0...167) else { return nil }
    return .init(day: day, seconds: seconds)
  }

  private mutating func day() -> PosixTimeZone.YearlyMoment.Day? {
    if skip("J") { return number(1...365).map { .julian($0) } }
    guard skip("M") else { return number(0...365).map { .zeroBased($0) } }
    guard let month = number(1...12), skip("."), let week = number(1...5), skip("."), let weekday = number(0...6)
    else { return nil }
    return .weekday(month: month, week: week, weekday: weekday)
  }
}
