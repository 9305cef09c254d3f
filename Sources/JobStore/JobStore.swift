package import JobModel

/// Where jobs are kept. One conformance suite (`JobStoreTests`) says what every engine must do.
///
/// A method that returns has committed, and what it returns may be acknowledged: the commit has been synced to
/// the disk (`claim` and `promoteDue` excepted, see there). A method that throws has changed nothing that will
/// be seen, but a `StoreError.storage` means "not acknowledged", not "never stored": a power cut may bring it
/// back.
///
/// All methods may be called from any task; none blocks the cooperative pool; cancelling the calling task does
/// not undo or shorten what was asked. After each commit that changed the state of a job, before the callers
/// are answered, `onCommit` is called on the store's own thread with the changes in commit order. Calls that
/// wait at the same time may share a commit, in any order; calls of which one was answered before the other
/// began are done in that order.
package protocol JobStore: Sendable {
  /// The store's own identity, a UUID in lower case, made with it. It marks the processes of its jobs.
  var identity: String { get }

  /// Called with the state changes of each commit, in order, on the store's thread: it must be quick and must
  /// not call back.
  func onCommit(_ observer: @escaping @Sendable ([JobChange]) -> Void)

  // MARK: Enqueue

  /// Adds jobs, all or none. A job whose unique key a live job has, or whose request id was used within 24
  /// hours, is not added: the existing one answers, whatever else the new one would be. A job of which an
  /// `after` dependency has already not succeeded is added as `cancelled`.
  /// - Throws: `.unknownDependency` where `after` or `after_any` of one that would be added names a job that is
  ///   not there.
  func enqueue(_ specs: [JobSpec], at moment: Moment) async throws(StoreError) -> [Enqueued]
  /// The same for one job, which is given back as the commit left it: nobody needs to ask for it again.
  func enqueueOne(_ spec: JobSpec, at moment: Moment) async throws(StoreError) -> EnqueuedJob

  // MARK: Reading

  /// The job with its attempts, `env` unmasked; nil where there is none.
  func job(_ id: JobID) async throws(StoreError) -> Job?
  func jobs(_ filter: JobFilter) async throws(StoreError) -> JobPage
  /// Every queue that has been used or set, with its counts and settings, by name; and the flag that pauses
  /// all.
  func overview() async throws(StoreError) -> StoreOverview

  // MARK: What a person asks

  /// A waiting job ends `cancelled`; a running one is marked `cancelling`.
  /// - Throws: `.noSuchJob`, `.wrongState` where it has ended.
  func cancel(_ id: JobID, at moment: Moment) async throws(StoreError) -> Job
  /// Sets a waiting job aside; one that is held already stays as it is.
  /// - Throws: `.noSuchJob`, `.wrongState` where it runs or has ended.
  func hold(_ id: JobID, at moment: Moment) async throws(StoreError) -> Job
  /// Puts a held job where it belongs now.
  /// - Throws: `.noSuchJob`, `.wrongState` where it is not held.
  func release(_ id: JobID, at moment: Moment) async throws(StoreError) -> Job
  /// Puts an ended job back. Its dependencies are ignored; `max_attempts` becomes attempt + 1 + retries. With
  /// `dependents`, jobs that its end cancelled (directly or through others) wait for it again, but for those
  /// that another dependency, which has not succeeded either, would cancel at once.
  /// - Throws: `.noSuchJob`; `.wrongState` where it has not ended; `.uniqueKeyTaken` where a live job has its
  ///   key, or that of a dependent.
  func retry(_ id: JobID, withDependents: Bool, at moment: Moment) async throws(StoreError) -> Job
  /// Takes an ended or waiting job out of the store.
  /// - Throws: `.noSuchJob`; `.wrongState` where it runs; `.hasDependents` where a live job depends on it.
  func remove(_ id: JobID, at moment: Moment) async throws(StoreError)
  /// Makes the queue if need be.
  func update(queue: String, _ patch: QueuePatch) async throws(StoreError) -> QueueInfo
  /// The flag that pauses all queues; kept over restarts.
  func setPaused(_ paused: Bool) async throws(StoreError)

  // MARK: Attempts

  /// Takes up to `request.limit` command jobs that may run, best first (priority, then arrival), records an
  /// attempt for each and makes them `running`. Committed without a sync, except for those whose `on_interrupt`
  /// is not `retry`: after a power cut the others simply run again.
  func claim(_ request: ClaimRequest, at moment: Moment) async throws(StoreError) -> [ClaimedAttempt]
  /// Notes the leader of an attempt's processes, for the recovery after a daemon's death. Only queued: it rides
  /// with the next commit, unsynced, and where it fails nothing is lost, since the mark and the cgroup find the
  /// processes too.
  func noteProcess(_ id: JobID, attempt: Int, _ process: ProcessIdentity)
  /// Marks an attempt whose processes outlive KILL. Only queued, as above.
  func noteUnkillable(_ id: JobID, attempt: Int)
  /// Records the end of an attempt and takes the next step (`AttemptFacts.next`): the job ends, waits for its
  /// backoff, or is queued again; what depends on it is released or cancelled in the same commit. An ending of
  /// an attempt that is not the job's running one is refused with `.staleAttempt`.
  func finish(_ id: JobID, attempt: Int, _ ending: AttemptEnding, random: Double, at moment: Moment)
    async throws(StoreError) -> JobState

  // MARK: Time

  /// Moves up to `limit` scheduled jobs whose time has come to `queued`. Not synced.
  func promoteDue(at moment: Moment, limit: Int) async throws(StoreError) -> DueReport

  // MARK: Starts and stops

  /// Every running attempt that an earlier daemon left, with what is known of its processes.
  func leftovers() async throws(StoreError) -> [Leftover]
  /// Records these attempts as `interrupted` and takes the next step for each. A death counts against a job
  /// (three in a row fail it) where the earlier daemon died without having begun a stop, in this boot, within
  /// five minutes of the attempt's start; a death that does not count resets the row. When the daemon died is
  /// not known: the time of this call stands for it. Attempts that do not run any more are left out.
  func interrupt(_ leftovers: [Leftover], at moment: Moment) async throws(StoreError)
  /// Notes that a stop has begun: a death from here on counts against no job.
  func noteStopping() async throws(StoreError)
  /// Whether storage answers: a synced write of a row of its own.
  func probe() async throws(StoreError)
  /// Removes up to `limit` ended jobs that retention lets go, never one on which a live job depends. Returns
  /// their numbers and whether more are left.
  func prune(_ policy: RetentionPolicy, at moment: Moment, limit: Int) async throws(StoreError) -> PruneReport
  /// What the store can tell of its own health, without holding up anyone: places, versions, sizes, and a check of
  /// what it holds that is bounded in time. Those who ask meanwhile get the same answer.
  func examine() async -> [Diagnosis.Finding]
  /// A copy of the whole store as of one moment, while work goes on. One at a time.
  /// - Throws: `.busy` while another is being made or read; `.storage` where there is no room for it, where it could
  ///   not be made, or where what was copied is not sound.
  func copy() async throws(StoreError) -> StoreCopy
  /// Finishes what is waiting, marks the stop as clean and closes. Every later call throws `.closed`.
  func close() async
}

