import ArgumentParser
import ControlClient
import JobModel

struct ResumeCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "resume", abstract: "Take a pause, or a drain, back.",
    discussion: """
      Without QUEUE the flag that pauses all queues is taken back, and a drain ends; queues that were paused by name stay paused.
      """)

  @Argument(
    help: ArgumentHelp("The queue; without it, the flag for all.", valueName: "QUEUE"), transform: Values.queue)
  var queue: String?

  @OptionGroup var common: CommonOptions

  func run() throws {
    let client = common.client
    let body = try queue.map { try client.update(queue: $0, QueuePatch(paused: false)) } ?? client.resume()
    if common.json { return try Output.write(json: body) }
    if let queue { return try Output.write("queue \(queue) goes on\n") }
    let status: DaemonStatus = try ControlClient.decode(body)
    let paused = status.queues.filter(\.paused).map(\.name.printable)
    let rest = paused.isEmpty ? "" : "; paused by name: \(paused.joined(separator: ", "))"
    try Output.write("jobs are taken and started\(rest)\n")
  }
}
