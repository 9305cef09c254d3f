import ArgumentParser
import JobModel

/// How the words of the command line become values. Each throws what a person should have typed.
enum Values {
  static func span(_ text: String) throws -> TimeSpan {
    guard let span = TimeSpan(text) else {
      throw ValidationError("a duration is expected, such as 250ms, 30s, 5m, 2h, 1d, or a number of seconds")
    }
    return span
  }

  static func positiveSpan(_ text: String) throws -> TimeSpan {
    let span = try span(text)
    guard span > .zero else { throw ValidationError("a duration over 0 is expected") }
    return span
  }

  static func label(_ text: String) throws -> Label {
    guard let equals = text.firstIndex(of: "="), equals != text.startIndex else {
      throw ValidationError("KEY=VALUE is expected")
    }
    return Label(key: String(text[..<equals]), value: String(text[text.index(after: equals)...]))
  }

  static func exitCodes(_ text: String) throws -> ExitCodes {
    guard let codes = ExitCodes(text) else {
      throw ValidationError("exit codes from 0 to 255 are expected, such as 1,75,100-110")
    }
    return codes
  }

  /// One job's number, or several with commas between.
  static func ids(_ text: String) throws -> JobIDs {
    let ids = try text.split(separator: ",", omittingEmptySubsequences: false).map { part in
      guard let id = JobID(part) else { throw ValidationError("a job's number is expected, such as 42 or 42,43") }
      return id
    }
    return JobIDs(all: ids)
  }

  static func id(_ text: String) throws -> JobID {
    guard let id = JobID(text) else { throw ValidationError("a job's number is expected, such as 42") }
    return id
  }

  static func states(_ text: String) throws -> JobStates {
    let states = try text.split(separator: ",", omittingEmptySubsequences: false).map {
      try word(String($0), JobState.self)
    }
    return JobStates(all: states)
  }

  static func queue(_ text: String) throws -> String {
    guard Limits.isQueueName(text) else {
      throw ValidationError(
        "a queue's name is made of letters, digits and \". _ - : @\", and does not begin with \".\" or \"-\"")
    }
    return text
  }

  static func backoffKind(_ text: String) throws -> Backoff.Kind { try word(text, Backoff.Kind.self) }
  static func onInterrupt(_ text: String) throws -> OnInterrupt { try word(text, OnInterrupt.self) }

  static func startTime(_ text: String) throws -> StartTime {
    guard let time = StartTime(text) else {
      throw ValidationError("a time is expected, 2026-11-24T08:14:40Z or HH:MM[:SS]")
    }
    return time
  }

  static func pastTime(_ text: String) throws -> PastTime {
    guard let time = PastTime(text) else {
      throw ValidationError("a time is expected, 2026-11-24T08:14:40Z or HH:MM[:SS], or how long ago, such as 2h or 7d")
    }
    return time
  }

  static func namePattern(_ text: String) throws -> NamePattern {
    guard let pattern = NamePattern(text) else {
      throw ValidationError("a name of 1 to 256 bytes is expected, or the beginning of one and *")
    }
    return pattern
  }

  static func priority(_ text: String) throws -> Int { try number(text, in: Limits.priority) }
  static func places(_ text: String) throws -> Int { try number(text, in: QueueLimits.concurrencies) }
  static func retries(_ text: String) throws -> Int { try number(text, in: Limits.retries) }
  static func pageSize(_ text: String) throws -> Int { try number(text, in: JobFilter.limits) }
  /// An attempt's number, or a number of lines: the API takes what fits 31 bits.
  static func attempt(_ text: String) throws -> Int { try number(text, in: 1...Int(Int32.max)) }
  static func jobCount(_ text: String) throws -> Int { try number(text, in: 0...1_000_000_000) }
  static func lineCount(_ text: String) throws -> Int { try number(text, in: 0...Int(Int32.max)) }

  static func number(_ text: String, in range: ClosedRange<Int>) throws -> Int {
    guard let number = Int(text), text.first != "+", range.contains(number) else {
      throw ValidationError("a number from \(range.lowerBound) to \(range.upperBound) is expected")
    }
    return number
  }

  static func word<Word: RawRepresentable & CaseIterable>(_ text: String, _: Word.Type) throws -> Word
  where Word.RawValue == String {
    guard let word = Word(rawValue: text) else {
      throw ValidationError("one of \(words(Word.self).joined(separator: ", ")) is expected, not \"\(text.printable)\"")
    }
    return word
  }

  static func words<Word: RawRepresentable & CaseIterable>(_: Word.Type) -> [String] where Word.RawValue == String {
    Word.allCases.map(\.rawValue)
  }
}

struct Label: Hashable {
  var key: String
  var value: String
}

/// The numbers of one word.
struct JobIDs: Hashable {
  var all: [JobID]
}

/// The states of one word.
struct JobStates: Hashable {
  var all: [JobState]
}
