import JobModel
import SQLite

/// Ended jobs in the order of their ends: what retention goes by. An index has them by queue and state; the queues are
/// few, and the streams are merged here.
extension JobReader {
  /// Every job that fits, the one that ended first first.
  func ended(_ filter: EndedFilter) throws(SQLiteError) -> [JobID] {
    let queues = if let queue = filter.queue { [queue] } else { try queueNames() }
    var found: [(id: JobID, at: Timestamp)] = []
    for queue in queues {
      for state in filter.states {
        found += try statements[.allEnded].bind(queue).bind(state).bind(filter.through).all(Self.end)
      }
    }
    return found.sorted { ($0.at, $0.id) < ($1.at, $1.id) }.map(\.id)
  }

  /// Up to `limit` on which no live job depends, of each stream.
  func free(in queue: String, _ state: JobState, through: Timestamp, limit: Int) throws(SQLiteError)
    -> [(id: JobID, at: Timestamp)]
  {
    guard limit > 0 else { return [] }
    return try statements[.oldestEnded].bind(queue).bind(state).bind(through).bind(limit).all(Self.end)
  }

  /// In which queue each of these is; those that are gone are left out.
  func queues(of ids: [JobID]) throws(SQLiteError) -> [JobID: String] {
    var queues: [JobID: String] = [:]
    for id in ids {
      queues[id] = try statements[.findQueue].bind(id).first { row throws(SQLiteError) in try row.read() }
    }
    return queues
  }

  func queueNames() throws(SQLiteError) -> [String] {
    try statements[.queues].all { row throws(SQLiteError) in try row.read(String.self) }
  }

  private static func end(_ row: Statement) throws(SQLiteError) -> (id: JobID, at: Timestamp) {
    (try row.read(), try row.read())
  }
}
