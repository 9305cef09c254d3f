import CrashPoints
import JobModel
import SQLite

extension JobTable {
  // MARK: Time

  func promoteDue(at moment: Moment, limit: Int) throws -> DueReport {
    let byWall: [JobID] = try statements[.dueByWall].bind(moment.wall).bind(limit).all { row throws(SQLiteError) in
      try row.read()
    }
    let byBoot: [JobID] = try statements[.dueByBoot].bind(moment.boot).bind(limit - byWall.count).all {
      row throws(SQLiteError) in try row.read()
    }
    for id in byWall + byBoot {
      let old = try find(id)
      var row = old
      row.wait(held: false, at: moment)
      try save(row, was: old, at: moment)
      CrashPoint.promoting.pass()
    }
    return DueReport(
      promoted: byWall.count + byBoot.count,
      nextWall: try statements[.nextWall].first { row throws(SQLiteError) in try row.read() },
      nextBoot: try statements[.nextBoot].first { row throws(SQLiteError) in try row.read() })
  }

  // MARK: Queues

  func update(queue name: String, _ patch: QueuePatch) throws -> QueueInfo {
    try statements[.addQueue].bind(name).run()
    guard let queue = try reader.queue(name) else { throw SQLiteError.corrupt("a queue is gone", doing: name) }
    try statements[.setQueue].bind(patch.paused ?? queue.paused).bind(patch.concurrency ?? queue.concurrency)
      .bind(name).run()
    return try reader.queue(name) ?? queue
  }

  func setPaused(_ paused: Bool) throws(SQLiteError) { try statements[.setPaused].bind(paused).run() }
  func probe() throws(SQLiteError) { try statements[.probe].run() }
  func noteStopping() throws(SQLiteError) { try statements[.noteStopping].bind(run).run() }

  // MARK: Retention

  func prune(_ policy: RetentionPolicy, at moment: Moment, limit: Int) throws -> PruneReport {
    var ids = try expired(policy, at: moment, limit: limit + 1)
    if let maxJobs = policy.maxJobs {
      let excess = try reader.total() - ids.count - maxJobs
      if excess > 0 { ids += try oldestEnded(min(excess, limit + 1), besides: Set(ids)) }
    }
    let removed = Array(ids.prefix(limit))
    for id in removed { try drop(find(id), at: moment) }
    try shrink()
    return PruneReport(removed: removed, more: ids.count > limit)
  }

  private func expired(_ policy: RetentionPolicy, at moment: Moment, limit: Int) throws(SQLiteError) -> [JobID] {
    var ids: [JobID] = []
    for (state, span) in [
      (JobState.succeeded, policy.succeeded), (.failed, policy.failed), (.cancelled, policy.cancelled),
    ] {
      guard let span, ids.count < limit else { continue }
      let before = Timestamp(milliseconds: moment.wall.milliseconds - span.milliseconds)
      ids += try statements[.expired].bind(state).bind(before).bind(limit - ids.count).all { row throws(SQLiteError) in
        try row.read(JobID.self)
      }
    }
    return ids
  }

  /// Over all states, the one that ended first first.
  private func oldestEnded(_ count: Int, besides taken: Set<JobID>) throws(SQLiteError) -> [JobID] {
    var ended: [(id: JobID, at: Timestamp)] = []
    for state in [JobState.succeeded, .failed, .cancelled] {
      ended += try statements[.oldestEnded].bind(state).bind(count + taken.count).all { row throws(SQLiteError) in
        (try row.read(JobID.self), try row.read(Timestamp.self))
      }
    }
    return ended.filter { !taken.contains($0.id) }.sorted { ($0.at, $0.id) < ($1.at, $1.id) }.prefix(count).map(\.id)
  }

  /// Gives pages back to the file system where more than a quarter of the file is free, a few at a time; fewer
  /// are kept for the next jobs.
  private func shrink() throws(SQLiteError) {
    let free = try statements[.freePages].first { row throws(SQLiteError) in try row.read(Int.self) } ?? 0
    guard free > 1024 else { return }
    let pages = try statements[.pages].first { row throws(SQLiteError) in try row.read(Int.self) } ?? 0
    if free > pages / 4 { try statements[.shrink].run() }
  }
}
