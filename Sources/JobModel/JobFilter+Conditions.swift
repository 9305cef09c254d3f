/// Which names a selection means: one, or, with a trailing `*`, all that begin so.
package struct NamePattern: Hashable, Sendable, CustomStringConvertible {
  package var text: String
  package var isPrefix: Bool

  /// Nil where it cannot be a job's name or the beginning of one.
  package init?(_ pattern: some StringProtocol) {
    guard !pattern.isEmpty, Limits.isPlainText(String(pattern), upTo: Limits.nameBytes.upperBound) else { return nil }
    isPrefix = pattern.last == "*"
    text = String(isPrefix ? pattern.dropLast() : pattern[...])
  }

  package var description: String { isPrefix ? text + "*" : text }

  package func matches(_ name: String) -> Bool {
    isPrefix ? name.utf8.starts(with: text.utf8) : name == text
  }

  /// The names that fit, in the order of their bytes. U+10FFFF is no character, and the last of all: only a name
  /// that goes on with it would be beyond.
  package var range: ClosedRange<String> { text...(isPrefix ? text + "\u{10FFFF}" : text) }
}

extension JobFilter {
  /// Whether it holds for every job.
  package var isUnconditional: Bool {
    states.isEmpty && queue == nil && labels.isEmpty && name == nil && since == nil && until == nil
  }

  /// Throws `InvalidValue` for the first condition that no job could ever meet.
  package func check() throws(InvalidValue) {
    if let queue, !Limits.isQueueName(queue) {
      throw InvalidValue("queue", "\"\(queue.printable)\" cannot be a queue's name")
    }
    if let key = labels.keys.filter({ !Limits.isLabelKey($0) }).min() {
      throw InvalidValue("label", "\"\(key.printable)\" cannot be a label's key")
    }
    if let since, let until, until <= since {
      throw InvalidValue("until", "\(until) is not after since, \(since): no job was added between them")
    }
  }
}
