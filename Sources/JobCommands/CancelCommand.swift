import ArgumentParser
import ControlClient
import JobModel

/// `jobq cancel`.
struct CancelCommand: JobVerb {
  static let configuration = CommandConfiguration(
    commandName: "cancel", abstract: "End jobs that have not ended; a running one with its whole process tree.")

  @OptionGroup var daemon: DaemonOptions
  @OptionGroup var selection: Selection

  func ask(_ client: ControlClient, _ id: JobID) throws(ClientError) -> Job? {
    try client.call("POST", "/v1/jobs/\(id)/cancel", as: Job.self)
  }

  func done(_ job: Job?) -> String {
    job.map { $0.cancelling ? "is being cancelled" : "is \($0.state.rawValue)" } ?? "done"
  }
}
