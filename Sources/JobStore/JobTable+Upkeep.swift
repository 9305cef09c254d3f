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
}
