import ArgumentParser
import ControlClient
import JobModel

/// Which jobs a verb is meant for: numbers, or all that fit.
struct Selection: ParsableArguments {
  @Argument(help: ArgumentHelp("Jobs' numbers, apart or with commas.", valueName: "ID")) var ids: [String] = []
  @Option(
    name: .long, help: ArgumentHelp("All in one of these states.", valueName: "states"),
    completion: .list(JobState.allCases.map(\.rawValue)))
  var state: [String] = []
  @Option(name: [.short, .long], help: ArgumentHelp("All of this queue.", valueName: "name")) var queue: String?
  @Option(name: [.short, .long], help: ArgumentHelp("All with this label.", valueName: "K=V")) var label: [String] = []

  var isFilter: Bool { !state.isEmpty || queue != nil || !label.isEmpty }

  mutating func validate() throws {
    _ = try ids.flatMap(Value.ids)
    _ = try query()
    if !ids.isEmpty, isFilter { throw ValidationError("give IDs, or --state, --queue and --label, not both") }
  }

  func requireSome() throws {
    if ids.isEmpty, !isFilter { throw ValidationError("an ID is expected, or --state, --queue or --label") }
  }

  func query() throws -> String {
    var parts: [String] = []
    let states = try state.flatMap(Value.state)
    if !states.isEmpty { parts.append("state=" + states.map(\.rawValue).joined(separator: ",")) }
    if let queue { parts.append("queue=" + ControlClient.escaped(queue)) }
    for text in label {
      let (key, value) = try Value.label(text)
      parts.append("label=" + ControlClient.escaped("\(key)=\(value)"))
    }
    return parts.joined(separator: "&")
  }

  /// The numbers, in the order given; of a filter those that fit now, oldest first.
  func resolve(_ client: ControlClient) throws -> [JobID] {
    if !isFilter { return try ids.flatMap(Value.ids) }
    var found: [JobID] = []
    var before: JobID?
    repeat {
      let page: JobPage = try client.call(
        "GET", "/v1/jobs?limit=1000&\(try query())" + (before.map { "&before=\($0)" } ?? ""))
      found += page.jobs.map(\.id)
      before = page.nextBefore
    } while before != nil
    return found.reversed()
  }
}

/// A verb that does one thing to each of some jobs.
protocol JobVerb: ParsableCommand {
  var daemon: DaemonOptions { get }
  var selection: Selection { get }
  /// What is asked of the daemon for one job.
  func ask(_ client: ControlClient, _ id: JobID) throws(ClientError) -> Job?
  /// What is said of it to a person, without the number: "cancelled".
  func done(_ job: Job?) -> String
}

extension JobVerb {
  mutating func validate() throws { try selection.requireSome() }

  /// Does it to all of them. One that is refused does not keep the others from it: it is said, and the first
  /// refusal's code is the exit code.
  mutating func run() throws {
    let client = daemon.client()
    var code: Int32 = 0
    for id in try selection.resolve(client) {
      do throws(ClientError) {
        let job = try ask(client, id)
        if daemon.json {
          if let job { try? Output.print(try ControlClient.encode(job)) }
        } else {
          try? Output.print("job \(id) \(done(job))")
        }
      } catch {
        guard case .refused = error else { throw error }
        Output.complain("job \(id): \(error)")
        if code == 0 { code = error.exitCode }
      }
    }
    if code != 0 { throw Failure(code) }
  }
}
