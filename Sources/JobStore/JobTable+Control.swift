import JobModel
import SQLite

/// What a person asks of one job. Each gives the job as it is then, for the answer.
extension JobTable {
  func cancel(_ id: JobID, at moment: Moment) throws -> Job { try reader.job(cancel(find(id), at: moment)) }

  func cancel(_ old: JobRow, at moment: Moment) throws -> JobRow {
    var row = old
    switch old.state {
    case .held, .blocked, .scheduled, .queued:
      row.end(.cancelled, at: moment)
      try save(row, was: old, at: moment)
      try tellDependents(of: row, at: moment)
    case .running where old.kind == .payload:
      // Leased: jobqd runs nothing for it, and its worker is told at its next call.
      _ = try conclude(old, AttemptEnding(.cancelled), at: moment)
      return try find(old.id)
    case .running:
      // Its worker ends the processes; the job ends with the attempt. Asking twice changes nothing.
      row.cancelling = true
      if row != old { try save(row, was: old, at: moment) }
    case .succeeded, .failed, .cancelled:
      throw StoreError.wrongState(old.id, old.state, "only a job that has not ended can be cancelled")
    }
    return row
  }

  func hold(_ id: JobID, at moment: Moment) throws -> Job { try reader.job(hold(find(id), at: moment)) }

  func hold(_ old: JobRow, at moment: Moment) throws -> JobRow {
    guard old.state.isWaiting else {
      throw StoreError.wrongState(old.id, old.state, "only a waiting job can be held")
    }
    if old.state == .held { return old }
    var row = old
    row.wait(held: true, at: moment)
    try save(row, was: old, at: moment)
    return row
  }

  func release(_ id: JobID, at moment: Moment) throws -> Job { try reader.job(release(find(id), at: moment)) }

  func release(_ old: JobRow, at moment: Moment) throws -> JobRow {
    guard old.state == .held else {
      throw StoreError.wrongState(old.id, old.state, "only a held job can be released")
    }
    var row = old
    row.wait(held: false, at: moment)
    try save(row, was: old, at: moment)
    return row
  }

  func retry(_ id: JobID, withDependents: Bool, at moment: Moment) throws -> Job {
    try reader.job(retry(find(id), withDependents: withDependents, at: moment))
  }

  func retry(_ old: JobRow, withDependents: Bool, at moment: Moment) throws -> JobRow {
    guard old.state.hasEnded else {
      throw StoreError.wrongState(old.id, old.state, "only a job that has ended can be retried")
    }
    try refuseTakenKey(of: old)
    var row = old
    row.retry(retries: try retries(of: old.id), at: moment)
    row.limitKey = try limitKey(of: row)
    try save(row, was: old, at: moment)
    // Whatever they are by now, they are waited for no more.
    try statements[.resolveDependencies].bind(old.id).run()
    if withDependents { try reviveDependents(of: old.id, at: moment) }
    return row
  }

  func remove(_ id: JobID, at moment: Moment) throws {
    let row = try find(id)
    guard row.state != .running else {
      throw StoreError.wrongState(id, row.state, "it runs; cancel it first")
    }
    let dependent: JobID? = try statements[.findLiveDependent].bind(id).first { row throws(SQLiteError) in
      try row.read()
    }
    if let dependent {
      throw StoreError(
        .hasDependents(id, on: dependent),
        "job \(dependent), which has not ended, depends on job \(id); remove or cancel that one first")
    }
    try drop(row, at: moment)
  }

  // MARK: Parts

  func refuseTakenKey(of row: JobRow) throws {
    guard let key = row.uniqueKey, let owner = try owner(ofKey: key) else { return }
    throw StoreError(
      .uniqueKeyTaken(row.id, by: owner),
      "job \(row.id) has the unique key \"\(key.printable)\", which job \(owner) has now; wait until that one has ended"
    )
  }

  func retries(of id: JobID) throws(SQLiteError) -> Int {
    try statements[.findPolicy].bind(id).first { row throws(SQLiteError) in try row.read() } ?? 0
  }
}
