import ArgumentParser
import ControlClient
import JobModel

struct RemoveCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "remove", abstract: "Take jobs that have ended or wait, and their output, out of the store.",
    discussion: """
      Not one that is running, and not one that a live job depends on. Without --state a selection means the jobs that have ended. \
      With --json, {"id":N,"removed":true} for each.
      """)

  @OptionGroup var selection: JobSelection
  @OptionGroup var common: CommonOptions

  func validate() throws { try selection.validateNotEmpty() }

  func run() throws {
    let client = common.client
    try forEach(try selection.resolve(client, states: JobState.ended)) { id in
      try client.remove(id)
      try Output.write(common.json ? "{\"id\":\(id),\"removed\":true}\n" : "job \(id): removed\n")
    }
  }
}
