import JobModel
import YAML

/// One mapping of the file while it is read. Each key is asked for by name; at the end `refuseUnknown` complains
/// of those that nobody asked for.
struct Section {
  /// The keys above, `queues.mail`; empty at the top.
  private let path: String
  private let entries: [(key: String, line: Int, node: Node)]
  private let complaints: Complaints
  private var known: [String] = []

  /// Collects what is wrong in all sections of one file.
  final class Complaints {
    private(set) var all: [Complaint] = []
    func add(_ line: Int?, _ key: String?, _ message: String) {
      all.append(Complaint(line: line, key: key, message: message))
    }
  }

  /// Nil, with a complaint, where the node is no mapping with words for keys. One that is empty or commented
  /// out as a whole is a mapping without keys.
  init?(_ node: Node, line: Int, path: String, _ complaints: Complaints) {
    self.path = path
    self.complaints = complaints
    guard case .mapping(let mapping) = node else {
      entries = []
      if node.isNull { return }
      complaints.add(line, path.isEmpty ? nil : path, "keys with values are expected, not \(node.shown)")
      return nil
    }
    entries = mapping.entries.compactMap { entry in
      guard let text = entry.key.text else {
        complaints.add(
          entry.key.line, path.isEmpty ? nil : path, "a key is expected to be a word, not \(entry.key.shown)")
        return nil
      }
      return (text, entry.key.line, entry.value)
    }
  }

  private func inner(_ key: String) -> String { path.isEmpty ? key.printable : "\(path).\(key.printable)" }

  func complain(of key: String, _ message: String) {
    complaints.add(entries.first { $0.key == key }?.line, inner(key), message)
  }

  /// The value of a key; nil where it is absent, or bad, of which a complaint is made.
  mutating func value<Value>(_ key: String, _ reading: Reading<Value>) -> Value? {
    known.append(key)
    guard let entry = entries.first(where: { $0.key == key }) else { return nil }
    guard let value = reading.parse(entry.node) else {
      let reason = reading.reason(entry.node).map { ": \($0)" } ?? ""
      complain(of: key, "\(reading.expected) is expected, not \(entry.node.shown)\(reason)")
      return nil
    }
    return value
  }

  mutating func read<Value>(_ key: String, _ reading: Reading<Value>, into target: inout Value) {
    if let value = value(key, reading) { target = value }
  }

  mutating func read<Value>(_ key: String, _ reading: Reading<Value>, into target: inout Value?) {
    if let value = value(key, reading) { target = value }
  }

  /// As `value`, with a complaint where the key is absent.
  mutating func required<Value>(_ key: String, _ reading: Reading<Value>, line: Int) -> Value? {
    if !entries.contains(where: { $0.key == key }) { complaints.add(line, inner(key), "is missing") }
    return value(key, reading)
  }

  /// Reads the mapping under a key, if there is one.
  mutating func section(_ key: String, _ body: (inout Section, _ line: Int) -> Void) {
    known.append(key)
    guard let entry = entries.first(where: { $0.key == key }) else { return }
    enter(entry, body)
  }

  /// Reads the mapping under each key, the keys being names of the person's own.
  mutating func sections(_ name: Reading<String>, _ body: (_ name: String, inout Section, _ line: Int) -> Void) {
    for entry in entries {
      known.append(entry.key)
      guard let name = name.parse(Node(entry.key)) else {
        complain(of: entry.key, "\(name.expected) is expected")
        continue
      }
      enter(entry) { body(name, &$0, $1) }
    }
  }

  private func enter(
    _ entry: (key: String, line: Int, node: Node), _ body: (inout Section, Int) -> Void
  ) {
    guard
      var section = Section(entry.node, line: entry.line, path: inner(entry.key), complaints)
    else { return }
    body(&section, entry.line)
    section.refuseUnknown()
  }

  /// Complains of each key that has not been asked for, with the nearest that there is.
  func refuseUnknown() {
    for entry in entries where !known.contains(entry.key) {
      let nearest = known.map { ($0, $0.editDistance(to: entry.key)) }.min { $0.1 < $1.1 }
      let hint =
        if let nearest, nearest.1 <= 2 { "did you mean \"\(nearest.0)\"?" } else {
          "known are \(known.sorted().joined(separator: ", "))"
        }
      complain(of: entry.key, "unknown key; \(hint)")
    }
  }
}

extension String {
  /// Levenshtein's distance, with the two rows that it needs; keys are short.
  fileprivate func editDistance(to other: String) -> Int {
    let left = Array(unicodeScalars.prefix(64))
    let right = Array(other.unicodeScalars.prefix(64))
    var row = Array(0...right.count)
    for (i, a) in left.enumerated() {
      var diagonal = row[0]
      row[0] = i + 1
      for (j, b) in right.enumerated() {
        let next = Swift.min(row[j] + 1, row[j + 1] + 1, diagonal + (a == b ? 0 : 1))
        diagonal = row[j + 1]
        row[j + 1] = next
      }
    }
    return row[right.count]
  }
}
