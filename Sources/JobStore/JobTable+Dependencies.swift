import JobModel
import SQLite

extension JobTable {
  /// Tells those that wait for a job that it has ended: they go on, or end `cancelled` where they run after it
  /// and it did not succeed; then those that wait for them are told, and so on. A list of work, not recursion:
  /// a chain may be as long as it likes. What is more than `mostTold` in one transaction is noted and told in later
  /// ones (`tellMore`), so that nobody waits long for the writer: until then it waits on, which harms nobody.
  func tellDependents(of ended: JobRow, at moment: Moment) throws {
    try tellDependents(of: (ended.id, ended.state), at: moment)
  }

  /// Goes on with what was put off. An ended job that was retried since is waited for again: it has nothing to tell.
  func tellMore() throws {
    while told < mostTold {
      let next = try statements[.nextUntold].first { row throws(SQLiteError) in
        (
          id: try row.read(JobID.self), state: try row.read(JobState.self),
          moment: Moment(wall: try row.read(), boot: try row.read())
        )
      }
      guard let next else { return putOff(false) }
      try statements[.forgetUntold].bind(next.id).run()
      if next.state.hasEnded { try tellDependents(of: (next.id, next.state), at: next.moment) }
    }
    putOff(true)
  }

  private func tellDependents(of ended: (id: JobID, state: JobState), at moment: Moment) throws {
    var ends = [ended]
    var next = 0
    while next < ends.count {
      guard told < mostTold else { return try putOff(ends[next...].map(\.id), at: moment) }
      let end = ends[next]
      let limit = mostTold - told
      let waiting = try statements[.findWaiting].bind(end.id).bind(limit).all { row throws(SQLiteError) in
        (try row.read(JobID.self), try row.read(DependencyKind.self))
      }
      told += waiting.count
      // Where there may be more, the same one is looked at again: those that were told are not found then.
      if waiting.count < limit { next += 1 }
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

  private func putOff(_ ended: [JobID], at moment: Moment) throws(SQLiteError) {
    for id in ended { try statements[.noteUntold].bind(id).bind(moment.wall).bind(moment.boot).run() }
    putOff(true)
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
