import JobModel
import Yams

/// The one document of a configuration file, as nodes that know their lines.
enum YAMLDocument {
  /// Nil for a text without a document.
  /// - Throws: the first thing that is no YAML, a key that stands twice, or an alias.
  static func root(of text: String) throws(Complaint) -> Node? {
    try refuseAliases(text)
    do {
      // The basic resolver guesses no types: what a value is, its key says. Nesting is bounded by the parser
      // itself, at 1000.
      return try Parser(yaml: text, resolver: .basic, encoding: .utf8).singleRoot()
    } catch let error as YamlError {
      throw Complaint(error, text)
    } catch {
      throw Complaint(line: nil, key: nil, message: "\(error)")
    }
  }

  /// A configuration has no use for aliases, and a kilobyte of them can stand for a gigabyte ("billion
  /// laughs"); the parser compares keys, so it would
  /// walk through all of that. So they are refused before it: a `*name` after the `&name` that it would mean,
  /// each where a value may begin.
  /// In quotes and comments both are text, but a file that has both, of one name, is not one to be kind to.
  private static func refuseAliases(_ text: String) throws(Complaint) {
    var anchors: Set<String> = []
    var line = 1
    var previous = UInt8(ascii: " ")
    var rest = text.utf8.starts(with: [0xEF, 0xBB, 0xBF]) ? text.utf8.dropFirst(3) : text.utf8[...]
    while let byte = rest.popFirst() {
      if byte == UInt8(ascii: "\n") { line += 1 }
      if byte == UInt8(ascii: "&") || byte == UInt8(ascii: "*"), " \t\r\n[{,:?-".utf8.contains(previous) {
        let name = String(decoding: rest.prefix(while: isNameByte), as: UTF8.self)
        if byte == UInt8(ascii: "&") {
          anchors.insert(name)
        } else if anchors.contains(name) {
          throw Complaint(
            line: line, key: nil, message: "the alias *\(name) is not supported; write the value out")
        }
      }
      previous = byte
    }
  }

  /// libyaml's own rule for the names of anchors.
  private static func isNameByte(_ byte: UInt8) -> Bool {
    switch byte {
    case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
      UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "_"), UInt8(ascii: "-"):
      true
    default: false
    }
  }
}

extension Complaint: Error {
  /// What the parser says, with the line that it means.
  fileprivate init(_ error: YamlError, _ text: String) {
    func saying(_ problem: String, at line: Int, _ context: YamlError.Context? = nil) -> Complaint {
      let lines = text.split(maxSplits: line, omittingEmptySubsequences: false, whereSeparator: \.isNewline)
      let indent = lines.indices.contains(line - 1) ? lines[line - 1].prefix { $0.isWhitespace } : ""
      if indent.contains("\t") {
        return Complaint(line: line, key: nil, message: "a tab stands before the text; YAML indents with spaces")
      }
      // What is not closed shows at the end of the file; where it was opened is what a person looks for.
      let origin = context.map { ", \($0.text) that begins on line \($0.mark.line)" } ?? ""
      return Complaint(line: line, key: nil, message: "this is no YAML: \(problem)\(origin)")
    }
    switch error {
    case .scanner(let context, let problem, let mark, _), .parser(let context, let problem, let mark, _):
      self = saying(problem, at: mark.line, context)
    case .composer(_, let problem, let mark, _):
      self.init(line: mark.line, key: nil, message: "one document is expected: \(problem)")
    case .reader(let problem, let offset, _, _):
      self = saying(problem, at: text.prefix(offset ?? 0).count(where: \.isNewline) + 1)
    case .duplicatedKeysInMapping(let keys, let context):
      self.init(
        line: context.mark.line, key: keys.sorted().joined(separator: ", ").printable,
        message: "stands more than once in the same mapping; this is the first")
    default:
      self.init(line: nil, key: nil, message: "this cannot be read as YAML: \(error)")
    }
  }
}
