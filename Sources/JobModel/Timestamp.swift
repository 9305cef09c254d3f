/// A point on the wall clock (CLOCK_REALTIME): milliseconds since 1970-01-01T00:00:00Z.
/// On the wire RFC 3339 in UTC with milliseconds, `2026-11-24T08:14:40.123Z`.
package struct Timestamp: Hashable, Comparable, Sendable, Codable, CustomStringConvertible {
  package var milliseconds: Int64

  package init(milliseconds: Int64) { self.milliseconds = milliseconds }

  package static func < (left: Timestamp, right: Timestamp) -> Bool { left.milliseconds < right.milliseconds }
  package static func + (left: Timestamp, right: TimeSpan) -> Timestamp {
    Timestamp(milliseconds: left.milliseconds + right.milliseconds)
  }
  package static func - (left: Timestamp, right: Timestamp) -> TimeSpan {
    TimeSpan(milliseconds: left.milliseconds - right.milliseconds)
  }

  package var description: String { rfc3339 }

  /// RFC 3339, UTC, milliseconds.
  package var rfc3339: String {
    var text: [UInt8] = []
    text.reserveCapacity(Self.rfc3339Length)
    writeRFC3339 { text.append($0) }
    return String(decoding: text, as: UTF8.self)
  }

  /// In bytes, of any time: `JSONBuilder` makes room for so many before they are written.
  static let rfc3339Length = 24

  /// The same, byte by byte. Inlined: most of what it costs else are the calls.
  @inline(__always) func writeRFC3339(_ write: (UInt8) -> Void) {
    let civil = CivilTime(self)
    func put(_ value: Int, then mark: Unicode.Scalar) {
      write(UInt8(0x30 + value / 10))
      write(UInt8(0x30 + value % 10))
      write(UInt8(ascii: mark))
    }
    write(UInt8(0x30 + civil.year / 1000 % 10))
    write(UInt8(0x30 + civil.year / 100 % 10))
    put(civil.year % 100, then: "-")
    put(civil.month, then: "-")
    put(civil.day, then: "T")
    put(civil.hour, then: ":")
    put(civil.minute, then: ":")
    put(civil.second, then: ".")
    write(UInt8(0x30 + civil.millisecond / 100))
    put(civil.millisecond % 100, then: "Z")
  }

  /// Reads RFC 3339 section 5.6 (`2026-11-24T08:14:40Z`, any fraction, any offset, a space or lower case for the T).
  /// A leap second reads as the second before it. Nil for anything else, dates that do not exist included, and those that in UTC are in no year from 1 to 9999.
  package init?(rfc3339 text: some StringProtocol) {
    var bytes = Array(text.utf8)[...]
    func number(_ digits: Int) -> Int? {
      guard bytes.count >= digits else { return nil }
      var value = 0
      for byte in bytes.prefix(digits) {
        guard (0x30...0x39).contains(byte) else { return nil }
        value = value * 10 + Int(byte - 0x30)
      }
      bytes = bytes.dropFirst(digits)
      return value
    }
    func skip(_ allowed: String) -> Bool {
      guard let byte = bytes.first, allowed.utf8.contains(byte) else { return false }
      bytes = bytes.dropFirst()
      return true
    }
    guard let year = number(4), skip("-"), let month = number(2), skip("-"), let day = number(2), skip("Tt "),
      let hour = number(2), skip(":"), let minute = number(2), skip(":"), let second = number(2)
    else { return nil }
    var millisecond = 0
    if skip(".") {
      let fraction = bytes.prefix { (0x30...0x39).contains($0) }
      guard !fraction.isEmpty else { return nil }
      let padded = Array(fraction.prefix(3)) + Array(repeating: 0x30, count: max(0, 3 - fraction.count))
      millisecond = padded.reduce(0) { $0 * 10 + Int($1 - 0x30) }
      bytes = bytes.dropFirst(fraction.count)
    }
    var offsetMinutes = 0
    if !skip("Zz") {
      let negative = bytes.first == 0x2D
      guard skip("+-"), let hours = number(2), skip(":"), let minutes = number(2), hours < 24, minutes < 60
      else { return nil }
      offsetMinutes = (hours * 60 + minutes) * (negative ? -1 : 1)
    }
    guard bytes.isEmpty, year >= 1, (1...12).contains(month), hour < 24, minute < 60, second <= 60,
      day >= 1, day <= CivilTime.days(inMonth: month, of: year)
    else { return nil }
    let civil = CivilTime(
      year: year, month: month, day: day, hour: hour, minute: minute, second: min(second, 59), millisecond: millisecond)
    let time = civil.timestamp + TimeSpan(milliseconds: Int64(-offsetMinutes) * 60_000)
    // In UTC it may lie in a year that cannot be written.
    guard Self.firstWritable <= time, time <= Self.lastWritable else { return nil }
    self = time
  }

  private static let firstWritable = CivilTime(year: 1, month: 1, day: 1).timestamp
  private static let lastWritable = CivilTime(
    year: 9999, month: 12, day: 31, hour: 23, minute: 59, second: 59, millisecond: 999
  ).timestamp

  package init(from decoder: any Decoder) throws {
    let container = try decoder.singleValueContainer()
    guard let time = Timestamp(rfc3339: try container.decode(String.self)) else {
      throw DecodingError.dataCorruptedError(
        in: container, debugDescription: "an RFC 3339 time is expected, such as 2026-11-24T08:14:40Z")
    }
    self = time
  }

  package func encode(to encoder: any Encoder) throws {
    var container = encoder.singleValueContainer()
    try container.encode(rfc3339)
  }
}

