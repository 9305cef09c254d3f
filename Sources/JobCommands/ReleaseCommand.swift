import ArgumentParser
import ControlClient
import JobModel

/// `jobq release`.
struct ReleaseCommand: JobVerb {
  static let configuration = CommandConfiguration(commandName: "release", abstract: "Let held jobs go on.")

  @OptionGroup var daemon: DaemonOptions
  @OptionGroup var selection: Selection

  func ask(_ client: ControlClient, _ id: JobID) throws(ClientError) -> Job? {
    try client.call("POST", "/v1/jobs/\(id)/release", as: Job.self)
  }

  func done(_ job: Job?) -> String {
    job.map { $0.cancelling ? "is being cancelled" : "is \($0.state.rawValue)" } ?? "done"
  }
}
