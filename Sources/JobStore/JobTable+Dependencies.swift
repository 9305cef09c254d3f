import JobModel
import SQLite

extension JobTable {
  /// Tells those that wait for a job that it has ended: they go on, or end `cancelled` where they run after it
  /// and it did not succeed; then those that wait for them are told, and so on. A list of work, not recursion:
  /// a chain may be as long as it likes.
  func tellDependents(of ended: JobRow, at moment: Moment) throws {
    var ends = [(id: ended.id, state: ended.state)]
    var next = 0
    while next < ends.count {
      let end = ends[next]
      next += 1
      let waiting = try statements[.findWaiting].bind(end.id).all { row throws(SQLiteError) in
        (try row.read(JobID.self), try row.read(DependencyKind.self))
      }
      for (id, kind) in waiting {
        let old = try find(id)
        var row = old
        try statements[.resolveDependency].bind(id).bind(end.id).run()
        if kind.isSatisfied(by: end.state) {
          row.resolveOne(at: moment)
        } else {
          row.cancel(because: end.id, ended: end.state, at: moment)
          ends.append((id, row.state))
        }
        try save(row, was: old, at: moment)
      }
    }
  }

  /// Puts those that the end of a retried job cancelled back to wait for it again, and then those that theirs
  /// cancelled. One that another dependency, which has ended badly too, would cancel again stays as it is.
  /// - Throws: `StoreError.uniqueKeyTaken` where a live job has the key of one of them.
  func reviveDependents(of retried: JobID, at moment: Moment) throws {
    var revived = [retried]
    var next = 0
    while next < revived.count {
      let dependency = revived[next]
      next += 1
      let cancelled = try statements[.findCancelledBy].bind(dependency).all { row throws(SQLiteError) in
        try row.read(JobID.self)
      }
      for id in cancelled {
        let old = try find(id)
        guard let open = try openDependencies(of: id) else { continue }
        try refuseTakenKey(of: old)
        try statements[.resolveDependencies].bind(id).run()
        for dependency in open { try statements[.reopenDependency].bind(id).bind(dependency).run() }
        var row = old
        row.waitAgain(for: open.count, retries: try retries(of: id), at: moment)
        row.limitKey = try limitKey(of: row)
        try save(row, was: old, at: moment)
        revived.append(id)
      }
    }
  }

  /// Which of its dependencies a job would wait for now; nil where one has failed it. One that is gone is
  /// waited for no more.
  private func openDependencies(of id: JobID) throws(SQLiteError) -> [JobID]? {
    var open: [JobID] = []
    for (dependency, kind) in try reader.dependencies(of: id) {
      guard let state = try reader.state(of: dependency) else { continue }
      if !state.hasEnded {
        open.append(dependency)
      } else if !kind.isSatisfied(by: state) {
        return nil
      }
    }
    return open
  }
}
