import ArgumentParser
import FoundationEssentials
import Testing

@testable import JobCommands

@Suite("Where a job's own command begins")
struct CommandWordsTests {
  @Test(
    "words that may be right are left to ArgumentParser",
    arguments: [
      [], ["--help"], ["--version"], ["help"], ["help", "schedule", "add"], ["help", "help"], ["schedule", "--help"],
      ["queue", "show", "nonsense"], ["list", "nonsense"], ["enqueue", "nonsense", "--help"],
      ["--generate-completion-script", "bash"], ["schedule", "next", "--from", "08:00", "0 8 * * *"],
      ["schedule", "add", "x", "0 8 * * *", "sh", "-c", "-1 * * * *"],
      ["schedule", "add", "--name=-a b", "x", "@daily"],
      ["schedule", "add", "x", "@daily", "--", "-1 * * * *"],
    ])
  func noMistake(words: [String]) {
    #expect(CommandWords.mistake(in: words) == nil)
  }

  @Test(
    "the first word that is no option begins the command, and what follows belongs to it",
    arguments: [
      ("enqueue make -j4 release", "enqueue -- make -j4 release"),
      ("enqueue -q mail make -j4", "enqueue -q mail -- make -j4"),
      ("enqueue -- make -j4", "enqueue -- make -j4"),
      ("enqueue -q mail -- make -- -j4", "enqueue -q mail -- make -- -j4"),
      ("enqueue make -- -j4", "enqueue -- make -- -j4"),
      ("enqueue --hold --wait make --wait", "enqueue --hold --wait -- make --wait"),
      ("enqueue --queue=mail make", "enqueue --queue=mail -- make"),
      ("enqueue -qmail -p-5 -lk=v make", "enqueue -q mail -p -5 -l k=v -- make"),
      ("enqueue -p -5 make", "enqueue -p -5 -- make"),
      ("enqueue --stdin - cat", "enqueue --stdin - -- cat"),
      ("enqueue - x", "enqueue -- - x"),
      ("enqueue -q -- make", "enqueue -q -- -- make"),
      ("enqueue --queue", "enqueue --queue"),
      ("enqueue --from jobs", "enqueue --from jobs"),
      ("enqueue", "enqueue"),
      ("wait 1 -x", "wait 1 -x"),
      ("help enqueue", "help enqueue"),
    ])
  func separation(words: String, expected: String) {
    let separated = CommandWords.separated(words.split(separator: " ").map(String.init))
    #expect(separated.joined(separator: " ") == expected)
  }

  @Test("the flags and short options that the separation knows are those that enqueue declares")
  func declared() throws {
    var flags: Set<String> = []
    var short: Set<Character> = []
    for argument in try HelpDump.arguments(of: "enqueue") {
      for name in argument.names ?? [] {
        let text = (name.kind == "long" ? "--" : "-") + name.name
        if argument.kind == "flag" { flags.insert(text) }
        if argument.kind == "option", name.kind == "short" { short.insert(Character(name.name)) }
      }
    }
    #expect(flags.subtracting(CommandWords.flags) == [])
    #expect(CommandWords.flags.subtracting(flags).isSubset(of: ["--help-hidden", "--help", "-h", "--version"]))
    #expect(short == CommandWords.short)
  }
}

/// What ArgumentParser tells tools of the commands.
enum HelpDump {
  struct Argument: Decodable {
    struct Name: Decodable {
      var kind: String
      var name: String
    }
    var kind: String
    var names: [Name]?
  }
  private struct Command: Decodable {
    var commandName: String
    var subcommands: [Command]?
    var arguments: [Argument]?
  }
  private struct Root: Decodable { var command: Command }

  static func arguments(of verb: String) throws -> [Argument] {
    try #require(try verbs().first { $0.name == verb }).arguments
  }

  static func arguments(of verb: String, _ subverb: String) throws -> [Argument] {
    let subverbs = try root().subcommands?.first { $0.commandName == verb }?.subcommands
    return try #require(subverbs?.first { $0.commandName == subverb }?.arguments)
  }

  static func verbs() throws -> [(name: String, arguments: [Argument])] {
    try (root().subcommands ?? []).map { ($0.commandName, $0.arguments ?? []) }
  }

  private static func root() throws -> Command {
    var text = ""
    do { _ = try JobQ.parseAsRoot(["--experimental-dump-help"]) } catch { text = JobQ.fullMessage(for: error) }
    return try JSONDecoder().decode(Root.self, from: Data(text.utf8)).command
  }
}
