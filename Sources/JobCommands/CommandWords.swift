/// Finds where the job's own command begins: the first word after `enqueue` that is no option and no option's value. What follows belongs to
/// the job, whatever it looks like.
enum CommandWords {
  /// Options of `enqueue` that stand alone; every other takes a value.
  private static let flags: Set<String> = [
    "--hold", "--wait", "--follow", "--json", "--split-output", "--inherit-env", "--help", "-h", "--version",
  ]

  /// The words with a `--` before the job's command, where there is none yet.
  static func separated(_ words: [String]) -> [String] {
    guard words.first == "enqueue" else { return words }
    var index = 1
    while index < words.count {
      let word = words[index]
      if word == "--" { return words }
      guard word.hasPrefix("-"), word != "-" else {
        return Array(words[..<index]) + ["--"] + Array(words[index...])
      }
      index += flags.contains(word) || word.contains("=") ? 1 : 2
    }
    return words
  }
}
