extension CronFields {
  /// The first minute that matches, from `lower` on and before `upper`, on a clock that nobody changes: seconds since
  /// 1970-01-01T00:00 as that clock shows them.
  ///
  /// Looks at one mask for each month, not at each day: up to forty years, from one leap day that is a Sunday to the
  /// next, take some microseconds. Both bounds lie in the years 1 to 9999.
  func firstMatch(from lower: Int64, before upper: Int64) -> Int64? {
    guard lower < upper else { return nil }
    let minute = (lower + 59).floorDivided(by: 60)
    let today = Int(minute.floorDivided(by: 1440))
    let civil = CivilTime(Timestamp(milliseconds: minute * 60_000))
    var (year, month) = (civil.year, civil.month)
    var first = today - (civil.day - 1)

    var days = self.days(inMonth: month, of: year, first: first)
    if days & 1 << civil.day != 0, let time = timeOfDay(from: civil.hour, civil.minute) {
      return Self.match(day: today, minute: time, before: upper)
    }
    // Later days begin at midnight.
    guard let time = timeOfDay(from: 0, 0) else { return nil }
    var from = civil.day + 1
    while Int64(first) * 86_400 < upper {
      if let day = CronValues.first(of: days, from: from) {
        return Self.match(day: first + day - 1, minute: time, before: upper)
      }
      first += CivilTime.days(inMonth: month, of: year)
      (year, month) = month == 12 ? (year + 1, 1) : (year, month + 1)
      days = self.days(inMonth: month, of: year, first: first)
      from = 1
    }
    return nil
  }

  private static func match(day: Int, minute: Int, before upper: Int64) -> Int64? {
    let time = Int64(day) * 86_400 + Int64(minute) * 60
    return time < upper ? time : nil
  }

  /// The first time of day that matches, at or after this one, in minutes from midnight.
  private func timeOfDay(from hour: Int, _ minute: Int) -> Int? {
    if hours.contains(hour), let minute = minutes.first(from: minute) { return hour * 60 + minute }
    guard let hour = hours.first(from: hour + 1), let minute = minutes.first(from: 0) else { return nil }
    return hour * 60 + minute
  }
}
