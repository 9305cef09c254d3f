import JobModel
import SQLite

/// What a person asks of many jobs at once, and the edit of one.
extension JobTable {
  /// Does it to each that is still in one of the states; what is refused stays as it is.
  func perform(
    _ verb: BulkVerb, on ids: [JobID], in states: Set<JobState>, withDependents: Bool, at moment: Moment
  ) throws -> BulkStep {
    var step = BulkStep()
    for id in ids {
      guard let old = try reader.row(id), states.contains(old.state) else { continue }
      do {
        if try perform(verb, on: old, withDependents: withDependents, at: moment) { step.changed.append(id) }
      } catch let refusal as StoreError {
        step.refuse(refusal)
      }
    }
    if verb == .remove { try shrink() }
    return step
  }

  /// False where there was nothing to do.
  private func perform(_ verb: BulkVerb, on old: JobRow, withDependents: Bool, at moment: Moment) throws -> Bool {
    switch verb {
    case .cancel: return try cancel(old, at: moment) != old
    case .hold: return try hold(old, at: moment) != old
    case .release: return try release(old, at: moment) != old
    case .remove: try remove(old.id, at: moment)
    case .retry:
      // With dependents it may be refused in its middle, at one of them: then none of it is done.
      try atomically { _ = try retry(old, withDependents: withDependents, at: moment) }
    }
    return true
  }

  /// Does all of it or, where it is refused, none.
  private func atomically(_ body: () throws -> Void) throws {
    let before = mark
    try statements[.savepoint].run()
    do {
      try body()
    } catch {
      // The writer undoes its own savepoint only, which has the same name. Where SQLite has rolled everything back
      // there is none left.
      if !statements.connection.isAutocommit {
        try statements[.rollbackTo].run()
        try statements[.release].run()
      }
      rollBack(to: before)
      throw error
    }
    try statements[.release].run()
  }

  // MARK: Edit

  /// Gives a waiting job other values. Its place among the states follows from them.
  func edit(_ id: JobID, _ edit: JobEdit, at moment: Moment) throws -> Job {
    let old = try find(id)
    guard old.state.isWaiting else {
      throw StoreError.wrongState(id, old.state, "only a waiting job can be edited")
    }
    var row = old
    var spec = try reader.spec(old)
    row.queue = edit.queue ?? old.queue
    row.priority = edit.priority ?? old.priority
    if let retries = edit.retries {
      row.maxAttempts = max(old.attempt + 1, old.maxAttempts + retries - spec.retries)
      spec.retries = retries
    }
    if let start = edit.start { row.reschedule(start, at: moment) }
    if let name = edit.name { spec.name = name }
    if let timeout = edit.timeout { spec.timeout = timeout }
    spec.labels = try relabel(id, spec.labels, by: edit.labels ?? [:])
    row.limitKey = try keyLabel(of: row.queue).flatMap { spec.labels[$0] }

    try statements[.editJob].bind(row.queue).bind(row.priority).bind(id).run()
    try statements[.editSpec].bind(spec.name).bind(spec.timeout).bind(spec.retries).bind(id).run()
    try move(row, from: old, at: moment)
    return try reader.job(row)
  }

  /// Returns the labels that it has then.
  private func relabel(
    _ id: JobID, _ labels: [String: String], by changes: [String: String?]
  ) throws -> [String: String] {
    var kept = labels
    for (key, value) in changes { kept[key] = value }
    guard kept.count <= Limits.labels else {
      throw StoreError(
        .tooManyLabels(id), "labels: job \(id) would have \(kept.count) labels; at most \(Limits.labels) are kept")
    }
    for (key, value) in changes {
      try statements[.removeLabel].bind(id).bind(key).run()
      if let value { try add(label: key, value, to: id) }
    }
    return kept
  }
}
