import ArgumentParser
import ControlClient
import FoundationEssentials
import JobModel

/// `jobq queues`.
struct QueuesCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "queues", abstract: "Show the queues and what is in them.")

  @OptionGroup var daemon: DaemonOptions

  mutating func run() throws {
    let client = daemon.client()
    let data = try client.data("GET", "/v1/queues")
    if daemon.json { return try Output.print(data) }
    struct Answer: Decodable { var queues: [QueueInfo] }
    let queues = try (try? client.decode(Answer.self, data).queues) ?? client.decode([QueueInfo].self, data)
    try Self.table(queues).print()
  }

  static func table(_ queues: [QueueInfo]) -> Table {
    var table = Table(["QUEUE", "RUNNING", "LIMIT", "QUEUED", "WAITING", "SUCCEEDED", "FAILED", "CANCELLED", ""])
    for queue in queues {
      let counts = queue.counts
      table.add([
        queue.name, "\(counts[.running])", queue.concurrency.map(String.init) ?? "-", "\(counts[.queued])",
        "\(counts[.held] + counts[.blocked] + counts[.scheduled])", "\(counts[.succeeded])", "\(counts[.failed])",
        "\(counts[.cancelled])", queue.paused ? "paused" : "",
      ])
    }
    return table
  }
}
