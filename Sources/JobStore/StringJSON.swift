import JobModel

/// Commands and environments as JSON text: arrays and objects of strings, the objects sorted by key, so that the same
/// value is always the same text. Every job has both, and a general coder costs more than all the rest of an enqueue.
enum StringJSON {
  static func text(_ strings: [String]) -> String { strings.jsonText }
  static func text(_ strings: [String: String]) -> String { strings.jsonText }

  /// Nil where the text is no array of strings.
  static func array(_ text: String) -> [String]? { [String].plain(text.utf8.span) }

  /// Nil where the text is no object of strings.
  static func object(_ text: String) -> [String: String]? { [String: String].plain(text.utf8.span) }
}
