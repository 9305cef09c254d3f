extension CronExpression {
  /// Reads an expression. Throws `CronError` for anything that is none, for what other crons have and this one has not
  /// (seconds, `L`, `W`, `#`, `?`, `@reboot`), and for days that never come, such as 31 February.
  package init(_ text: some StringProtocol) throws(CronError) {
    guard text.utf8.count <= 1000 else { throw CronError(nil, "an expression has at most 1000 bytes") }
    let words = String(text).split { $0 == " " || $0 == "\t" }.map(String.init)
    let description = words.joined(separator: " ")
    if words.first?.hasPrefix("@") == true {
      self.init(description: description, timing: try Self.timing(ofShorthand: words))
    } else {
      self.init(description: description, timing: .fields(try CronFields(words)))
    }
  }

  private static func timing(ofShorthand words: [String]) throws(CronError) -> Timing {
    let name = words[0].lowercased()
    if name == "@every" {
      guard words.count == 2, let span = TimeSpan(words[1]) else {
        throw CronError(nil, "@every is followed by one span of time, such as 90s, 15m or 1h30m")
      }
      guard span >= .seconds(1) else { throw CronError(nil, "@every \(span) is too often; at least 1s is expected") }
      return .every(span)
    }
    let known = [
      "@yearly": "0 0 1 1 *", "@annually": "0 0 1 1 *", "@monthly": "0 0 1 * *", "@weekly": "0 0 * * 0",
      "@daily": "0 0 * * *", "@midnight": "0 0 * * *", "@hourly": "0 * * * *",
    ]
    guard let fields = known[name] else {
      throw CronError(
        nil,
        "\"\(words[0].printable)\" is none of @yearly, @annually, @monthly, @weekly, @daily, @midnight, @hourly, "
          + "@every SPAN"
      )
    }
    guard words.count == 1 else { throw CronError(nil, "nothing is expected after \(name)") }
    return .fields(try CronFields(fields.split(separator: " ").map(String.init)))
  }
}

extension CronFields {
  fileprivate init(_ words: [String]) throws(CronError) {
    guard words.count == 5 else {
      if let word = words.first, word.contains("=") {
        throw CronError(nil, "a zone is given beside the expression, not in it")
      }
      throw CronError(
        nil,
        "five fields are expected, minute, hour, day of month, month and day of week; "
          + (words.count == 6 || words.count == 7
            ? "there are \(words.count), and seconds and years are not supported" : "there are \(words.count)"))
    }
    minutes = try CronFieldReader.minute.read(words[0])
    hours = try CronFieldReader.hour.read(words[1])
    days = try CronFieldReader.dayOfMonth.read(words[2])
    months = try CronFieldReader.month.read(words[3])
    weekdays = try CronFieldReader.dayOfWeek.read(words[4])
    weekdays.bits = (weekdays.bits | weekdays.bits >> 7) & 0x7F

    // With the weekday as the other way to be due, any day of the month may be named.
    guard days.isStar || weekdays.isStar, let least = days.first(from: 1) else { return }
    let longest = (1...12).filter(months.contains).map { CivilTime.days(inMonth: $0, of: 2000) }.max() ?? 0
    guard least <= longest else {
      throw CronError(.dayOfMonth, "it never comes: month \(words[3].printable) has no day \(words[2].printable)")
    }
  }
}

/// Reads one field.
private struct CronFieldReader {
  var field: CronError.Field
  var values: ClosedRange<Int>
  var names: [String] = []
  /// Of the first name.
  var firstName = 0

  static let minute = CronFieldReader(field: .minute, values: 0...59)
  static let hour = CronFieldReader(field: .hour, values: 0...23)
  static let dayOfMonth = CronFieldReader(field: .dayOfMonth, values: 1...31)
  static let month = CronFieldReader(
    field: .month, values: 1...12,
    names: ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"], firstName: 1)
  static let dayOfWeek = CronFieldReader(
    field: .dayOfWeek, values: 0...7, names: ["sun", "mon", "tue", "wed", "thu", "fri", "sat"])

  func read(_ text: String) throws(CronError) -> CronValues {
    var values = CronValues(isStar: text.hasPrefix("*"))
    for item in text.split(separator: ",", omittingEmptySubsequences: false) {
      guard !item.isEmpty else { throw error("\"\(text.printable)\" has a comma without a value beside it") }
      try add(item, to: &values)
    }
    return values
  }

  /// `*`, `a`, `a-b`, `*/n` or `a-b/n`.
  private func add(_ item: Substring, to set: inout CronValues) throws(CronError) {
    let parts = item.split(separator: "/", maxSplits: 1, omittingEmptySubsequences: false)
    let (first, last) = try ends(of: parts[0])
    var step = 1
    if parts.count == 2 {
      // The week has seven days, whether Sunday is called 0 or 7.
      let most = field == .dayOfWeek ? 7 : values.count
      guard let number = number(parts[1]), (1...most).contains(number) else {
        throw error("\"\(parts[1].printable)\" is no step; a number from 1 to \(most) is expected")
      }
      guard parts[0] == "*" || parts[0].contains("-") else {
        throw error("\"\(item.printable)\" has a step but no range; write \(parts[0])-\(values.upperBound)/\(number)")
      }
      step = number
    }
    for value in stride(from: first, through: last, by: step) { set.bits |= 1 << value }
  }

  private func ends(of range: Substring) throws(CronError) -> (Int, Int) {
    if range == "*" { return (values.lowerBound, values.upperBound) }
    let parts = range.split(separator: "-", maxSplits: 1, omittingEmptySubsequences: false)
    let first = try value(parts[0])
    guard parts.count == 2 else { return (first, first) }
    var last = try value(parts[1])
    if last < first, parts[1].lowercased() == "sun" { last = 7 }
    guard first <= last else { throw error("the range \"\(range.printable)\" runs backwards") }
    return (first, last)
  }

  private func value(_ text: Substring) throws(CronError) -> Int {
    if let index = names.firstIndex(of: text.lowercased()) { return firstName + index }
    guard let number = number(text) else { throw error(complaint(about: text)) }
    guard values.contains(number) else {
      throw error("\(text) is out of range; \(values.lowerBound) to \(values.upperBound) is expected")
    }
    return number
  }

  /// Digits only; a number too large for `Int` is out of every range, and reads as such.
  private func number(_ text: Substring) -> Int? {
    guard !text.isEmpty, text.utf8.allSatisfy({ (0x30...0x39).contains($0) }) else { return nil }
    return Int(text) ?? .max
  }

  private func complaint(about text: Substring) -> String {
    let letters = text.uppercased().filter { !$0.isNumber }
    let extensions = [
      ("#", "\"#\" (the nth weekday of a month)"), ("?", "\"?\" (no value)"), ("L", "\"L\" (the last day)"),
      ("W", "\"W\" (the nearest working day)"), ("LW", "\"LW\" (the last working day)"),
    ]
    if let other = extensions.first(where: { letters == $0.0 || $0.0 == "#" && letters.contains("#") }) {
      return "\(other.1) is an extension of other schedulers that is not supported"
    }
    let expected = names.isEmpty ? "a number" : "a number or a name such as \(names[1])"
    return text.isEmpty ? "\(expected) is missing" : "\"\(text.printable)\" is not \(expected)"
  }

  private func error(_ reason: String) -> CronError { CronError(field, reason) }
}

extension Substring {
  fileprivate var printable: String { String(self).printable }
}
