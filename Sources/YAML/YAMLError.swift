/// Why a text is not one document that can be read. Lines count from 1.
package enum YAMLError: Error, Sendable, Hashable {
  /// It is no YAML. `context` says what was being read, and where that begins.
  case syntax(problem: String, line: Int, context: Context?)
  /// The bytes are no characters of YAML: a control character at this offset in bytes.
  case characters(problem: String, offset: Int)
  /// A second document begins.
  case secondDocument(line: Int)
  /// An alias, `*name`: none is followed, since a kilobyte of them can stand for a gigabyte ("billion laughs").
  case alias(name: String, line: Int)
  /// These keys stand more than once in one mapping, the first of them here.
  case repeatedKeys([String], line: Int)
  case tooDeep(line: Int)
  case outOfMemory

  package struct Context: Sendable, Hashable {
    package var text: String
    package var line: Int
  }
}
