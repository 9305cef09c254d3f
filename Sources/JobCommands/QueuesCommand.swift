import ArgumentParser
import ControlClient
import JobModel

struct QueuesCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "queues", abstract: "Show the queues, their limits and their counts.")

  @OptionGroup var common: CommonOptions

  func run() throws {
    let body = try common.client.queues()
    if common.json { return try Output.write(json: body) }
    let answer: Answer = try ControlClient.decode(body)
    let terminal = Terminal.standardOutput
    try Output.write(QueueTable.text(answer.queues, terminal))
  }

  private struct Answer: Decodable { var queues: [QueueInfo] }
}

/// Queues as `queues` and `status` show them.
enum QueueTable {
  static func text(_ queues: [QueueInfo], _ terminal: Terminal) -> String {
    guard !queues.isEmpty else { return "No queue has been used yet.\n" }
    var table = Table(
      [.left("QUEUE"), .left("STARTS"), .right("LIMIT")] + JobState.allCases.map { .right($0.rawValue.uppercased()) })
    for queue in queues {
      table.add(
        [
          Cell(queue.name.printable), queue.paused ? Cell("paused", .yellow) : Cell("yes"),
          Cell(queue.concurrency.map(String.init) ?? "none"),
        ] + JobState.allCases.map { Cell(count: queue.counts[$0], $0.colour) })
    }
    if queues.count > 1 {
      let sum = queues.reduce(StateCounts()) { $0 + $1.counts }
      table.add([Cell("all"), Cell(""), Cell("")] + JobState.allCases.map { Cell(count: sum[$0], nil) })
    }
    return table.text(terminal)
  }
}

extension Cell {
  /// A number; none is a dot, so that the others stand out.
  fileprivate init(count: Int, _ colour: Colour?) {
    self.init(count == 0 ? "·" : String(count), count == 0 ? nil : colour)
  }
}
