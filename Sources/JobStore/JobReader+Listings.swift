import JobModel
import SQLite

/// Which jobs fit: what listings and bulk verbs begin with. An index leads to them by the narrowest condition that has
/// one (a label, a name, a state), and the others are looked at on the way.
extension JobReader {
  /// Jobs of so many bytes are enough for one page, however many were asked for: a payload may have megabytes.
  private static let enough = 4 << 20

  /// Newest first.
  func jobs(_ filter: JobFilter) throws(SQLiteError) -> JobPage {
    let limit = min(max(filter.limit, JobFilter.limits.lowerBound), JobFilter.limits.upperBound)
    // One more than the page holds tells whether there is another.
    let found = try ids(filter, limit: limit + 1)
    var jobs: [Job] = []
    var bytes = 0
    for (index, id) in found.prefix(limit).enumerated() {
      guard let job = try job(id) else { continue }
      jobs.append(job)
      bytes += job.roughSize
      if bytes >= Self.enough, index + 1 < found.count { return JobPage(jobs: jobs, nextBefore: id) }
    }
    return JobPage(jobs: jobs, nextBefore: found.count > limit ? found[limit - 1] : nil)
  }

  /// Newest first, from below `filter.before`.
  func ids(_ filter: JobFilter, limit: Int) throws(SQLiteError) -> [JobID] {
    if !filter.labels.isEmpty { return try labelled(filter, limit: limit) }
    if let name = filter.name { return try named(name, filter, limit: limit) }
    if filter.states.isEmpty, filter.queue == nil {
      let (since, until) = filter.added
      return try statements[.listAll].bind(filter.end).bind(since).bind(until).bind(limit).all(Self.id)
    }
    // Of queue and state one is open, or both.
    return try merged(streams(of: filter), filter, limit: limit)
  }

  /// Jobs that an index has in the order of their numbers.
  private struct Stream {
    enum Source {
      case state(JobState)
      /// What runs has no order, and is little.
      case running
      /// What is queued and counts against no key stands by its priority.
      case queued(JobRow.Kind, priority: Int)
    }

    /// Nil for all.
    let queue: String?
    let source: Source
    /// The oldest that has been read of it.
    var oldest: JobID?
    /// All of it has been read.
    var hasEnded = false
  }

  private func streams(of filter: JobFilter) throws(SQLiteError) -> [Stream] {
    let states = filter.states.isEmpty ? Set(JobState.allCases) : filter.states
    let queues = if let name = filter.queue { try [queue(name)].compactMap(\.self) } else { try overview().queues }
    var streams: [Stream] = states.contains(.running) ? [Stream(queue: filter.queue, source: .running)] : []
    for queue in queues {
      for state in JobState.allCases where states.contains(state) && state != .running && queue.counts[state] > 0 {
        streams.append(Stream(queue: queue.name, source: .state(state)))
      }
      guard states.contains(.queued), queue.counts[.queued] > 0 else { continue }
      for kind in [JobRow.Kind.command, .payload] {
        var above = Int.max
        while let priority = try priority(in: queue.name, kind, below: above) {
          streams.append(Stream(queue: queue.name, source: .queued(kind, priority: priority)))
          above = priority
        }
      }
    }
    return streams
  }

  private func priority(in queue: String, _ kind: JobRow.Kind, below bound: Int) throws(SQLiteError) -> Int? {
    try statements[.nextPriority].bind(queue).bind(kind).bind(bound).first { row throws(SQLiteError) in try row.read() }
  }

  /// Reads on in a stream, up to `limit`; a stream that has no order at once.
  private func read(_ stream: inout Stream, _ filter: JobFilter, limit: Int) throws(SQLiteError) -> [JobID] {
    let query: Query =
      switch stream.source {
      case .state: .listQueue
      case .running: .listRunning
      case .queued: .listPriority
      }
    let statement = try statements[query].bind(stream.oldest ?? filter.end).bind(filter.added.since)
      .bind(filter.added.until).bind(stream.queue)
    switch stream.source {
    case .running:
      stream.hasEnded = true
      return try statement.all(Self.id)
    case .state(let state): statement.bind(state)
    case .queued(let kind, let priority): statement.bind(kind).bind(priority)
    }
    let ids = try statement.bind(limit).all(Self.id)
    stream.oldest = ids.last
    stream.hasEnded = ids.count < limit
    return ids
  }

  /// The newest of all streams: none is read much beyond what is wanted of it, however full it is, and however many
  /// there are.
  private func merged(_ streams: [Stream], _ filter: JobFilter, limit: Int) throws(SQLiteError) -> [JobID] {
    var streams = streams
    var newest: [JobID] = []
    guard limit > 0 else { return [] }
    var step = limit / max(streams.count, 1) + 1
    while true {
      // A stream is behind where it may still hold what is newer than the last that would be given.
      let last = newest.count < limit ? nil : newest.last
      let behind = streams.indices.filter { index in
        guard !streams[index].hasEnded, let oldest = streams[index].oldest, let last else {
          return !streams[index].hasEnded
        }
        return oldest > last
      }
      guard !behind.isEmpty else { return newest }
      for index in behind { newest += try read(&streams[index], filter, limit: step) }
      newest = Array(newest.sorted(by: >).prefix(limit))
      step = step > limit / 2 ? limit : step * 2
    }
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
