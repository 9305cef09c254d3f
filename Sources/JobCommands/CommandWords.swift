import ArgumentParser
import JobModel

/// Finds where the job's own command begins: the first word after `enqueue` that is no option and no option's
/// value. What follows belongs to
/// the job, whatever it looks like.
enum CommandWords {
  /// Options of `enqueue` that take a value. A test holds both lists against the parser's own.
  static let valued: Set<String> = [
    "--socket", "-q", "--queue", "-n", "--name", "-l", "--label", "-p", "--priority", "--delay", "--at", "--timeout",
    "--kill-grace", "--retries", "--backoff", "--backoff-max", "--backoff-kind", "--retry-on", "--no-retry-on",
    "--on-interrupt", "--cwd", "-e", "--env", "--umask", "--stdin", "--unique", "--after", "--after-any", "--from",
  ]
  /// Those that stand alone.
  static let flags: Set<String> = [
    "--hold", "--wait", "--follow", "--json", "--split-output", "--inherit-env", "--help", "-h", "--version",
  ]

  /// The words with a `--` before the job's command, where there is none yet.
  static func separated(_ words: [String]) throws -> [String] {
    guard words.first == "enqueue" else { return words }
    var index = 1
    while index < words.count {
      let word = words[index]
      if word == "--" { return words }
      guard word.hasPrefix("-"), word != "-" else {
        return Array(words[..<index]) + ["--"] + Array(words[index...])
      }
      let name = String(word.prefix { $0 != "=" })
      guard flags.contains(name) || valued.contains(name) else {
        throw ValidationError("Unknown option '\(name.printable)'. A command that begins so is written after `--`.")
      }
      index += flags.contains(word) || word.contains("=") ? 1 : 2
    }
    return words
  }
}
