import ArgumentParser
import ControlClient
import JobModel

struct PauseCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "pause", abstract: "Start no more jobs of a queue, or of any.",
    discussion: """
      What is running runs on, and new jobs are taken. A pause is kept over restarts. Without QUEUE one flag for all queues is \
      set; `jobq resume` takes it back. With --for the pause ends by itself, also where the daemon was down when its end came.
      """)

  @Argument(
    help: ArgumentHelp("The queue; without it, all.", valueName: "QUEUE"), transform: Values.queue)
  var queue: String?

  @Option(
    name: .customLong("for"), parsing: .unconditional,
    help: ArgumentHelp("End the pause after so long.", valueName: "duration"),
    transform: Values.positiveSpan)
  var span: TimeSpan?

  @Option(help: ArgumentHelp("Why, for people: shown by status, queues and why.", valueName: "text"))
  var reason: String?

  @OptionGroup var common: CommonOptions

  func run() throws {
    let client = common.client
    let pause = PauseRequest(reason: reason, span: span)
    let body =
      try queue.map { try client.update(queue: $0, QueuePatch(paused: true, pause: pause)) } ?? client.pause(pause)
    if common.json { return try Output.write(json: body) }
    if let queue {
      let info: QueueInfo = try ControlClient.decode(body)
      return try Output.write("queue \(queue) is paused\(info.pause?.details ?? "")\n")
    }
    let status: DaemonStatus = try ControlClient.decode(body)
    try Output.write("all queues are paused\(status.pause?.details ?? "")\n")
  }
}
