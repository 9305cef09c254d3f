import ArgumentParser
import ControlClient
import JobModel

/// `jobq status`.
struct StatusCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "status", abstract: "Show the daemon and its queues, or jobs with all their attempts.")

  @OptionGroup var daemon: DaemonOptions
  @OptionGroup var selection: Selection

  mutating func run() throws {
    let client = daemon.client()
    guard !selection.ids.isEmpty || selection.isFilter else { return try showDaemon(client) }
    var code: Int32 = 0
    for (index, id) in try selection.resolve(client).enumerated() {
      do throws(ClientError) {
        let data = try client.data("GET", "/v1/jobs/\(id)")
        if daemon.json {
          try? Output.print(data)
        } else {
          let job = try client.decode(Job.self, data)
          if index > 0 { try? Output.print("") }
          try? Output.write(Array(Self.describe(job, now: Words.now()).utf8)[...])
        }
      } catch {
        guard case .refused = error else { throw error }
        Output.complain(error.description)
        if code == 0 { code = error.exitCode }
      }
    }
    if code != 0 { throw Failure(code) }
  }

  private func showDaemon(_ client: ControlClient) throws {
    let data = try client.data("GET", "/v1/status")
    if daemon.json { return try Output.print(data) }
    let status = try client.decode(DaemonStatus.self, data)
    var marks: [String] = []
    if status.paused { marks.append("paused") }
    if status.draining { marks.append("draining") }
    let uptime = TimeSpan(milliseconds: Int64(status.uptimeSeconds * 1000))
    try Output.print(
      "jobqd \(status.version), process \(status.pid), up \(Words.brief(uptime))"
        + (marks.isEmpty ? "" : ": " + marks.joined(separator: ", ")))
    try Output.print(
      "workers: \(status.workers.busy) of \(status.workers.limit) busy; containment: \(status.containment)")
    if let error = status.storage.error { try Output.print("storage: \(status.storage.state): \(error.printable)") }
    if !status.unkillable.isEmpty {
      try Output.print("outlive KILL: jobs \(status.unkillable.map(\.description).joined(separator: ", "))")
    }
    try Output.print(JobState.allCases.map { "\($0.rawValue) \(status.counts[$0])" }.joined(separator: ", "))
    if !status.queues.isEmpty {
      try Output.print("")
      try QueuesCommand.table(status.queues).print()
    }
  }

  /// One job for people: what it is, where it stands, and each attempt.
  static func describe(_ job: Job, now: Timestamp) -> String {
    var lines: [(String, String)] = [("job", "\(job.id)\(job.name.map { " (\($0.printable))" } ?? "")")]
    lines.append(("state", Paint.state(job.state) + (job.cancelling ? " (being cancelled)" : "")))
    if let error = job.error { lines.append(("because", error.printable)) }
    lines.append(("queue", job.queue + (job.priority != 0 ? ", priority \(job.priority)" : "")))
    if let command = job.command { lines.append(("command", Words.command(command))) }
    if job.payload != nil { lines.append(("payload", "kept for an outside worker")) }
    if let cwd = job.cwd { lines.append(("directory", cwd.printable)) }
    if !job.labels.isEmpty {
      lines.append(
        ("labels", job.labels.sorted { $0.key < $1.key }.map { "\($0.key)=\($0.value)" }.joined(separator: " ")))
    }
    if let key = job.uniqueKey { lines.append(("unique key", key.printable)) }
    if !job.after.isEmpty { lines.append(("after", job.after.map(\.description).joined(separator: ", "))) }
    if !job.afterAny.isEmpty {
      lines.append(("after any end of", job.afterAny.map(\.description).joined(separator: ", ")))
    }
    lines.append(("created", "\(job.createdAt) (\(Words.relative(job.createdAt, to: now)))"))
    if job.state == .scheduled, let time = job.runAt {
      lines.append(("runs at", "\(time) (\(Words.relative(time, to: now)))"))
    }
    if let timeout = job.timeout { lines.append(("timeout", timeout.description)) }
    lines.append(("attempts", "\(job.attempt) of \(job.maxAttempts)"))
    let width = lines.map(\.0.count).max() ?? 0
    var text = lines.map { "\($0.0):\(String(repeating: " ", count: width - $0.0.count)) \($0.1)\n" }.joined()
    if !job.attempts.isEmpty {
      var table = Table(["  ATTEMPT", "STARTED", "TOOK", "RESULT", "CPU", "MEMORY", ""])
      for attempt in job.attempts {
        table.add([
          "  \(attempt.attempt)", "\(attempt.startedAt)",
          attempt.finishedAt.map { "\(($0 - attempt.startedAt))" } ?? "-",
          attempt.outcome.map { Words.ending($0, attempt.exitCode, attempt.signal) }
            ?? (attempt.unkillable ? "outlives KILL" : "running"),
          attempt.userSeconds.map { "\(TimeSpan(milliseconds: Int64(($0 + (attempt.systemSeconds ?? 0)) * 1000)))" }
            ?? "-",
          attempt.maxRSSBytes.map { "\($0 >> 20) MiB" } ?? "-", attempt.error?.printable ?? "",
        ])
      }
      text += table.text(width: Output.width)
    }
    return text
  }
}
