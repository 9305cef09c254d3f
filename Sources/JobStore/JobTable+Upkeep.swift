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
    let nextWall: Timestamp? = try statements[.nextWall].first { row throws(SQLiteError) in try row.read() }
    let nextBoot: Int64? = try statements[.nextBoot].first { row throws(SQLiteError) in try row.read() }
    var report = DueReport(promoted: byWall.count + byBoot.count, nextWall: nextWall, nextBoot: nextBoot)
    try endPauses(at: moment, &report)
    return report
  }

  // MARK: The daemon

  func probe() throws(SQLiteError) { try statements[.probe].run() }
  func noteStopping() throws(SQLiteError) { try statements[.noteStopping].bind(run).run() }
}
