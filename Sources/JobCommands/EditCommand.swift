import ArgumentParser
import ControlClient
import JobModel

struct EditCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "edit", abstract: "Give waiting jobs other values.",
    discussion: """
      Of jobs that are held, blocked, scheduled or queued. What is not named stays as it is. What a job runs cannot be edited: remove it \
      and enqueue another.
      """)

  @Argument(
    help: ArgumentHelp("Jobs' numbers, as several words or with commas between.", valueName: "ID"),
    transform: Values.ids)
  var ids: [JobIDs]

  @Option(
    name: .shortAndLong, parsing: .unconditional, help: ArgumentHelp("Move it to this queue.", valueName: "name"),
    transform: Values.queue)
  var queue: String?

  @Option(name: .shortAndLong, parsing: .unconditional, help: ArgumentHelp("Its name.", valueName: "text"))
  var name: String?

  @Flag(help: "Take its name away.")
  var noName = false

  @Option(
    name: .shortAndLong, parsing: .unconditionalSingleValue,
    help: ArgumentHelp("Set a label; may be repeated, the others stay.", valueName: "key=value"),
    transform: Values.label)
  var label: [Label] = []

  @Option(
    parsing: .unconditionalSingleValue,
    help: ArgumentHelp("Take a label away; may be repeated.", valueName: "key"))
  var noLabel: [String] = []

  @Option(
    name: .shortAndLong, parsing: .unconditional,
    help: ArgumentHelp("−1000 to 1000; higher goes first.", valueName: "n"), transform: Values.priority)
  var priority: Int?

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp("Start no sooner than so long from now; 0 is as soon as may be.", valueName: "DUR"),
    transform: Values.span)
  var delay: TimeSpan?

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp(
      "Start no sooner than then: RFC 3339, or HH:MM[:SS] of today or else tomorrow.", valueName: "time"),
    transform: Values.startTime)
  var at: StartTime?

  @Option(
    parsing: .unconditional, help: ArgumentHelp("End an attempt after so long.", valueName: "DUR"),
    transform: Values.span)
  var timeout: TimeSpan?

  @Flag(help: "Let an attempt take as long as it likes.")
  var noTimeout = false

  @Option(
    parsing: .unconditional, help: ArgumentHelp("Attempts after the first, where it fails.", valueName: "n"),
    transform: Values.retries)
  var retries: Int?

  @OptionGroup var common: CommonOptions

  func validate() throws {
    if delay != nil, at != nil { throw ValidationError("a job starts after --delay or --at a time, not both") }
    if name != nil, noName { throw ValidationError("--name or --no-name, not both") }
    if timeout != nil, noTimeout { throw ValidationError("--timeout or --no-timeout, not both") }
    _ = try edit()
  }

  private func edit() throws -> JobEdit {
    var edit = JobEdit()
    edit.queue = queue
    if noName { edit.name = .some(nil) } else if let name { edit.name = .some(name) }
    edit.priority = priority
    edit.delay = delay
    if let at { edit.runAt = .some(at.resolved(now: .now)) }
    if noTimeout { edit.timeout = .some(nil) } else if let timeout { edit.timeout = .some(timeout) }
    edit.retries = retries
    var labels: [String: String?] = [:]
    for key in noLabel { labels[key] = .some(nil) }
    for label in label {
      guard labels.updateValue(label.value, forKey: label.key) == nil else {
        throw ValidationError("label \(label.key.printable) is named twice")
      }
    }
    if !labels.isEmpty { edit.labels = labels }
    do throws(InvalidValue) { try edit.check() } catch {
      guard error.field != "body" else {
        throw ValidationError(
          "nothing is to be changed: give --queue, --name, --label, --priority, --delay, --at, --timeout or --retries")
      }
      throw ValidationError("\(error)")
    }
    return edit
  }

  func run() throws {
    let client = common.client
    let edit = try edit()
    var seen: Set<JobID> = []
    try forEach(ids.flatMap(\.all).filter { seen.insert($0).inserted }) { id in
      let body = try client.edit(id, edit)
      if common.json { return try Output.write(json: body) }
      let job: Job = try ControlClient.decode(body)
      let when = job.state == .scheduled ? job.runAt.map { ", \($0.relative(to: .now))" } : nil
      try Output.write("job \(id): edited; \(job.state.rawValue) in \(job.queue.printable)\(when ?? "")\n")
    }
  }
}
