import ArgumentParser
import ControlClient
import JobModel

/// The verbs that ask one thing of each job.
protocol JobActionCommand: ParsableCommand {
  static var action: JobAction { get }
  /// What a selection without `--state` means.
  static var states: Set<JobState> { get }
  var selection: JobSelection { get }
  var common: CommonOptions { get }
  var withDependents: Bool { get }
}

extension JobActionCommand {
  var withDependents: Bool { false }

  func validate() throws { try selection.validateNotEmpty() }

  func run() throws {
    let client = common.client
    try forEach(try selection.resolve(client, states: Self.states)) { id in
      let body = try client.perform(Self.action, on: id, withDependents: withDependents)
      if common.json {
        try Output.write(json: body)
      } else {
        let job: JobGlance = try ControlClient.decode(body)
        try Output.write("job \(id): \(job.cancelling == true ? "is being cancelled" : job.state.printable)\n")
      }
    }
  }
}

/// As much of a job as a line about it needs. The state is text: a newer daemon may know more of them.
struct JobGlance: Decodable {
  var id: JobID
  var state: String
  var cancelling: Bool?
}
