import ArgumentParser
import ControlClient
import JobModel

/// `jobq retry`.
struct RetryCommand: JobVerb {
  static let configuration = CommandConfiguration(
    commandName: "retry", abstract: "Run ended jobs again.",
    discussion:
      "What a job depends on is ignored this time. Its dependents stay as they ended, unless --with-dependents is given."
  )

  @OptionGroup var daemon: DaemonOptions
  @OptionGroup var selection: Selection
  @Flag(name: .long, help: "Also those jobs that its end cancelled.") var withDependents = false

  func ask(_ client: ControlClient, _ id: JobID) throws(ClientError) -> Job? {
    try client.call("POST", "/v1/jobs/\(id)/retry" + (withDependents ? "?with_dependents=true" : ""), as: Job.self)
  }

  func done(_ job: Job?) -> String { job.map { "is \($0.state.rawValue)" } ?? "done" }
}
