import ArgumentParser
import ControlClient
import JobModel

struct WaitCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "wait", abstract: "Wait until jobs have ended, and exit as they did.",
    discussion: """
      The exit code is the job's own; 124 where it timed out, or where --timeout passed first (standard error says which); 128 + N where \
      signal N ended it; 137 out of memory; 127 no such command, 126 other failures to start; 125 cancelled, or interrupted for \
      good. Of several jobs the first code that is not 0, in the order given. A daemon that restarts is waited for, 30 s.

      With --json each job is printed as it ended. Without --state a selection means all jobs that have not ended.
      """)

  @OptionGroup var selection: JobSelection

  @Option(
    parsing: .unconditional, help: ArgumentHelp("Wait no longer than this, for all.", valueName: "DUR"),
    transform: Values.span)
  var timeout: TimeSpan?

  @OptionGroup var common: CommonOptions

  func validate() throws { try selection.validateNotEmpty() }

  func run() throws {
    let client = common.client
    let deadline = timeout.map { Deadline(in: $0) }
    var first: Int32 = 0
    for id in try selection.resolve(client, states: BulkVerb.cancel.states) {
      let status = try status(of: id, client, until: deadline)
      if first == 0 { first = status }
    }
    if first != 0 { throw Failure(first) }
  }

  private func status(of id: JobID, _ client: ControlClient, until deadline: Deadline?) throws -> Int32 {
    do {
      let body = try client.wait(id, until: deadline)
      if common.json { try Output.write(json: body) }
      let ending = try JobEnding(body)
      if let status = ending.tell() { return status }
      complain(
        "job \(id) has not ended within \(timeout.map(\.description) ?? "the time"), the wait's timeout; it is \(ending.job.stateWord)"
      )
      return 124
    } catch let error as ClientError where error.problem != nil {
      complain(about: id, error)
      return error.exitCode
    } catch let error as ClientError where error.code == .deadline {
      complain("job \(id): jobqd did not answer within the wait's timeout")
      return 124
    }
  }
}
