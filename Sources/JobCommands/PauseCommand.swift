import ArgumentParser
import ControlClient
import FoundationEssentials
import JobModel

/// `jobq pause`.
struct PauseCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "pause", abstract: "Start nothing more of a queue, or of any queue.",
    discussion: "What runs goes on. A pause is kept over restarts; without QUEUE it is one flag for all.")

  @OptionGroup var daemon: DaemonOptions
  @Argument(help: ArgumentHelp("This queue only.", valueName: "QUEUE")) var queue: String?

  mutating func run() throws { try QueueSwitch.set(paused: true, queue, daemon) }
}

/// `jobq resume`.
struct ResumeCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "resume", abstract: "Take back a pause of a queue; without QUEUE the pause of all, and a drain.")

  @OptionGroup var daemon: DaemonOptions
  @Argument(help: ArgumentHelp("This queue only.", valueName: "QUEUE")) var queue: String?

  mutating func run() throws { try QueueSwitch.set(paused: false, queue, daemon) }
}

/// The one thing that pause and resume do, either way.
private enum QueueSwitch {
  static func set(paused: Bool, _ queue: String?, _ daemon: DaemonOptions) throws {
    let client = daemon.client()
    let word = paused ? "paused" : "resumed"
    let data: Data
    if let queue {
      let body = try ControlClient.encode(QueuePatch(paused: paused))
      data = try client.data("PATCH", "/v1/queues/\(ControlClient.escaped(queue))", body: body)
    } else {
      data = try client.data("POST", paused ? "/v1/pause" : "/v1/resume")
    }
    if daemon.json { return try Output.print(data) }
    try Output.print(queue.map { "queue \($0) is \(word)" } ?? "all queues are \(word)")
  }
}
