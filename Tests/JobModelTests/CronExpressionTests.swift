import Testing

@testable import JobModel

@Suite("Cron expressions")
struct CronExpressionTests {
  @Test(
    "a field names its values",
    arguments: [
      ("*", Array(0...59)), ("5", [5]), ("05", [5]), ("1,2,1", [1, 2]), ("10-13", [10, 11, 12, 13]),
      ("*/20", [0, 20, 40]),
      ("*/60", [0]), ("10-30/10", [10, 20, 30]), ("10-29/10", [10, 20]), ("0-10/5,59,*/30", [0, 5, 10, 30, 59]),
      ("7-7", [7]),
    ] as [(String, [Int])])
  func values(field: String, expected: [Int]) throws {
    let fields = try fields("\(field) 0 * * *")
    #expect((0...59).filter(fields.minutes.contains) == expected)
  }

  @Test(
    "months and weekdays may be named in any case, and Sunday has three names",
    arguments: [
      ("jan-MAR,Dec", "*", [1, 2, 3, 12], Array(0...6)), ("*", "sun", Array(1...12), [0]),
      ("*", "7", Array(1...12), [0]),
      ("*", "5-7", Array(1...12), [0, 5, 6]), ("*", "Fri-SUN", Array(1...12), [0, 5, 6]),
      ("*", "sun-tue", Array(1...12), [0, 1, 2]),
      ("*", "sun-sun", Array(1...12), [0]), ("*/6", "0-7", [1, 7], Array(0...6)),
      ("*", "1-7/2", Array(1...12), [0, 1, 3, 5]),
      ("*", "*/7", Array(1...12), [0]), ("may", "7-sun", [5], [0]),
    ] as [(String, String, [Int], [Int])])
  func names(month: String, weekday: String, months: [Int], weekdays: [Int]) throws {
    let fields = try fields("0 0 * \(month) \(weekday)")
    #expect((0...15).filter(fields.months.contains) == months)
    #expect((0...15).filter(fields.weekdays.contains) == weekdays)
  }

