/// Which jobs a listing shows. All conditions hold at once; an empty one holds always.
package struct JobFilter: Hashable, Sendable {
  package var states: Set<JobState> = []
  package var queue: String?
  /// Each key with this value.
  package var labels: [String: String] = [:]
  package var name: NamePattern?
  /// Added at this time or later.
  package var since: Timestamp?
  /// Added before this time.
  package var until: Timestamp?
  /// At most this many, newest first.
  package var limit = 50
  /// Only jobs with a smaller number: the `next_before` of the page before.
  package var before: JobID?

  package static let limits = 1...1000

  package init() {}
}

/// One page of a listing, newest first.
package struct JobPage: Sendable, Codable, Hashable {
  package var jobs: [Job]
  /// `before` for the next page; null on the last.
  package var nextBefore: JobID?

  package init(jobs: [Job], nextBefore: JobID?) {
    self.jobs = jobs
    self.nextBefore = nextBefore
  }

  enum CodingKeys: String, CodingKey {
    case jobs
    case nextBefore = "next_before"
  }

  package func encode(to encoder: any Encoder) throws {
    var c = encoder.container(keyedBy: CodingKeys.self)
    try c.encode(jobs, forKey: .jobs)
    try c.encode(nextBefore, forKey: .nextBefore)
  }
}

/// The answer to a bulk enqueue.
package struct BulkReceipt: Sendable, Codable, Hashable {
  package var count: Int
  package var firstID: JobID?
  package var lastID: JobID?

  package init(count: Int, firstID: JobID?, lastID: JobID?) {
    self.count = count
    self.firstID = firstID
    self.lastID = lastID
  }

  enum CodingKeys: String, CodingKey {
    case count
    case firstID = "first_id"
    case lastID = "last_id"
  }

  package func encode(to encoder: any Encoder) throws {
    var c = encoder.container(keyedBy: CodingKeys.self)
    try c.encode(count, forKey: .count)
    try c.encode(firstID, forKey: .firstID)
    try c.encode(lastID, forKey: .lastID)
  }
}
