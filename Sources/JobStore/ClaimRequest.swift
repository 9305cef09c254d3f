package import JobModel

/// What may be taken, as the scheduling core says.
package struct ClaimRequest: Sendable, Hashable {
  /// Attempts in all; of one that waits besides those that get a slot that ends (`FreedSlot`).
  package var limit: Int
  /// What each queue that has limits or a priority may take. One that is not named is bounded by `limit` alone.
  /// Paused queues are the store's to leave out: it knows the flags.
  package var rooms: [String: QueueRoom]
  /// Where there is nothing to take it waits until there is: see `JobStore.claim`.
  package var waits: Bool

  package init(limit: Int, rooms: [String: QueueRoom] = [:], waits: Bool = false) {
    self.limit = limit
    self.rooms = rooms
    self.waits = waits
  }
}

/// What a queue may start beside what runs in it.
package struct QueueRoom: Sendable, Hashable {
  /// Of two queues that could start a job the one of the higher priority does.
  package var priority = 0
  /// How many more; nil for no limit.
  package var places: Int?
  package var rate: Rate?
  /// What runs with a key the store counts itself: of two requests under way at once neither knows what the other takes.
  package var perKey: KeyLimit?

  package init(_ limits: QueueLimits) {
    priority = limits.priority ?? 0
    places = limits.concurrency
    rate = limits.rate
    perKey = limits.perKey
  }

  /// Leaves so many places to those who look for leases.
  package mutating func spare(_ count: Int) { places = places.map { max(0, $0 - count) } }

  /// Makes the room smaller by a job that runs. A limit that was lowered below what runs leaves no room, not less.
  package mutating func take() {
    if let left = places { places = max(0, left - 1) }
  }
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

  /// There was nothing to take, and nothing that only has to wait for its time.
  var isEmpty: Bool { attempts.isEmpty && nextStart == nil }
}

/// A job that has been taken for an attempt.
package struct ClaimedAttempt: Sendable, Hashable {
  package var id: JobID
  package var attempt: Int
  /// What was enqueued, without what only matters until then: its start, its hold and its request id.
  package var spec: JobSpec
  package var startedAt: Timestamp
  /// Where the claim is still on its way to the disk: until that is safe nothing of the attempt may run, though all may
  /// be prepared.
  package var fate: CommitFate?
  /// Whose slot it has got; nil where it is one of those that were free when the claim was asked.
  package var slot: FreedSlot?

  package init(id: JobID, attempt: Int, spec: JobSpec, startedAt: Timestamp) {
    self.id = id
    self.attempt = attempt
    self.spec = spec
    self.startedAt = startedAt
  }
}
