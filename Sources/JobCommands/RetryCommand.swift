import ArgumentParser
import ControlClient
import JobModel

struct RetryCommand: JobActionCommand {
  static let configuration = CommandConfiguration(
    commandName: "retry", abstract: "Run jobs that have ended again.",
    discussion: """
      The job keeps its number and its earlier attempts, and gets as many retries as it had at first. What it waited for is not waited for \
      again. Without --state a selection means the failed jobs.
      """)
  static let verb = BulkVerb.retry

  @OptionGroup var selection: JobSelection

  @Flag(help: "Retry the jobs that its end cancelled, too.")
  var withDependents = false

  @OptionGroup var options: ActionOptions
  @OptionGroup var common: CommonOptions
}
