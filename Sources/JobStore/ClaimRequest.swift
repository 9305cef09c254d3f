package import JobModel

/// What may be taken, as the scheduling core says.
package struct ClaimRequest: Sendable, Hashable {
  /// Attempts in all.
  package var limit: Int
  /// What each queue that has limits or a priority may take. One that is not named is bounded by `limit` alone.
  /// Paused queues are the store's to leave out: it knows the flags.
  package var rooms: [String: QueueRoom]

  package init(limit: Int, rooms: [String: QueueRoom] = [:]) {
    self.limit = limit
    self.rooms = rooms
  }
}

/// What a queue may start beside what runs in it.
package struct QueueRoom: Sendable, Hashable {
  /// Of two queues that could start a job the one of the higher priority does.
  package var priority = 0
  /// How many more; nil for no limit.
  package var places: Int?
  package var rate: Rate?
  package var perKey: KeyRoom?

  package init(_ limits: QueueLimits) {
    priority = limits.priority ?? 0
    places = limits.concurrency
    rate = limits.rate
    perKey = limits.perKey.map { KeyRoom($0) }
  }

  /// Makes the room smaller by a job that runs.
  package mutating func take(_ labels: [String: String]) { take(key: perKey.flatMap { labels[$0.label] }) }

  /// The same by the value of the label that is counted by; nil where the job does not have it. A limit that was
  /// lowered below what runs leaves no room, not less.
  package mutating func take(key: String?) {
    if let left = places { places = max(0, left - 1) }
    if let key { perKey?.running[key, default: 0] += 1 }
  }
}

/// How many more may start for each value of a label.
package struct KeyRoom: Sendable, Hashable {
  package var label: String
  package var concurrency: Int
  /// What runs, by the label's value.
  package var running: [String: Int] = [:]

  package init(_ limit: KeyLimit) {
    label = limit.label
    concurrency = limit.concurrency
  }

  package func lets(_ key: String) -> Bool { running[key, default: 0] < concurrency }
}

/// What a claim took.
package struct ClaimReport: Sendable, Hashable {
  package var attempts: [ClaimedAttempt]
  /// When, by the time since boot, the first of the queues whose rate alone holds a job back lets it start; nil where
  /// no rate does.
  package var nextStart: Int64?

  package init(attempts: [ClaimedAttempt] = [], nextStart: Int64? = nil) {
    self.attempts = attempts
    self.nextStart = nextStart
  }
}

/// A job that has been taken for an attempt.
package struct ClaimedAttempt: Sendable, Hashable {
  package var id: JobID
  package var attempt: Int
  /// What was enqueued, without what only matters until then: its start, its hold and its request id.
  package var spec: JobSpec
  package var startedAt: Timestamp

  package init(id: JobID, attempt: Int, spec: JobSpec, startedAt: Timestamp) {
    self.id = id
    self.attempt = attempt
    self.spec = spec
    self.startedAt = startedAt
  }
}
