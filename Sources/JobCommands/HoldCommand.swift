import ArgumentParser
import ControlClient
import JobModel

struct HoldCommand: JobActionCommand {
  static let configuration = CommandConfiguration(
    commandName: "hold", abstract: "Set waiting jobs aside.",
    discussion: "They stay until `jobq release`. Without --state a selection means all waiting jobs that are not held.")
  static let action = JobAction.hold
  static let states: Set<JobState> = [.blocked, .scheduled, .queued]

  @OptionGroup var selection: JobSelection
  @OptionGroup var common: CommonOptions
}
