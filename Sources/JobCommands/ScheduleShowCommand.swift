import ArgumentParser
import ControlClient
import JobModel

struct ScheduleShowCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "show", abstract: "Show one schedule, and what became of its last due times.",
    discussion: """
      Of each due time it is recorded whether its job was enqueued, whether it was skipped because a job was in the way, \
      or whether it was missed. The newest 1000 of these facts are kept.
      """)

  @Argument(help: ArgumentHelp("The schedule.", valueName: "NAME"), transform: Values.schedule)
  var name: String

  @Option(
    parsing: .unconditional, help: ArgumentHelp("How many due times to show, 0 to 1000.", valueName: "n"),
    transform: Values.runCount)
  var runs = 20

  @OptionGroup var common: CommonOptions

  func run() throws {
    let body = try common.client.schedule(name, runs: runs)
    if common.json { return try Output.write(json: body) }
    try Output.write(ScheduleText.page(try ControlClient.decode(body), now: .now, .standardOutput))
  }
}

extension Values {
  static func runCount(_ text: String) throws -> Int { try number(text, in: 0...1000) }
}
