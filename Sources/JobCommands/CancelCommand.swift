import ArgumentParser
import ControlClient
import JobModel

struct CancelCommand: JobActionCommand {
  static let configuration = CommandConfiguration(
    commandName: "cancel", abstract: "End jobs that have not ended.",
    discussion: """
      A waiting job is cancelled at once. Of a running one the cancel is recorded, then its processes get TERM and, after the job's \
      grace, KILL; `jobq wait` tells when they are gone. Without --state a selection means all jobs that have not ended.
      """)
  static let verb = BulkVerb.cancel

  @OptionGroup var selection: JobSelection
  @OptionGroup var options: ActionOptions
  @OptionGroup var common: CommonOptions
}
