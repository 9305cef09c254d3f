import ArgumentParser
import ControlClient
import JobModel

struct ReleaseCommand: JobActionCommand {
  static let configuration = CommandConfiguration(
    commandName: "release", abstract: "Let held jobs go on.",
    discussion: "Without --state a selection means the held jobs.")
  static let verb = BulkVerb.release

  @OptionGroup var selection: JobSelection
  @OptionGroup var options: ActionOptions
  @OptionGroup var common: CommonOptions
}
