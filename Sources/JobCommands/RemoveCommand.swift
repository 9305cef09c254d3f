import ArgumentParser
import ControlClient
import JobModel

struct RemoveCommand: JobActionCommand {
  static let configuration = CommandConfiguration(
    commandName: "remove", abstract: "Take jobs that have ended or wait, and their output, out of the store.",
    discussion: """
      Not one that is running, and not one that a live job depends on. Without --state a selection means the jobs that have ended. \
      With --json, {"id":N,"removed":true} for each that is named by its number.
      """)

  static let verb = BulkVerb.remove

  @OptionGroup var selection: JobSelection
  @OptionGroup var options: ActionOptions
  @OptionGroup var common: CommonOptions
}
