import ArgumentParser
import ControlClient
import JobModel

/// `jobq drain`.
struct DrainCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "drain", abstract: "Take no new jobs and start none, until `jobq resume` or a restart of the daemon.")

  @OptionGroup var daemon: DaemonOptions
  @Flag(name: .long, help: "Return once nothing runs any more.") var wait = false

  mutating func run() throws {
    let client = daemon.client()
    var data = try client.data("POST", "/v1/drain")
    if wait {
      // Each running job's own end is waited for: no asking again and again.
      while true {
        let page: JobPage = try client.call("GET", "/v1/jobs?state=running&limit=1000")
        if page.jobs.isEmpty { break }
        for job in page.jobs {
          do throws(ClientError) {
            _ = try client.data("GET", "/v1/jobs/\(job.id)/wait")
          } catch {
            guard case .refused(let problem) = error, problem.code == .notFound else { throw error }
          }
        }
      }
      data = try client.data("GET", "/v1/status")
    }
    if daemon.json { return try Output.print(data) }
    try Output.print(wait ? "drained: nothing runs" : "draining; `jobq resume` ends it")
  }
}
