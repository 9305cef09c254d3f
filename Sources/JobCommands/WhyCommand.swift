import ArgumentParser
import ControlClient
import JobModel

struct WhyCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "why", abstract: "Say why a job is not running, and what would change that.",
    discussion: """
      The reason is one of \(Why.Reason.allCases.map(\.rawValue).joined(separator: ", ")); they are looked at in this order, and \
      the first that applies is told.
      """)

  @Argument(help: ArgumentHelp("The job's number.", valueName: "ID"), transform: Values.id)
  var id: JobID

  @OptionGroup var common: CommonOptions

  func run() throws {
    let body = try common.client.why(id)
    if common.json { return try Output.write(json: body) }
    let why: Why = try ControlClient.decode(body)
    try Output.write(
      "job \(id): \(why.detail.printable)\nreason: \(why.reason.rawValue)\nto change it: \(why.remedy.printable)\n")
  }
}