  @Test(
    "a shorthand means its five fields",
    arguments: [
      ("@yearly", "0 0 1 1 *"), ("@annually", "0 0 1 1 *"), ("@monthly", "0 0 1 * *"), ("@weekly", "0 0 * * 0"),
      ("@daily", "0 0 * * *"), ("@midnight", "0 0 * * *"), (" @Hourly ", "0 * * * *"),
    ])
  func shorthands(name: String, meaning: String) throws { #expect(try fields(name) == fields(meaning)) }

  @Test(
    "@every takes any span of a second or more",
    arguments: [("@every 90s", 90), ("@EVERY  1h30m", 5400), ("@every 1", 1)])
  func every(text: String, seconds: Int64) throws {
    #expect(try CronExpression(text).timing == .every(.seconds(seconds)))
  }

  @Test("it is kept as it was given, with single spaces")
  func description() throws {
    #expect(try CronExpression(" 0\t3  * * Mon-Fri ").description == "0 3 * * Mon-Fri")
    #expect(try CronExpression("@every  90s").description == "@every 90s")
  }

  @Test("a star at the beginning of minutes or hours makes an interval, as MIN_STAR and HR_STAR do in Vixie cron")
  func intervals() throws {
    for text in ["* 2 * * *", "*/5 2 * * *", "0 * * * *", "0 */2 * * *", "@hourly", "*/5,7 2 * * *"] {
      #expect(try fields(text).isInterval, "\(text)")
    }
    for text in ["0 2 * * *", "0-59 2 * * *", "@daily", "0 0-23/2 * * *", "7,*/5 2 * * *"] {
      #expect(try !fields(text).isInterval, "\(text)")
    }
  }

  @Test("days of the month and of the week: either, where neither begins with a star; else both")
  func vixieRule() throws {
    // November 2026 begins on a Sunday.
    let first = CivilTime.dayNumber(year: 2026, month: 11, day: 1)
    func days(_ dayOfMonth: String, _ dayOfWeek: String) throws -> [Int] {
      let bits = try fields("0 0 \(dayOfMonth) 11 \(dayOfWeek)").days(inMonth: 11, of: 2026, first: first)
      return (0...63).filter { bits & 1 << $0 != 0 }
    }
    #expect(try days("*", "*") == Array(1...30))
    #expect(try days("13", "*") == [13])
    #expect(try days("31,30", "*") == [30])
    #expect(try days("*", "fri") == [6, 13, 20, 27])
    #expect(try days("13", "fri") == [6, 13, 20, 27])
    #expect(try days("14", "fri") == [6, 13, 14, 20, 27])
    #expect(try days("*/2", "mon") == [9, 23])
    #expect(try days("1-7", "*/7") == [1])
    #expect(try days("1-31", "mon") == Array(1...30))
  }

  @Test(
    "what is no expression is refused with its field and a sentence",
    arguments: [
      ("60 * * * *", .minute, "60 is out of range; 0 to 59 is expected"),
      ("* 24 * * *", .hour, "24 is out of range; 0 to 23 is expected"),
      ("* * 0 * *", .dayOfMonth, "0 is out of range; 1 to 31 is expected"),
      ("* * 32 * *", .dayOfMonth, "32 is out of range; 1 to 31 is expected"),
      ("* * * 13 *", .month, "13 is out of range; 1 to 12 is expected"),
      ("* * * * 8", .dayOfWeek, "8 is out of range; 0 to 7 is expected"),
      ("99999999999999999999 * * * *", .minute, "99999999999999999999 is out of range; 0 to 59 is expected"),
      ("*/0 * * * *", .minute, "\"0\" is no step; a number from 1 to 60 is expected"),
      ("*/61 * * * *", .minute, "\"61\" is no step; a number from 1 to 60 is expected"),
      ("* * * * */8", .dayOfWeek, "\"8\" is no step; a number from 1 to 7 is expected"),
      ("*/ * * * *", .minute, "\"\" is no step; a number from 1 to 60 is expected"),
      ("5/10 * * * *", .minute, "\"5/10\" has a step but no range; write 5-59/10"),
      ("30-10 * * * *", .minute, "the range \"30-10\" runs backwards"),
      ("* * * * 5-0", .dayOfWeek, "the range \"5-0\" runs backwards"),
      ("* * * * fri-mon", .dayOfWeek, "the range \"fri-mon\" runs backwards"),
      ("1,,2 * * * *", .minute, "\"1,,2\" has a comma without a value beside it"),
      (", * * * *", .minute, "\",\" has a comma without a value beside it"),
      ("-5 * * * *", .minute, "a number is missing"), ("5- * * * *", .minute, "a number is missing"),
      ("+5 * * * *", .minute, "\"+5\" is not a number"), ("** * * * *", .minute, "\"**\" is not a number"),
      ("*-5 * * * *", .minute, "\"*\" is not a number"), ("٣ * * * *", .minute, "\"٣\" is not a number"),
      ("mon * * * *", .minute, "\"mon\" is not a number"),
      ("* * * mon *", .month, "\"mon\" is not a number or a name such as feb"),
      ("* * * * monday", .dayOfWeek, "\"monday\" is not a number or a name such as mon"),
      ("* * * * m\u{1B}n", .dayOfWeek, "\"m\\u{1b}n\" is not a number or a name such as mon"),
      ("0 0 L * *", .dayOfMonth, "\"L\" (the last day) is an extension of other schedulers that is not supported"),
      ("0 0 * * 5L", .dayOfWeek, "\"L\" (the last day) is an extension of other schedulers that is not supported"),
      (
        "0 0 15W * *", .dayOfMonth,
        "\"W\" (the nearest working day) is an extension of other schedulers that is not supported"
      ),
      (
        "0 0 * * mon#2", .dayOfWeek,
        "\"#\" (the nth weekday of a month) is an extension of other schedulers that is not supported"
      ),
      ("0 0 ? * 1", .dayOfMonth, "\"?\" (no value) is an extension of other schedulers that is not supported"),
      ("0 0 31 2 *", .dayOfMonth, "it never comes: month 2 has no day 31"),
      ("0 0 30 feb */2", .dayOfMonth, "it never comes: month feb has no day 30"),
      ("0 0 31 2,4,6,9,11 *", .dayOfMonth, "it never comes: month 2,4,6,9,11 has no day 31"),
      ("", nil, "five fields are expected, minute, hour, day of month, month and day of week; there are 0"),
      ("* * * *", nil, "five fields are expected, minute, hour, day of month, month and day of week; there are 4"),
      (
        "0 * * * * *", nil,
        "five fields are expected, minute, hour, day of month, month and day of week; there are 6, and seconds and years are not supported"
      ),
      ("CRON_TZ=UTC 0 0 * * *", nil, "a zone is given beside the expression, not in it"),
      (
        "@reboot", nil,
        "\"@reboot\" is none of @yearly, @annually, @monthly, @weekly, @daily, @midnight, @hourly, @every SPAN"
      ),
      ("@daily 5", nil, "nothing is expected after @daily"),
      ("@every", nil, "@every is followed by one span of time, such as 90s, 15m or 1h30m"),
      ("@every 1h 30m", nil, "@every is followed by one span of time, such as 90s, 15m or 1h30m"),
      ("@every 0s", nil, "@every 0s is too often; at least 1s is expected"),
      ("@every 999ms", nil, "@every 999ms is too often; at least 1s is expected"),
    ] as [(String, CronError.Field?, String)])
  func refused(text: String, field: CronError.Field?, reason: String) {
    #expect(throws: CronError(field, reason)) { try CronExpression(text) }
  }

  @Test(
    "a day that comes in any month that is named is fine, 29 February included",
    arguments: [
      "0 0 29 2 *", "0 0 31 2,3 *", "0 0 31 2 1", "0 0 30 4 *", "0 0 29,31 2 *",
    ])
  func possible(text: String) throws { _ = try CronExpression(text) }

  @Test("an error says its field first")
  func errorText() { #expect("\(CronError(.dayOfWeek, "why"))" == "day of week: why") }

  @Test("an overlong text is refused without being repeated")
  func overlong() {
    #expect(throws: CronError(nil, "an expression has at most 1000 bytes")) {
      try CronExpression(String(repeating: "1,", count: 600) + "1 * * * *")
    }
  }

  private func fields(_ text: String) throws -> CronFields {
    guard case .fields(let fields) = try CronExpression(text).timing else {
      throw CronError(nil, "no fields")
    }
    return fields
  }
}
