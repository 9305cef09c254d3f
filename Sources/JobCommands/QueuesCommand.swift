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
    // What only some queues have gets a column where one has it.
    let extras: [(title: String, text: (QueueLimits) -> String?)] = [
      ("PRIORITY", { limits in limits.priority.flatMap { $0 == 0 ? nil : String($0) } }),
      ("RATE", { $0.rate?.description }), ("PER KEY", { $0.perKey?.description.printable }),
    ].filter { extra in queues.contains { extra.1($0.limits) != nil } }
    var table = Table(
      [.left("QUEUE"), .left("STARTS"), .right("LIMIT")] + extras.map { .right($0.title) }
        + JobState.allCases.map { .right($0.rawValue.uppercased()) })
    for queue in queues {
      table.add(
        [
          Cell(queue.name.printable), queue.paused ? Cell("paused", .yellow) : Cell("yes"),
          Cell(queue.limits.concurrency.map(String.init) ?? "none"),
        ] + extras.map { Cell($0.text(queue.limits) ?? "·") }
          + JobState.allCases.map { Cell(count: queue.counts[$0], $0.colour) })
    }
    if queues.count > 1 {
      let sum = queues.reduce(StateCounts()) { $0 + $1.counts }
      table.add(
        [Cell("all"), Cell(""), Cell("")] + extras.map { _ in Cell("") }
          + JobState.allCases.map { Cell(count: sum[$0], nil) })
    }
    let pauses = queues.compactMap { queue in
      queue.pause.flatMap { $0 == Pause() ? nil : "\(queue.name.printable) is paused\($0.details)\n" }
    }
    return table.text(terminal) + (pauses.isEmpty ? "" : "\n" + pauses.joined())
  }
}

extension Cell {
  /// A number; none is a dot, so that the others stand out.
  fileprivate init(count: Int, _ colour: Colour?) {
    self.init(count == 0 ? "·" : String(count), count == 0 ? nil : colour)
  }
}
