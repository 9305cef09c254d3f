import JobModel
import YAML

/// How one kind of value is read from its node.
struct Reading<Value> {
  /// What a person should have written, to be followed by "is expected".
  var expected: String
  /// Nil where the node is not that.
  var parse: (Node) -> Value?
  /// Why a node that was refused is not that, where more can be said than that.
  var reason: (Node) -> String? = { _ in nil }

  init(_ expected: String, _ parse: @escaping (Node) -> Value?) {
    self.expected = expected
    self.parse = parse
  }

  /// A value that is written as one word or text. What its characters say counts, not YAML's guess at a type:
  /// `0660` stays `0660`.
  static func scalar(_ expected: String, _ parse: @escaping (String) -> Value?) -> Reading {
    Reading(expected) { node in node.text.flatMap(parse) }
  }

  /// As `reading`, or the word that stands for none.
  static func none<Some>(_ word: String, or reading: Reading<Some>) -> Reading where Value == Some? {
    Reading("\(reading.expected), or \"\(word)\"") { node in
      node.text == word ? .some(nil) : reading.parse(node).map(Optional.some)
    }
  }
}

extension Reading where Value == Int {
  static func integer(in range: ClosedRange<Int>) -> Reading {
    .scalar("a whole number from \(range.lowerBound) to \(range.upperBound)") { text in
      Int(text).flatMap { range.contains($0) ? $0 : nil }
    }
  }

  static func size(in range: ClosedRange<Int>) -> Reading {
    .scalar("a size (16MiB, 64KiB or a number of bytes) of at least \(range.lowerBound) bytes") { text in
      ByteSize(text).flatMap { range.contains($0.bytes) ? $0.bytes : nil }
    }
  }
}

extension Reading where Value == Double {
  static func number(in range: ClosedRange<Int>) -> Reading {
    .scalar("a number from \(range.lowerBound) to \(range.upperBound)") { text in
      Double(text).flatMap { (Double(range.lowerBound)...Double(range.upperBound)).contains($0) ? $0 : nil }
    }
  }
}

extension Reading where Value == TimeSpan {
  /// - Parameter isZeroAllowed: a timeout of nothing is a mistake, a grace of nothing is not.
  static func span(upTo most: TimeSpan = .longest, isZeroAllowed: Bool = true) -> Reading {
    var expected = "a duration (30s, 5m, 2h, 1d or a number of seconds)"
    if most != .longest { expected += " of at most \(most)" }
    if !isZeroAllowed { expected += " over 0" }
    return .scalar(expected) { text in
      TimeSpan(text).flatMap { $0 <= most && (isZeroAllowed || $0 > .zero) ? $0 : nil }
    }
  }
}

extension Reading where Value == String {
  static var queueName: Reading {
    .scalar("a queue's name (letters, digits and \". _ - : @\", not beginning with \".\" or \"-\")") { text in
      Limits.isQueueName(text) ? text : nil
    }
  }

  static var scheduleName: Reading {
    .scalar("a schedule's name (letters, digits and \". _ - : @\", not beginning with \".\" or \"-\")") { text in
      Limits.isQueueName(text) ? text : nil
    }
  }

  static var labelKey: Reading {
    .scalar("a label's key (letters, digits and \". _ - : @ /\")") { Limits.isLabelKey($0) ? $0 : nil }
  }

  /// A name of a group or a zone, or a line such as a cron expression.
  static func line(_ expected: String) -> Reading {
    .scalar(expected) { !$0.isEmpty && Limits.isPlainText($0, upTo: 256) ? $0 : nil }
  }

  /// unix(7): `sun_path` has 108 bytes, the last of them NUL.
  static var socketPath: Reading {
    .scalar("an absolute path of at most 107 bytes") { SocketPath.isUsable($0) ? $0 : nil }
  }
}

extension Reading where Value == UInt16 {
  static var mode: Reading {
    .scalar("a mode from \"000\" to \"777\"") { text in
      guard (3...4).contains(text.utf8.count), text.utf8.allSatisfy({ (0x30...0x37).contains($0) }) else { return nil }
      return UInt16(text, radix: 8).flatMap { $0 <= 0o777 ? $0 : nil }
    }
  }
}

extension Reading where Value == [String] {
  static var command: Reading {
    Reading("a list of words that begins with the program") { node in
      guard case .sequence(let sequence) = node else { return nil }
      let words = sequence.nodes.compactMap(\.text)
      guard words.count == sequence.nodes.count, let program = words.first, !program.isEmpty,
        words.allSatisfy({ !$0.utf8.contains(0) })
      else { return nil }
      return words
    }
  }
}

extension Reading where Value == [String: String] {
  /// - Parameter what: what the mapping holds.
  static func words(from what: String) -> Reading {
    Reading("a mapping of \(what) to words") { node in
      guard case .mapping(let mapping) = node else { return nil }
      var words: [String: String] = [:]
      for entry in mapping.entries {
        guard let key = entry.key.text, let value = entry.value.text else { return nil }
        words[key] = value
      }
      return words
    }
  }
}

extension Reading where Value == Bool {
  static var flag: Reading {
    .scalar("\"true\" or \"false\"") { $0 == "true" ? true : $0 == "false" ? false : nil }
  }
}

extension Reading where Value == ExitCodes {
  static var exitCodes: Reading { .scalar("exit codes such as 1,75,100-110") { ExitCodes($0) } }
}

extension Reading where Value: RawRepresentable & CaseIterable, Value.RawValue == String {
  static var choice: Reading {
    let words = Value.allCases.map { "\"\($0.rawValue)\"" }
    return .scalar(words.dropLast().joined(separator: ", ") + " or " + (words.last ?? "")) { Value(rawValue: $0) }
  }
}

extension Reading where Value == CronExpression {
  static var cron: Reading {
    var reading = Reading.scalar("a cron expression such as \"15 3 * * *\" or @daily") { try? CronExpression($0) }
    reading.reason = { node in
      guard let text = node.text else { return nil }
      do throws(CronError) { _ = try CronExpression(text) } catch { return error.description }
      return nil
    }
    return reading
  }
}

extension Reading where Value == Rate {
  static var rate: Reading { .scalar(Rate.expected) { Rate($0) } }
}

extension Node {
  /// The characters of a scalar; nil for anything else, and for YAML's null.
  var text: String? {
    guard case .scalar(let scalar) = self, !isNull else { return nil }
    return scalar.string
  }

  /// YAML 1.2.2 section 10.3.2: nothing, `~` or `null` without quotes.
  var isNull: Bool {
    guard case .scalar(let scalar) = self, scalar.isPlain else { return false }
    return ["", "~", "null", "Null", "NULL"].contains(scalar.string)
  }

  /// What stands there, in a complaint.
  var shown: String {
    switch self {
    case .mapping: "a mapping"
    case .sequence(let sequence): sequence.nodes.isEmpty ? "an empty list" : "a list"
    case .scalar(let scalar):
      isNull
        ? "nothing"
        : "\"\(String(scalar.string.prefix(60)).printable)\(scalar.string.count > 60 ? "…" : "")\""
    }
  }
}
