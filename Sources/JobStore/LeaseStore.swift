package import JobModel

/// The part of a store that hands payload jobs to outside workers. What `JobStore` says of its methods holds for
/// these.
///
/// A lease is an attempt that a worker has for a time. It lives in the store: a daemon's death ends none. Within
/// one boot its time goes by CLOCK_BOOTTIME, after a reboot by the wall clock.
package protocol LeaseStore: Sendable {
  /// Takes up to `terms.limit` payload jobs of a queue that may run, best first (priority, then arrival), records
  /// an attempt with a token for each and makes them `running`; none where the queue, or all, are paused. Fewer than
  /// there are where their payloads come to 4 MiB.
  /// Committed as claims are: without a sync, except for jobs whose `on_interrupt` is not `retry`. After a power
  /// cut the others are simply queued again, and their workers' tokens are refused.
  /// - Parameter room: what the queue's limits leave, as for a claim.
  func lease(_ terms: LeaseTerms, room: QueueRoom, at moment: Moment) async throws(StoreError) -> GrantedLeases
  /// Makes leases undone that no worker has been told of: the jobs are queued as before, with no trace of an
  /// attempt. Those that have ended meanwhile are left out. Not synced: one that is forgotten expires.
  func giveBack(_ leases: [LeasedJob], at moment: Moment) async throws(StoreError)
  /// Does what workers say of their leases, in order, each for itself, and gives a verdict for each. A report is
  /// done only for the token of the job's running attempt, and only before the lease's end, swept or not. One
  /// that was done is answered in the same way when it is said again.
  func settle(_ reports: [LeaseReport], at moment: Moment) async throws(StoreError) -> [SettledLease]
  /// Ends up to `limit` leases whose time has come as `lease_expired`, and takes the next step for each.
  func expireLeases(at moment: Moment, limit: Int) async throws(StoreError) -> ExpiryReport
  /// Every lease that is out.
  func leases() async throws(StoreError) -> [HeldLease]
}

/// What was found for a worker.
package struct GrantedLeases: Sendable, Hashable {
  /// `env` unmasked: whoever tells a worker of them masks it (`LeaseGrant.mask`).
  package var leases: [LeasedJob]
  /// See `ClaimReport.nextStart`.
  package var nextStart: Int64?
  /// The payloads were enough for one answer: more jobs may be there.
  package var isCut: Bool

  package init(leases: [LeasedJob] = [], nextStart: Int64? = nil, isCut: Bool = false) {
    self.leases = leases
    self.nextStart = nextStart
    self.isCut = isCut
  }
}

/// What a worker says of one lease.
package struct LeaseReport: Sendable, Hashable {
  package enum Word: Sendable, Hashable {
    /// Done, with a result for whoever asks.
    case complete(JSONValue?)
    /// Not done. Without `retry` no further attempt follows. `random` is drawn from 0..<1, for the backoff.
    case fail(error: String?, retry: Bool, random: Double)
    /// Still at it: the lease ends so long from now.
    case extend(TimeSpan)
  }

  package var id: JobID
  package var token: String
  package var word: Word

  package init(id: JobID, token: String, word: Word) {
    self.id = id
    self.token = token
    self.word = word
  }
}

package struct SettledLease: Sendable, Hashable {
  package var verdict: LeaseVerdict
  /// The attempt that this ended.
  package var ended: Int?
  /// When the lease that this extended ends, by CLOCK_BOOTTIME.
  package var due: Int64?

  package init(verdict: LeaseVerdict, ended: Int? = nil, due: Int64? = nil) {
    self.verdict = verdict
    self.ended = ended
    self.due = due
  }
}

package struct HeldLease: Sendable, Hashable {
  package var id: JobID
  package var attempt: Int
  package var queue: String
  /// By one of which its queue may be limited.
  package var labels: [String: String]

  package init(id: JobID, attempt: Int, queue: String, labels: [String: String] = [:]) {
    self.id = id
    self.attempt = attempt
    self.queue = queue
    self.labels = labels
  }
}

package struct ExpiryReport: Sendable, Hashable {
  package var expired: [HeldLease]
  /// When the next lease ends by each clock; nil where none does. At or before now where `limit` cut the work
  /// short.
  package var nextWall: Timestamp?
  package var nextBoot: Int64?

  package init(expired: [HeldLease], nextWall: Timestamp?, nextBoot: Int64?) {
    self.expired = expired
    self.nextWall = nextWall
    self.nextBoot = nextBoot
  }
}
