import ArgumentParser
import ControlClient
import JobModel

/// `jobq queue`.
struct QueueCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "queue", abstract: "Set a queue's limits, or show one queue.",
    subcommands: [QueueSetCommand.self, QueueShowCommand.self])
}

struct QueueSetCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "set", abstract: "Set a queue's limits and its priority.",
    discussion: """
      What is not named stays as it is; "none" takes a limit away. It holds at once and over restarts. Nothing that runs is ended: \
      where more runs than a limit allows, nothing more starts until fewer do. What the configuration file says of the queue wins, \
      and cannot be set here.
      """)

  @Argument(help: ArgumentHelp("The queue; made where need be.", valueName: "QUEUE"), transform: Values.queue)
  var queue: String

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp("How many of its jobs may run at once.", valueName: "n"),
    transform: Values.setting(Values.places))
  var concurrency: Setting<Int>?

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp("How many may start in a time, evenly spread: 30/m.", valueName: "rate"),
    transform: Values.setting(Values.rate))
  var rate: Setting<Rate>?

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp("How many with the same value of a label may run at once.", valueName: "label=n"),
    transform: Values.setting(Values.keyLimit))
  var perKey: Setting<KeyLimit>?

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp("Jobs of a queue of higher priority start first, -1000 to 1000; 0 by default.", valueName: "n"),
    transform: Values.setting(Values.priority))
  var priority: Setting<Int>?

  @OptionGroup var common: CommonOptions

  func validate() throws {
    if patch == QueuePatch() {
      throw ValidationError("name what is to be set: --concurrency, --rate, --per-key or --priority")
    }
  }

  /// An option that is not there changes nothing; one that says "none" takes the limit away.
  var patch: QueuePatch {
    QueuePatch(
      concurrency: concurrency.map(\.value), rate: rate.map(\.value), perKey: perKey.map(\.value),
      priority: priority.map(\.value))
  }

  func run() throws {
    let body = try common.client.update(queue: queue, patch)
    if common.json { return try Output.write(json: body) }
    try Output.write(QueueText.text(try ControlClient.decode(body)))
  }
}

struct QueueShowCommand: ParsableCommand {
  static let configuration = CommandConfiguration(commandName: "show", abstract: "Show one queue.")

  @Argument(help: ArgumentHelp("The queue.", valueName: "QUEUE"), transform: Values.queue)
  var queue: String

  @OptionGroup var common: CommonOptions

  func run() throws {
    let body = try common.client.queue(queue)
    if common.json { return try Output.write(json: body) }
    try Output.write(QueueText.text(try ControlClient.decode(body)))
  }
}

/// What one option sets: a value, or none.
struct Setting<Value: Hashable>: Hashable {
  var value: Value?
}

extension Values {
  /// As `read`, or the word that takes a limit away.
  static func setting<Value: Sendable>(_ read: @escaping @Sendable (String) throws -> Value)
    -> @Sendable (String) throws -> Setting<Value>
  {
    { text in Setting(value: text == "none" ? nil : try read(text)) }
  }

  static func rate(_ text: String) throws -> Rate {
    guard let rate = Rate(text) else { throw ValidationError("\(Rate.expected) is expected, or \"none\"") }
    return rate
  }

  static func keyLimit(_ text: String) throws -> KeyLimit {
    guard let limit = KeyLimit(text) else {
      throw ValidationError("a label and a number from 1 to 100000 are expected, such as customer=1, or \"none\"")
    }
    return limit
  }
}

/// One queue as `queue show` shows it.
enum QueueText {
  static func text(_ queue: QueueInfo) -> String {
    let counts = JobState.allCases.filter { queue.counts[$0] > 0 }.map { "\(queue.counts[$0]) \($0.rawValue)" }
    var lines = [("queue", queue.name.printable)]
    lines.append(("starts", queue.pause.map { "paused\($0.details)" } ?? "yes"))
    lines.append(("priority", String(queue.limits.priority ?? 0)))
    lines.append(
      ("concurrency", queue.limits.concurrency.map { "at most \($0) at once" } ?? "bounded by workers alone"))
    lines.append(("rate", queue.limits.rate.map { "at most \($0), evenly spread" } ?? "none"))
    let perKey = queue.limits.perKey.map { "at most \($0.concurrency) at once for each \($0.label.printable)" }
    lines.append(("per key", perKey ?? "none"))
    lines.append(("jobs", counts.isEmpty ? "none" : counts.joined(separator: ", ")))
    return lines.map { name, value in
      "\(name)\(String(repeating: " ", count: 11 - name.count))  \(value)\n"
    }.joined()
  }
}
