import ArgumentParser
import ControlClient
import JobModel

struct ListCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "list", abstract: "Show jobs, newest first.",
    discussion: "One page. Where there are more, the last line says how to see them; with --json, \"next_before\" does."
  )

  @OptionGroup var conditions: JobConditions

  @Option(
    parsing: .unconditional, help: ArgumentHelp("At most so many jobs, 1 to 1000.", valueName: "n"),
    transform: Values.pageSize)
  var limit = 50

  @Option(
    parsing: .unconditional, help: ArgumentHelp("Only jobs with a smaller number.", valueName: "ID"),
    transform: Values.id)
  var before: JobID?

  @OptionGroup var common: CommonOptions

  func run() throws {
    var filter = try conditions.filter()
    filter.limit = limit
    filter.before = before
    let body = try common.client.jobs(filter)
    if common.json { return try Output.write(json: body) }
    let page: JobPage = try ControlClient.decode(body)
    let terminal = Terminal.standardOutput
    try Output.write(JobTable.text(page.jobs, now: .now, terminal))
    if let next = page.nextBefore, terminal.isTerminal {
      try Output.write("There are more: jobq list --before \(next)\n")
    }
  }
}

/// Jobs as `list` shows them.
enum JobTable {
  static func text(_ jobs: [Job], now: Timestamp, _ terminal: Terminal) -> String {
    guard !jobs.isEmpty else { return "No jobs.\n" }
    var table = Table([
      .right("ID"), .left("STATE"), .left("QUEUE"), .right("PRIO"), .right("TRIES"), .left("WHEN"), .left("JOB"),
    ])
    for job in jobs {
      table.add([
        Cell(job.id.description), Cell(job.stateWord, job.state.colour), Cell(job.queue.printable),
        Cell(String(job.priority)), Cell("\(job.attempt)/\(job.maxAttempts)"), Cell(job.when(now: now)),
        Cell(job.title),
      ])
    }
    return table.text(terminal)
  }
}
