import ArgumentParser
import ControlClient
import JobModel

struct StatusCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "status", abstract: "Show the daemon, its queues and counts; or jobs, with their attempts.",
    discussion: "With several jobs and --json, one document a line.")

  @OptionGroup var selection: JobSelection
  @OptionGroup var common: CommonOptions

  func run() throws {
    let client = common.client
    let terminal = Terminal.standardOutput
    if selection.ids.isEmpty, selection.conditions.isEmpty {
      let body = try client.status()
      if common.json { return try Output.write(json: body) }
      return try Output.write(DaemonText.text(try ControlClient.decode(body), terminal))
    }
    var isFirst = true
    try forEach(try selection.resolve(client, states: Set(JobState.allCases))) { id in
      let body = try client.job(id)
      if common.json { return try Output.write(json: body) }
      let graph: JobGraph = try ControlClient.decode(try client.graph(id))
      try Output.write(
        (isFirst ? "" : "\n") + JobPageText.text(try ControlClient.decode(body), now: .now, terminal)
          + GraphText.text(graph, terminal))
      isFirst = false
    }
  }
}

/// The daemon as `status` shows it.
enum DaemonText {
  static func text(_ status: DaemonStatus, _ terminal: Terminal) -> String {
    let up = TimeSpan(seconds: status.uptimeSeconds)?.rough ?? "0s"
    var text = "jobqd \(status.version.printable), process \(status.pid), up \(up)\n"
    text += "\(status.workers.busy) of \(status.workers.limit) workers busy; queued: \(status.counts[.queued])\n"
    func warn(_ line: String, _ colour: Colour) { text += (terminal.hasColour ? line.coloured(colour) : line) + "\n" }
    if status.draining { warn("draining: no job is taken or started; `jobq resume` ends this", .yellow) }
    if let pause = status.pause { warn("paused\(pause.details); no job is started; `jobq resume` ends this", .yellow) }
    if status.storage.state != "ok" {
      warn(
        "storage is \(status.storage.state.printable): \((status.storage.error ?? "no reason given").printable)", .red)
    }
    if status.containment == "session" {
      text += "no cgroup can be made: a child that leaves its session is looked for by its environment\n"
    }
    if !status.unkillable.isEmpty {
      warn("not ended by KILL: job \(status.unkillable.map(\.description).joined(separator: ", job "))", .red)
    }
    return text + "\n" + QueueTable.text(status.queues, terminal)
  }
}

/// One job as `status ID` shows it.
enum JobPageText {
  static func text(_ job: Job, now: Timestamp, _ terminal: Terminal) -> String {
    var lines: [(String, String)] = []
    func add(_ name: String, _ value: String?) { if let value { lines.append((name, value)) } }
    func time(_ time: Timestamp?) -> String? { time.map { "\($0) (\($0.relative(to: now)))" } }
    func list(_ ids: [JobID]) -> String? { ids.isEmpty ? nil : ids.map(\.description).joined(separator: ", ") }

    let state = terminal.hasColour ? job.stateWord.coloured(job.state.colour) : job.stateWord
    add("job", "\(job.id)")
    add("state", job.ending == nil ? state : job.reason.map { "\(state): \($0)" } ?? state)
    add("name", job.name?.printable)
    add("command", job.command.map(ShellWords.quoted))
    if job.command == nil { add("payload", "(for an outside worker; --json shows it)") }
    add("queue", job.queue.printable)
    add("priority", job.priority == 0 ? nil : String(job.priority))
    for (key, value) in job.labels.sorted(by: { $0.key < $1.key }) {
      add("label", "\(key.printable)=\(value.printable)")
    }
    add("directory", job.cwd?.printable)
    add("umask", job.umask)
    add("created", time(job.createdAt))
    add("runs at", job.state == .scheduled ? time(job.runAt) : nil)
    add("started", time(job.startedAt))
    add("finished", time(job.finishedAt))
    add("attempt", "\(job.attempt) of \(job.maxAttempts)")
    add("timeout", job.timeout.map { "\($0), then TERM, and KILL after \(job.killGrace)" })
    if job.maxAttempts > 1 {
      add("backoff", "\(job.backoff.kind.rawValue), from \(job.backoff.base) to \(job.backoff.max)")
    }
    add("retry on", job.retryOn?.description)
    add("no retry on", job.noRetryOn?.description)
    add("on interrupt", job.onInterrupt == .retry ? nil : job.onInterrupt.rawValue)
    add("unique key", job.uniqueKey?.printable)
    add("after", list(job.after))
    add("after any", list(job.afterAny))
    add("error", job.ending == nil ? job.error?.printable : nil)
    add("submitted by", job.submittedBy.map { "user \($0.uid), process \($0.pid)" })
    add("environment", job.env.isEmpty ? nil : job.env.keys.sorted().map(\.printable).joined(separator: " "))

    let width = lines.map(\.0.count).max() ?? 0
    let text = lines.map { name, value in
      "\(name)\(String(repeating: " ", count: width - name.count))  \(value)\n"
    }.joined()
    return job.attempts.isEmpty ? text : text + "\n" + attempts(job.attempts, now: now, terminal)
  }

  private static func attempts(_ attempts: [Attempt], now: Timestamp, _ terminal: Terminal) -> String {
    var table = Table([
      .right("ATTEMPT"), .left("STARTED"), .right("TOOK"), .left("OUTCOME"), .right("CODE"), .right("CPU"),
      .right("MEMORY"), .left("ERROR"),
    ])
    for attempt in attempts {
      let cpu = attempt.userSeconds.map { $0 + (attempt.systemSeconds ?? 0) }
      table.add([
        Cell(String(attempt.attempt)), Cell(attempt.startedAt.relative(to: now)),
        Cell(((attempt.finishedAt ?? now) - attempt.startedAt).precise),
        Cell(attempt.unkillable ? "unkillable" : attempt.outcome?.rawValue ?? "running", attempt.outcome.colour),
        Cell(attempt.exitCode.map(String.init) ?? attempt.signal.map { "signal \($0)" } ?? ""),
        Cell(cpu.flatMap(TimeSpan.init(seconds:))?.precise ?? ""), Cell(attempt.maxRSSBytes.map(bytes) ?? ""),
        Cell(attempt.error?.printable ?? ""),
      ])
    }
    return table.text(terminal)
  }

  static func bytes(_ count: Int64) -> String {
    count < 10 << 20 ? "\(max(1, count >> 10)) KiB" : count < 10 << 30 ? "\(count >> 20) MiB" : "\(count >> 30) GiB"
  }
}

extension TimeSpan {
  /// Two units, or the milliseconds of what took less than ten seconds: `2h3m`, `1.250s`.
  var precise: String {
    guard milliseconds >= 10_000 else {
      let rest = String(abs(milliseconds) % 1000)
      return "\(milliseconds / 1000).\(String(repeating: "0", count: 3 - rest.utf8.count))\(rest)s"
    }
    let unit: Int64 = milliseconds < 3_600_000 ? 1000 : milliseconds < 86_400_000 ? 60_000 : 3_600_000
    return TimeSpan(milliseconds: milliseconds / unit * unit).description
  }
}

extension Outcome? {
  fileprivate var colour: Colour? {
    switch self {
    case nil: .cyan
    case .succeeded: .green
    case .cancelled, .interrupted: .yellow
    default: .red
    }
  }
}