/// A date and time of day in UTC, in the proleptic Gregorian calendar.
package struct CivilTime: Hashable, Sendable {
  package var year: Int
  package var month: Int
  package var day: Int
  package var hour: Int
  package var minute: Int
  package var second: Int
  package var millisecond: Int

  package init(year: Int, month: Int, day: Int, hour: Int = 0, minute: Int = 0, second: Int = 0, millisecond: Int = 0) {
    self.year = year
    self.month = month
    self.day = day
    self.hour = hour
    self.minute = minute
    self.second = second
    self.millisecond = millisecond
  }

  /// Howard Hinnant, "chrono-Compatible Low-Level Date Algorithms", `civil_from_days`: eras of 400 years, years that
  /// begin in March, so that the leap day comes last.
  package init(_ time: Timestamp) {
    let days = time.milliseconds.floorDivided(by: 86_400_000)
    let rest = Int(time.milliseconds - days * 86_400_000)
    let shifted = Int(days) + 719_468
    let era = (shifted >= 0 ? shifted : shifted - 146_096) / 146_097
    let dayOfEra = shifted - era * 146_097
    let yearOfEra = (dayOfEra - dayOfEra / 1460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
    let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
    let monthFromMarch = (5 * dayOfYear + 2) / 153
    day = dayOfYear - (153 * monthFromMarch + 2) / 5 + 1
    month = monthFromMarch < 10 ? monthFromMarch + 3 : monthFromMarch - 9
    year = yearOfEra + era * 400 + (month <= 2 ? 1 : 0)
    hour = rest / 3_600_000
    minute = rest / 60_000 % 60
    second = rest / 1000 % 60
    millisecond = rest % 1000
  }

  /// The inverse, `days_from_civil`.
  package var timestamp: Timestamp {
    let marchYear = month <= 2 ? year - 1 : year
    let era = (marchYear >= 0 ? marchYear : marchYear - 399) / 400
    let yearOfEra = marchYear - era * 400
    let dayOfYear = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1
    let dayOfEra = yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear
    let days = era * 146_097 + dayOfEra - 719_468
    return Timestamp(
      milliseconds: Int64(days) * 86_400_000 + Int64(hour * 3_600_000 + minute * 60_000 + second * 1000 + millisecond))
  }

  package static func isLeap(_ year: Int) -> Bool { year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) }

  package static func days(inMonth month: Int, of year: Int) -> Int {
    switch month {
    case 2: isLeap(year) ? 29 : 28
    case 4, 6, 9, 11: 30
    default: 31
    }
  }
}

extension Int64 {
  /// The quotient, rounded down; `divisor` is positive.
  func floorDivided(by divisor: Int64) -> Int64 {
    let quotient = self / divisor
    return self % divisor < 0 ? quotient - 1 : quotient
  }
}

/// What the clocks say at one moment. Nothing in the model reads a clock: a moment is handed to it.
package struct Moment: Sendable, Hashable {
  /// CLOCK_REALTIME.
  package var wall: Timestamp
  /// CLOCK_BOOTTIME in milliseconds: never set, and it counts suspend. Delays and backoff are measured by it.
  package var boot: Int64

  package init(wall: Timestamp, boot: Int64) {
    self.wall = wall
    self.boot = boot
  }
}
