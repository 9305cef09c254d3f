import Glibc
import JobModel

/// The words of the command line, and where a job's own command begins among them.
enum CommandWords {
  /// The flags of `enqueue`, which take no value. Every other word that begins with a dash is an option with one.
  /// `CommandWordsTests` holds this against what `EnqueueCommand` declares.
  static let flags: Set = [
    "--inherit-env", "--split-output", "--hold", "--wait", "--follow", "--json", "--help", "-h", "--help-hidden",
    "--version",
  ]

  /// Those that `schedule add` has beside them.
  static let scheduleFlags: Set = ["--paused", "--replace"]

  /// The short options of `enqueue`, all of which take a value.
  static let short: Set<Character> = ["q", "n", "l", "p", "e"]

  /// Puts `--` before the first word of `enqueue` that is no option, so that all that follows belongs to the job:
  /// `enqueue -q mail make -j4` is `enqueue -q mail -- make -j4`. For `schedule add` it is the third such word, after the
  /// schedule's name and its cron expression. A value that is joined to its short option becomes a word of its own.
  static func separated(_ words: [String]) -> [String] {
    var separated: [String]
    /// Words that are no options and come before the command.
    var operands: Int
    if words.first == "enqueue" {
      (separated, operands) = (["enqueue"], 0)
    } else if words.prefix(2) == ["schedule", "add"] {
      (separated, operands) = (["schedule", "add"], 2)
    } else {
      return words
    }
    var rest = words.dropFirst(separated.count)
    while let word = rest.popFirst() {
      guard word.hasPrefix("-"), word != "-" else {
        guard operands > 0 else { return separated + ["--", word] + rest }
        operands -= 1
        separated.append(word)
        continue
      }
      if word == "--" { return separated + [word] + rest }
      if let joined = joined(word) {
        separated += joined
      } else {
        separated.append(word)
        if !flags.contains(word), !scheduleFlags.contains(word), !word.contains("="), let value = rest.popFirst() {
          separated.append(value)
        }
      }
    }
    return separated
  }

  /// `-qmail` as `-q` and `mail`, `-lk=v` as `-l` and `k=v`; nil for all else, `-q=mail` included.
  private static func joined(_ word: String) -> [String]? {
    let value = word.dropFirst(2)
    guard !word.hasPrefix("--"), let first = value.first, first != "=", let name = word.dropFirst().first,
      short.contains(name)
    else { return nil }
    return ["-\(name)", String(value)]
  }

  /// The words that this process was given. Bytes that are no UTF-8 are refused: JSON carries text, and a job must not be run with another
  /// argument than was typed.
  static func ofProcess() throws(Failure) -> [String] {
    var words: [String] = []
    for index in 1..<max(1, Int(CommandLine.argc)) {
      guard let bytes = CommandLine.unsafeArgv[index] else { break }
      guard let word = String(validatingCString: bytes) else {
        throw .usage(
          "argument \(index), \"\(String(cString: bytes).printable)\", is not UTF-8; put the command into a script, and enqueue that"
        )
      }
      words.append(word)
    }
    return words
  }
}
