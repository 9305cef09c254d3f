import JobModel

/// A request's query parameters, read strictly: what nobody asks for is refused by name, as is a value that cannot be.
///
/// Each value is taken out as it is read; `finish` refuses what is left.
struct QueryParameters {
  private var values: [String: [String]] = [:]
  private var asked: [String] = []

  init(_ query: Substring?) throws(Problem) {
    for pair in (query ?? "").split(separator: "&") {
      let parts = pair.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
      guard let name = parts[0].percentDecoded(form: true),
        let value = parts.count == 2 ? parts[1].percentDecoded(form: true) : ""
      else { throw Problem(.malformed, "the query holds a \"%\" that is no percent-encoding") }
      values[name, default: []].append(value)
    }
  }

  /// All values of a parameter that may be repeated, in their order.
  mutating func all(_ name: String) -> [String] {
    asked.append(name)
    return values.removeValue(forKey: name) ?? []
  }

  mutating func text(_ name: String) throws(Problem) -> String? {
    let all = all(name)
    guard all.count <= 1 else { throw Problem(InvalidValue(name, "is given \(all.count) times")) }
    return all.first
  }

  mutating func integer(_ name: String, in range: ClosedRange<Int64>) throws(Problem) -> Int64? {
    guard let text = try text(name) else { return nil }
    guard let number = Int64(text), range.contains(number), text.first != "+" else {
      throw Problem(
        InvalidValue(name, "\"\(text.printable)\" is no number from \(range.lowerBound) to \(range.upperBound)"))
    }
    return number
  }

  mutating func flag(_ name: String) throws(Problem) -> Bool {
    switch try text(name) {
    case nil, "false", "0": false
    case "true", "1": true
    case let text?: throw Problem(InvalidValue(name, "true or false is expected, not \"\(text.printable)\""))
    }
  }

  /// A number of seconds, or a duration such as `2m`.
  mutating func span(_ name: String) throws(Problem) -> TimeSpan? {
    guard let text = try text(name) else { return nil }
    guard let span = TimeSpan(text) else {
      throw Problem(InvalidValue(name, "a number of seconds is expected, not \"\(text.printable)\""))
    }
    return span
  }

  mutating func job(_ name: String) throws(Problem) -> JobID? {
    guard let text = try text(name) else { return nil }
    guard let id = JobID(text) else {
      throw Problem(InvalidValue(name, "a job's number is expected, not \"\(text.printable)\""))
    }
    return id
  }

  /// One word of a list.
  mutating func word<Word: RawRepresentable & CaseIterable>(_ name: String, _: Word.Type = Word.self)
    throws(Problem) -> Word?
  where Word.RawValue == String {
    guard let text = try text(name) else { return nil }
    return try Self.word(text, name)
  }

  static func word<Word: RawRepresentable & CaseIterable>(_ text: String, _ name: String) throws(Problem) -> Word
  where Word.RawValue == String {
    guard let word = Word(rawValue: text) else {
      let known = Word.allCases.map(\.rawValue).joined(separator: ", ")
      throw Problem(InvalidValue(name, "\"\(text.printable)\" is none of \(known)"))
    }
    return word
  }

  /// Refuses the parameters that were not asked for.
  func finish() throws(Problem) {
    guard let name = values.keys.min() else { return }
    let known = asked.isEmpty ? "none is known here" : "known are \(asked.sorted().joined(separator: ", "))"
    throw Problem(
      .invalidValue, "unknown query parameter \"\(name.printable)\"; \(known)", field: name.printable)
  }
}
