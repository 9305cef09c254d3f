import ArgumentParser
import JobModel

/// Mistakes of which ArgumentParser says nothing, or something else.
extension CommandWords {
  /// What is wrong with the words, in one sentence; nil where they are for ArgumentParser to judge.
  static func mistake(in words: [String]) -> String? {
    if let (word, command) = unknownVerb(in: words[...]) {
      return "\"\(word.printable)\" is no verb of `\(command)`; `\(command) --help` lists them"
    }
    return dashedExpression(in: words)
  }

  /// The word in a verb's place that is none. With `--help` beside it ArgumentParser shows the help of what is above it,
  /// and is content.
  private static func unknownVerb(
    in words: ArraySlice<String>, of command: any ParsableCommand.Type = JobQ.self, _ path: String = "jobq"
  ) -> (word: String, command: String)? {
    let verbs = command.configuration.subcommands
    guard !verbs.isEmpty, let word = words.first, !word.hasPrefix("-") else { return nil }
    if command == JobQ.self, word == "help" { return unknownVerb(in: words.dropFirst()) }
    guard let verb = verbs.first(where: { $0.configuration.commandName == word }) else { return (word, path) }
    return unknownVerb(in: words.dropFirst(), of: verb, "\(path) \(word)")
  }

  /// A cron expression that begins with a dash, `'-1 * * * *'`, is taken for an option, and then it is missing.
  private static func dashedExpression(in words: [String]) -> String? {
    guard words.first == "schedule", let operands = ["next": 0, "add": 1][words.dropFirst().first ?? ""] else {
      return nil
    }
    // Before the job's own command there are at most these words that are no options.
    let own = words.dropFirst(2).prefix { $0 != "--" }
    var seen = 0
    for word in own where seen <= operands {
      guard word.hasPrefix("-") else {
        seen += 1
        continue
      }
      guard let space = word.firstIndex(of: " "), !word[..<space].contains("=") else { continue }
      do throws(CronError) { _ = try CronExpression(word) } catch {
        return "\"\(word.printable)\" is no cron expression: \(error)"
      }
    }
    return nil
  }
}
