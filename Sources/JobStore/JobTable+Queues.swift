import JobModel
import SQLite

/// A pause with an end as it stands in the database.
struct PauseEnd {
  var wall: Timestamp
  /// Within the boot in which it was asked for.
  var boot: Int64?

  func isDue(at moment: Moment) -> Bool {
    if let boot { boot <= moment.boot } else { wall <= moment.wall }
  }
}

extension JobTable {
  // MARK: Settings

  func update(queue name: String, _ patch: QueuePatch, at moment: Moment) throws -> QueueInfo {
    try statements[.addQueue].bind(name).run()
    guard let queue = try reader.queue(name) else { throw SQLiteError.corrupt("a queue is gone", doing: name) }
    let limits = patch.applied(to: queue.limits)
    try statements[.setLimits].bind(limits.priority).bind(limits.concurrency).bind(limits.rate)
      .bind(limits.perKey?.label).bind(limits.perKey?.concurrency).bind(name).run()
    if let paused = patch.paused {
      try setPause(paused ? patch.pause : nil, of: name, at: moment)
    }
    return try reader.queue(name) ?? queue
  }

  func setPause(_ pause: PauseRequest?, at moment: Moment) throws(SQLiteError) {
    try bind(pause, at: moment, to: statements[.setPause]).run()
  }

  private func setPause(_ pause: PauseRequest?, of queue: String, at moment: Moment) throws(SQLiteError) {
    try bind(pause, at: moment, to: statements[.setQueuePause]).bind(queue).run()
    memory.ready.note(pauseOf: queue)
  }

  private func bind(_ pause: PauseRequest?, at moment: Moment, to statement: Statement) -> Statement {
    statement.bind(pause != nil).bind(pause?.reason).bind(pause?.span.map { moment.wall + $0 })
      .bind(pause?.span.map { moment.boot + $0.milliseconds })
  }

  // MARK: Time

  /// Takes back the pauses whose end has come, and tells when the next comes.
  func endPauses(at moment: Moment, _ report: inout DueReport) throws(SQLiteError) {
    let whole = try statements[.pause].first { row throws(SQLiteError) in
      _ = try (row.read(Bool.self), row.read(String?.self))
      return (try row.read(Timestamp?.self), try row.read(Int64?.self))
    }
    if let whole, let wall = whole.0 {
      let end = PauseEnd(wall: wall, boot: whole.1)
      if report.notes(end, at: moment) { try setPause(nil, at: moment) }
    }
    let ends = try statements[.pauses].all { row throws(SQLiteError) in
      (queue: try row.read(String.self), end: PauseEnd(wall: try row.read(), boot: try row.read()))
    }
    for (queue, end) in ends where report.notes(end, at: moment) {
      try setPause(nil, of: queue, at: moment)
    }
  }
}

extension DueReport {
  /// True where the pause is over; else it is waited for.
  fileprivate mutating func notes(_ end: PauseEnd, at moment: Moment) -> Bool {
    if end.isDue(at: moment) {
      resumed = true
      return true
    }
    if let boot = end.boot {
      nextBoot = min(nextBoot ?? .max, boot)
    } else {
      nextWall = nextWall.map { min($0, end.wall) } ?? end.wall
    }
    return false
  }
}