package struct Enqueued: Sendable, Hashable {
  package var id: JobID
  /// False where a unique key or a request id answered with an existing job.
  package var isNew: Bool

  package init(id: JobID, isNew: Bool) {
    self.id = id
    self.isNew = isNew
  }
}

package struct EnqueuedJob: Sendable, Hashable {
  /// `env` unmasked.
  package var job: Job
  /// False where a unique key or a request id answered with an existing job.
  package var isNew: Bool

  package init(job: Job, isNew: Bool) {
    self.job = job
    self.isNew = isNew
  }
}

package struct StoreOverview: Sendable, Hashable {
  package var paused: Bool
  package var queues: [QueueInfo]

  package init(paused: Bool, queues: [QueueInfo]) {
    self.paused = paused
    self.queues = queues
  }

  package var counts: StateCounts { queues.reduce(StateCounts()) { $0 + $1.counts } }
}

/// What may be taken, as the scheduling core says.
package struct ClaimRequest: Sendable, Hashable {
  /// Attempts in all.
  package var limit: Int
  /// How many more each named queue may start; 0 for none. A queue that is not named is bounded by `limit`
  /// alone. Paused queues are the store's to leave out: it knows the flags.
  package var room: [String: Int]

  package init(limit: Int, room: [String: Int] = [:]) {
    self.limit = limit
    self.room = room
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

/// What tells an attempt's leader from every other process, ever: a pid alone is reused.
package struct ProcessIdentity: Sendable, Hashable {
  package var pid: Int32
  /// Field 22 of /proc/PID/stat: clock ticks since boot.
  package var startTime: UInt64
  /// /proc/sys/kernel/random/boot_id.
  package var bootID: String

  package init(pid: Int32, startTime: UInt64, bootID: String) {
    self.pid = pid
    self.startTime = startTime
    self.bootID = bootID
  }
}

package struct Leftover: Sendable, Hashable {
  package var id: JobID
  package var attempt: Int
  package var queue: String
  package var startedAt: Timestamp
  /// Nil where the daemon died between the claim and the note.
  package var process: ProcessIdentity?

  package init(id: JobID, attempt: Int, queue: String, startedAt: Timestamp, process: ProcessIdentity?) {
    self.id = id
    self.attempt = attempt
    self.queue = queue
    self.startedAt = startedAt
    self.process = process
  }
}

package struct DueReport: Sendable, Hashable {
  package var promoted: Int
  /// When the next scheduled job is due by each clock; nil where none is. At or before now where `limit` cut
  /// the work short.
  package var nextWall: Timestamp?
  package var nextBoot: Int64?

  package init(promoted: Int, nextWall: Timestamp?, nextBoot: Int64?) {
    self.promoted = promoted
    self.nextWall = nextWall
    self.nextBoot = nextBoot
  }
}

/// How long ended jobs stay, by state; nil keeps them.
package struct RetentionPolicy: Sendable, Hashable {
  package var succeeded: TimeSpan?
  package var failed: TimeSpan?
  package var cancelled: TimeSpan?
  /// The most jobs that are kept in all; the oldest ended ones go first.
  package var maxJobs: Int?

  package init(
    succeeded: TimeSpan? = .days(7), failed: TimeSpan? = .days(30), cancelled: TimeSpan? = .days(7),
    maxJobs: Int? = 1_000_000
  ) {
    self.succeeded = succeeded
    self.failed = failed
    self.cancelled = cancelled
    self.maxJobs = maxJobs
  }
}

package struct PruneReport: Sendable, Hashable {
  package var removed: [JobID]
  package var more: Bool

  package init(removed: [JobID], more: Bool) {
    self.removed = removed
    self.more = more
  }
}
