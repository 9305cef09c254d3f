extension CivilTime {
  /// Days since 1970-01-01.
  static func dayNumber(year: Int, month: Int, day: Int) -> Int {
    Int(CivilTime(year: year, month: month, day: day).timestamp.milliseconds.floorDivided(by: 86_400_000))
  }

  /// 0 is Sunday. 1970-01-01 was a Thursday.
  static func weekday(ofDay number: Int) -> Int { ((number + 4) % 7 + 7) % 7 }
}

extension Timestamp {
  /// Seconds since 1970, rounded down.
  var wholeSeconds: Int64 { milliseconds.floorDivided(by: 1000) }
}
