import ArgumentParser
import ControlClient
import JobModel

/// `jobq remove`.
struct RemoveCommand: JobVerb {
  static let configuration = CommandConfiguration(
    commandName: "remove", abstract: "Take ended or waiting jobs out of the queue, with their logs.")

  @OptionGroup var daemon: DaemonOptions
  @OptionGroup var selection: Selection

  func ask(_ client: ControlClient, _ id: JobID) throws(ClientError) -> Job? {
    _ = try client.data("DELETE", "/v1/jobs/\(id)")
    return nil
  }

  func done(_ job: Job?) -> String { "is removed" }
}
