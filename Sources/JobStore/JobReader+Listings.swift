import JobModel
import SQLite

/// Which jobs fit: what listings and bulk verbs begin with. An index leads to them by the narrowest condition that has
/// one (a label, a name, a state), and the others are looked at on the way.
extension JobReader {
  /// Newest first.
  func jobs(_ filter: JobFilter) throws(SQLiteError) -> JobPage {
    let limit = min(max(filter.limit, JobFilter.limits.lowerBound), JobFilter.limits.upperBound)
    // One more than the page holds tells whether there is another.
    let found = try ids(filter, limit: limit + 1)
    let page = found.prefix(limit)
    var jobs: [Job] = []
    for id in page {
      if let job = try job(id) { jobs.append(job) }
    }
    return JobPage(jobs: jobs, nextBefore: found.count > limit ? page.last : nil)
  }

  /// Newest first, from below `filter.before`.
  func ids(_ filter: JobFilter, limit: Int) throws(SQLiteError) -> [JobID] {
    if !filter.labels.isEmpty { return try labelled(filter, limit: limit) }
    if let name = filter.name { return try named(name, filter, limit: limit) }
    let (since, until) = filter.added
    if filter.states.isEmpty, filter.queue == nil {
      return try statements[.listAll].bind(filter.end).bind(since).bind(until).bind(limit).all(Self.id)
    }
    // Each state that is asked for is a stream of its own in an index, and the streams are merged here: no state,
    // however full, is read beyond the page.
    let states = filter.states.isEmpty ? JobState.allCases : Array(filter.states)
    var merged: [JobID] = []
    for state in states {
      let statement =
        if let queue = filter.queue {
          try statements[.listQueue].bind(filter.end).bind(queue).bind(state)
        } else {
          try statements[.listState].bind(filter.end).bind(state)
        }
      merged += try statement.bind(since).bind(until).bind(limit).all(Self.id)
    }
    return Array(merged.sorted(by: >).prefix(limit))
  }

  private func labelled(_ filter: JobFilter, limit: Int) throws(SQLiteError) -> [JobID] {
    var others = filter.labels
    // Any label leads; the least key makes it the same one for every page.
    guard let key = others.keys.min(), let value = others.removeValue(forKey: key) else { return [] }
    let statement = try statements[.listLabel].bind(filter.end).bind(key).bind(value)
    let names = filter.name?.range
    return try bind(filter, to: statement).bind(StringJSON.text(others)).bind(names?.lowerBound)
      .bind(names?.upperBound).bind(limit).all(Self.id)
  }

  private func named(_ name: NamePattern, _ filter: JobFilter, limit: Int) throws(SQLiteError) -> [JobID] {
    guard name.isPrefix else {
      let statement = try statements[.listName].bind(filter.end).bind(name.text)
      return try bind(filter, to: statement).bind(limit).all(Self.id)
    }
    // These come in the order of their names: all that fit are read, and the newest are kept.
    let names = name.range
    let statement = try statements[.listNames].bind(filter.end).bind(names.lowerBound).bind(names.upperBound)
    return Array(try bind(filter, to: statement).all(Self.id).sorted(by: >).prefix(limit))
  }

  /// The parameters of `Query.conditions`.
  private func bind(_ filter: JobFilter, to statement: Statement) -> Statement {
    let states = filter.states.isEmpty ? nil : StringJSON.text(filter.states.map(\.rawValue))
    let (since, until) = filter.added
    return statement.bind(filter.queue).bind(states).bind(since).bind(until)
  }

  static func id(_ row: Statement) throws(SQLiteError) -> JobID { try row.read() }
}

extension JobFilter {
  fileprivate var end: JobID { before ?? JobID(.max) }

  fileprivate var added: (since: Timestamp, until: Timestamp) {
    (since ?? Timestamp(milliseconds: .min), until ?? Timestamp(milliseconds: .max))
  }
}
