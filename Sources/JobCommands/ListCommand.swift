import ArgumentParser
import ControlClient
import JobModel

/// `jobq list`.
struct ListCommand: ParsableCommand {
  static let configuration = CommandConfiguration(commandName: "list", abstract: "List jobs, newest first.")

  @OptionGroup var daemon: DaemonOptions
  @Option(
    name: .long, help: ArgumentHelp("In one of these states.", valueName: "states"),
    completion: .list(JobState.allCases.map(\.rawValue)))
  var state: [String] = []
  @Option(name: [.short, .long], help: ArgumentHelp("Of this queue.", valueName: "name")) var queue: String?
  @Option(name: [.short, .long], help: ArgumentHelp("With this label.", valueName: "K=V")) var label: [String] = []
  @Option(name: .long, help: ArgumentHelp("At most so many: 1 to 1000.", valueName: "N")) var limit = 50
  @Option(name: .long, help: ArgumentHelp("Only jobs with a smaller number.", valueName: "ID")) var before: String?

  mutating func validate() throws {
    _ = try state.flatMap(Value.state)
    _ = try label.map(Value.label)
    guard JobFilter.limits.contains(limit) else { throw ValidationError("--limit \(limit): 1 to 1000 is expected") }
    if let before, try Value.ids(before).count != 1 { throw ValidationError("--before \(before): one ID is expected") }
  }

  mutating func run() throws {
    var parts = ["limit=\(limit)"]
    let states = try state.flatMap(Value.state)
    if !states.isEmpty { parts.append("state=" + states.map(\.rawValue).joined(separator: ",")) }
    if let queue { parts.append("queue=" + ControlClient.escaped(queue)) }
    for text in label { parts.append("label=" + ControlClient.escaped(text)) }
    if let before { parts.append("before=\(before)") }
    let client = daemon.client()
    let data = try client.data("GET", "/v1/jobs?" + parts.joined(separator: "&"))
    if daemon.json { return try Output.print(data) }
    let page = try client.decode(JobPage.self, data)
    guard !page.jobs.isEmpty else { return Output.note("no jobs") }
    let now = Words.now()
    var table = Table(["ID", "STATE", "QUEUE", "TRY", "RESULT", "WHEN", "WORK"])
    for job in page.jobs {
      let time =
        job.finishedAt ?? (job.state == .scheduled ? job.runAt : nil) ?? (job.state == .running ? job.startedAt : nil)
        ?? job.createdAt
      table.add([
        "\(job.id)", Paint.state(job.state), job.queue, "\(job.attempt)/\(job.maxAttempts)", Words.result(job),
        Words.relative(time, to: now), Words.work(job),
      ])
    }
    try table.print()
    if let next = page.nextBefore { Output.note("more: jobq list --before \(next)") }
  }
}
