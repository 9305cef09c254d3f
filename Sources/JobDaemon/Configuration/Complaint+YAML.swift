import JobModel
import YAML

extension Complaint {
  /// What the parser says, with the line that it means.
  init(_ error: YAMLError, _ text: String) {
    func saying(_ problem: String, at line: Int, _ context: YAMLError.Context? = nil) -> Complaint {
      let lines = text.split(maxSplits: line, omittingEmptySubsequences: false, whereSeparator: \.isNewline)
      let indent = lines.indices.contains(line - 1) ? lines[line - 1].prefix { $0.isWhitespace } : ""
      if indent.contains("\t") {
        return Complaint(line: line, key: nil, message: "a tab stands before the text; YAML indents with spaces")
      }
      // What is not closed shows at the end of the file; where it was opened is what a person looks for.
      let origin = context.map { ", \($0.text) that begins on line \($0.line)" } ?? ""
      return Complaint(line: line, key: nil, message: "this is no YAML: \(problem)\(origin)")
    }
    switch error {
    case .syntax(let problem, let line, let context): self = saying(problem, at: line, context)
    case .characters(let problem, let offset):
      self = saying(problem, at: 1 + text.utf8.prefix(offset).count { $0 == UInt8(ascii: "\n") })
    case .secondDocument(let line):
      self.init(line: line, key: nil, message: "one document is expected: here a second one begins")
    case .alias(let name, let line):
      self.init(line: line, key: nil, message: "the alias *\(name) is not supported; write the value out")
    case .repeatedKeys(let keys, let line):
      self.init(
        line: line, key: keys.joined(separator: ", ").printable,
        message: "stands more than once in the same mapping; this is the first")
    case .tooDeep(let line): self.init(line: line, key: nil, message: "this is nested too deeply")
    case .outOfMemory: self.init(line: nil, key: nil, message: "there is no memory to read it")
    }
  }
}
