import ArgumentParser
import ControlClient
import JobModel

struct PauseCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "pause", abstract: "Start no more jobs of a queue, or of any.",
    discussion: """
      What is running runs on, and new jobs are taken. A pause is kept over restarts. Without QUEUE one flag for all queues is \
      set; `jobq resume` takes it back.
      """)

  @Argument(
    help: ArgumentHelp("The queue; without it, all.", valueName: "QUEUE"), transform: Values.queue)
  var queue: String?

  @OptionGroup var common: CommonOptions

  func run() throws {
    let client = common.client
    let body = try queue.map { try client.update(queue: $0, QueuePatch(paused: true)) } ?? client.pause()
    if common.json { return try Output.write(json: body) }
    try Output.write(queue.map { "queue \($0) is paused\n" } ?? "all queues are paused\n")
  }
}
