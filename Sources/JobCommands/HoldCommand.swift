import ArgumentParser
import ControlClient
import JobModel

struct HoldCommand: JobActionCommand {
  static let configuration = CommandConfiguration(
    commandName: "hold", abstract: "Set waiting jobs aside.",
    discussion: "They stay until `jobq release`. Without --state a selection means all waiting jobs that are not held.")
  static let verb = BulkVerb.hold

  @OptionGroup var selection: JobSelection
  @OptionGroup var options: ActionOptions
  @OptionGroup var common: CommonOptions
}
