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

  func tellDependents(of ended: (id: JobID, state: JobState), at moment: Moment) throws {
    var ends = [ended]
    var next = 0
    while next < ends.count {
      guard told < mostTold else {
        return try putOff(ends[next...].map { PutOff(id: $0.id, revives: false) }, at: moment)
      }
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

  /// Puts those that the end of a retried job cancelled back to wait for it again, and then those that theirs
  /// cancelled. One that another dependency, which has ended badly too, would cancel again stays as it is. What is more
  /// than `mostTold` in one transaction is put off as above.
  /// - Throws: `StoreError.uniqueKeyTaken` where a live job has the key of one of those that are put back now. One that is
  ///   put off is left as it is then.
  func reviveDependents(of retried: JobID, at moment: Moment) throws {
    try reviveDependents(of: PutOff(id: retried, revives: true), at: moment) { row in
      try refuseTakenKey(of: row)
      return true
    }
  }

  /// Goes on with what was put off. A live job that has the key of one wins: that one stays cancelled.
  func reviveMore(of job: PutOff, at moment: Moment) throws {
    try reviveDependents(of: job, at: moment) { row in
      guard let key = row.uniqueKey else { return true }
      return try owner(ofKey: key) == nil
    }
  }

  private func reviveDependents(of job: PutOff, at moment: Moment, where mayComeBack: (JobRow) throws -> Bool) throws {
    var revived = [job]
    var next = 0
    while next < revived.count {
      guard told < mostTold else { return try putOff(Array(revived[next...]), at: moment) }
      let dependency = revived[next]
      let limit = mostTold - told
      let cancelled = try statements[.findCancelledBy].bind(dependency.id).bind(dependency.past).bind(limit).all {
        row throws(SQLiteError) in try row.read(JobID.self)
      }
      told += cancelled.count
      // Those that stay cancelled would be found again: the next look begins behind them.
      if cancelled.count < limit { next += 1 } else { revived[next].past = cancelled[cancelled.count - 1] }
      for id in cancelled {
        let old = try find(id)
        guard let open = try openDependencies(of: id), try mayComeBack(old) else { continue }
        try statements[.resolveDependencies].bind(id).run()
        for dependency in open { try statements[.reopenDependency].bind(id).bind(dependency).run() }
        var row = old
        row.waitAgain(for: open.count, retries: try retries(of: id), at: moment)
        row.limitKey = try limitKey(of: row)
        try save(row, was: old, at: moment)
        revived.append(PutOff(id: id, revives: true))
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
