import JobModel

/// Schedules as people read them.
enum ScheduleText {
  static func table(_ schedules: [ScheduleInfo], now: Timestamp, _ terminal: Terminal) -> String {
    guard !schedules.isEmpty else { return "There is no schedule.\n" }
    var table = Table([
      .left("NAME"), .left("CRON"), .left("ZONE"), .left("NEXT"), .left("LAST"), .left("SOURCE"), .left("COMMAND"),
    ])
    for schedule in schedules {
      table.add([
        Cell(schedule.name.printable), Cell(schedule.cron.printable), Cell(schedule.timezone.printable),
        schedule.paused ? Cell("paused", .yellow) : Cell(schedule.nextDueAt?.relative(to: now) ?? "never"),
        schedule.runs.first.map { Cell(words($0), $0.colour) } ?? Cell(""), Cell(schedule.source.rawValue),
        Cell(schedule.command),
      ])
    }
    return table.text(terminal)
  }

  static func page(_ schedule: ScheduleInfo, now: Timestamp, _ terminal: Terminal) -> String {
    var lines: [(String, String)] = []
    func add(_ name: String, _ value: String?) { if let value { lines.append((name, value)) } }
    func time(_ time: Timestamp?) -> String? { time.map { "\($0) (\($0.relative(to: now)))" } }
    add("schedule", schedule.name.printable)
    add("source", schedule.source == .file ? "the configuration file" : "added by hand")
    add("cron", schedule.cron.printable)
    add("time zone", schedule.timezone.printable)
    add("jitter", schedule.jitter == .zero ? nil : "up to \(schedule.jitter)")
    add("missed", schedule.missed.rawValue)
    add("overlap", schedule.overlap.rawValue)
    add("next", schedule.paused ? "paused" : time(schedule.nextDueAt) ?? "never")
    add("last", time(schedule.lastDueAt))
    add("command", schedule.command)
    add("queue", schedule.queue)
    add("created", time(schedule.createdAt))
    add("submitted by", schedule.submittedBy.map { "user \($0.uid), process \($0.pid)" })
    let width = lines.map(\.0.count).max() ?? 0
    let text = lines.map { name, value in
      "\(name)\(String(repeating: " ", count: width - name.count))  \(value)\n"
    }.joined()
    return schedule.runs.isEmpty ? text : text + "\n" + runs(schedule.runs, terminal)
  }

  private static func runs(_ runs: [ScheduleRun], _ terminal: Terminal) -> String {
    var table = Table([.left("DUE"), .left("RESULT"), .right("JOB"), .left("DEALT WITH")])
    for run in runs {
      table.add([
        Cell(run.dueAt?.rfc3339 ?? "by hand"), Cell(run.result.rawValue, run.colour),
        Cell(run.jobID?.description ?? ""), Cell(run.at.rfc3339),
      ])
    }
    return table.text(terminal)
  }

  /// What was done, and what follows.
  static func sentence(_ schedule: ScheduleInfo, now: Timestamp) -> String {
    let what =
      if schedule.paused { "is paused" } else if let next = schedule.nextDueAt {
        "is due \(next.relative(to: now)), at \(next)"
      } else { "is never due" }
    return "schedule \(schedule.name.printable) \(what)\n"
  }

  private static func words(_ run: ScheduleRun) -> String {
    switch run.result {
    case .enqueued: run.jobID.map { "job \($0)" } ?? run.result.rawValue
    case .skipped, .missed: run.result.rawValue
    }
  }
}

extension ScheduleRun {
  fileprivate var colour: Colour? {
    switch result {
    case .enqueued: nil
    case .skipped: .yellow
    case .missed: .red
    }
  }
}

extension ScheduleInfo {
  /// Of its jobs, as a shell would take it.
  fileprivate var command: String {
    guard case .array(let words)? = member("command") else { return "(payload)" }
    return ShellWords.quoted(words.compactMap { if case .string(let word) = $0 { word } else { nil } })
  }

  /// Nil where it is the default one.
  fileprivate var queue: String? {
    if case .string(let queue)? = member("queue") { queue.printable } else { nil }
  }

  private func member(_ name: String) -> JSONValue? {
    if case .object(let job) = job { job[name] } else { nil }
  }
}
