package import JobModel

/// Where jobs are kept. One conformance suite (`JobStoreTests`) says what every engine must do.
///
/// A method that returns has committed, and what it returns may be acknowledged: the commit has been synced to
/// the disk (`claim` and `promoteDue` excepted, see there); and so has whatever a method that reads has seen. A method that
/// throws has changed nothing that will be seen, but a `StoreError.storage` means "not acknowledged", not "never stored": a
/// power cut, or a start after the store was closed, may bring it back. Where the disk fails after the commit, a method
/// returns only once the store has been able to bring it to the disk, is closed or damaged, or is to be patient no more (`setPatience`).
///
/// All methods may be called from any task; none blocks the cooperative pool; cancelling the calling task does
/// not undo or shorten what was asked. After each commit that changed the state of a job, before the callers
/// are answered, `onCommit` is called on a thread of the store's, one at a time, with the changes in commit order. Calls that
/// wait at the same time may share a commit, in any order; calls of which one was answered before the other
/// began are done in that order.
package protocol JobStore: LeaseStore, ScheduleStore {
  /// The store's own identity, a UUID in lower case, made with it. It marks the processes of its jobs.
  var identity: String { get }

  /// Called with the state changes of each commit, in order, on a thread of the store's: it must be quick and must
  /// not call back.
  func onCommit(_ observer: @escaping @Sendable ([JobChange]) -> Void)

  /// Called on a thread of the store's when a commit cannot be brought to the disk, and where it could at the second try.
  func onTrouble(_ observer: @escaping @Sendable (StoreTrouble) -> Void)

  /// Whether a call whose commit cannot be brought to the disk waits until it can, as it does at first. Else it throws: for a
  /// start and a stop, which must come to an end. What it asked may have been done all the same.
  func setPatience(_ isPatient: Bool)

  // MARK: Enqueue

  /// Adds jobs, all or none. A job whose unique key a live job has, or whose request id was used within 24
  /// hours, is not added: the existing one answers, whatever else the new one would be. A job of which an
  /// `after` dependency has already not succeeded is added as `cancelled`. Places that a spec depends on are those of
  /// earlier specs of the call: whatever answered there, new or not.
  /// - Throws: `.unknownDependency` where `after` or `after_any` of one that would be added names a job that is
  ///   not there.
  func enqueue(_ specs: [EncodedSpec], at moment: Moment) async throws(StoreError) -> [Enqueued]
  /// The same for one job, which is given back as the commit left it: nobody needs to ask for it again.
  func enqueueOne(_ spec: EncodedSpec, at moment: Moment) async throws(StoreError) -> EnqueuedJob
  /// The job that a request of this id was answered with; nil where there was none, or the job has been removed.
  func job(answering request: String, at moment: Moment) async throws(StoreError) -> Job?

  // MARK: Reading

  /// The job with its attempts, `env` unmasked; nil where there is none.
  func job(_ id: JobID) async throws(StoreError) -> Job?
  func jobs(_ filter: JobFilter) async throws(StoreError) -> JobPage
  /// What it waits for and what waits for it, at most `limit` jobs of each; nil where there is none.
  func graph(_ id: JobID, limit: Int) async throws(StoreError) -> JobGraph?
  /// What it has done since it was opened, and how large it is.
  func statistics() async throws(StoreError) -> StoreStatistics
  /// Every queue that has been used or set, with its counts and settings, by name; and the flag that pauses
  /// all.
  func overview() async throws(StoreError) -> StoreOverview
  /// What `why` is decided from; nil where there is no such job.
  func standing(of id: JobID) async throws(StoreError) -> JobStanding?

  // MARK: What a person asks

  /// A waiting or leased job ends `cancelled`; a running one is marked `cancelling`.
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
  /// that another dependency, which has not succeeded either, would cancel at once. Where they are many, some come back in
  /// the commits that follow, without being asked and over restarts, but for those whose unique key a live job has then.
  /// - Throws: `.noSuchJob`; `.wrongState` where it has not ended; `.uniqueKeyTaken` where a live job has its
  ///   key, or that of a dependent.
  func retry(_ id: JobID, withDependents: Bool, at moment: Moment) async throws(StoreError) -> Job
  /// Takes an ended or waiting job out of the store.
  /// - Throws: `.noSuchJob`; `.wrongState` where it runs; `.hasDependents` where a live job depends on it.
  func remove(_ id: JobID, at moment: Moment) async throws(StoreError)
  /// Changes what was set for a queue, and makes it if need be. A pause with an end ends by `promoteDue`.
  func update(queue: String, _ patch: QueuePatch, at moment: Moment) async throws(StoreError) -> QueueInfo
  /// The pause of all queues, nil to take it back; kept over restarts. One with an end ends by `promoteDue`.
  func setPause(_ pause: PauseRequest?, at moment: Moment) async throws(StoreError)
  /// Says by which label the jobs of each named queue are counted, and of those not named that they are not. Where that
  /// changes for a queue, all that waits in it is sorted anew, in one transaction: 10 to 30 µs a job.
  func countKeys(by labels: [String: String]) async throws(StoreError)

  /// Gives a waiting job other values; what the edit leaves open stays. Its state follows from them.
  /// - Throws: `.noSuchJob`, `.wrongState` where it runs or has ended, `.tooManyLabels`.
  func edit(_ id: JobID, _ edit: JobEdit, at moment: Moment) async throws(StoreError) -> Job

  // MARK: Many at once

  /// The numbers of up to `filter.limit` jobs that fit, newest first: a page as `jobs` gives it, without its bounds.
  func ids(_ filter: JobFilter) async throws(StoreError) -> [JobID]
  /// Every job that has ended so, the one that ended first first.
  func ended(_ filter: EndedFilter) async throws(StoreError) -> [JobID]
  /// Does it to each of these, in one commit: to those that are in one of the states by then, and of which the verb's own
  /// method would not refuse it. The others are left as they are. A few hundred at most: others wait meanwhile.
  func perform(
    _ verb: BulkVerb, on ids: [JobID], in states: Set<JobState>, withDependents: Bool, at moment: Moment
  ) async throws(StoreError) -> BulkStep
  /// In which queue each of these is; those that are gone are left out.
  func queues(of ids: [JobID]) async throws(StoreError) -> [JobID: String]

  // MARK: Attempts

  /// Takes up to `request.limit` command jobs that may run, best first (the queue's priority, the job's, then
  /// arrival), records an attempt for each and makes them `running`; of a queue with a rate also when the next may
  /// start. Committed without a sync, except for those whose `on_interrupt` is not `retry`: after a power cut the
  /// others simply run again. A queue whose keys the request counts by another label than `countKeys` said is left
  /// out: the request is older.
  ///
  /// A request that `waits` and finds nothing is answered by the first commit that queues something it may take, or records an
  /// end that frees a slot (`finish`) while something waits for one: that is taken in the same transaction, and the answer comes before it is on the disk, with the `fate` of the commit.
  /// Attempts that get such a slot name it, and are above `request.limit`, which may be 0. What becomes free in another way (a pause that ends, a limit that goes)
  /// it does not see: whoever asked is to take it back then, and ask anew. Cancelling the calling task takes it back: from that moment
  /// on it takes nothing, and it is answered, with nothing or with what it had taken before.
  /// - Parameter now: when an attempt begins; called on a thread of the store's, at the taking.
  func claim(_ request: ClaimRequest, now: @escaping @Sendable () -> Moment) async throws(StoreError) -> ClaimReport
  /// Notes the leader of an attempt's processes, for the recovery after a daemon's death. Only queued: it rides
  /// with the next commit, unsynced, and where it fails nothing is lost, since the mark and the cgroup find the
  /// processes too.
  func noteProcess(_ id: JobID, attempt: Int, _ process: ProcessIdentity)
  /// Marks an attempt whose processes outlive KILL. Only queued, as above.
  func noteUnkillable(_ id: JobID, attempt: Int)
  /// Records the end of an attempt and takes the next step (`AttemptFacts.next`): the job ends, waits for its
  /// backoff, or is queued again; what depends on it is released or cancelled in the same commit, or, where that
  /// are many, in those that follow, without being asked and over restarts: until then they wait. An ending of
  /// an attempt that is not the job's running one is refused with `.staleAttempt`.
  /// - Parameter slot: may be given, in the same commit, to what the claim that waits takes then; nil where nobody's is free
  ///   by this end.
  func finish(
    _ id: JobID, attempt: Int, _ ending: AttemptEnding, random: Double, at moment: Moment, freeing slot: FreedSlot?
  ) async throws(StoreError) -> JobState

  // MARK: Time

  /// Moves up to `limit` scheduled jobs whose time has come to `queued`, and ends the pauses whose end has. Not
  /// synced: after a power cut it is due again.
  func promoteDue(at moment: Moment, limit: Int) async throws(StoreError) -> DueReport

  // MARK: Hooks

  /// Which ends of jobs are to be told, from the next commit on. Until it is called nobody wants any.
  ///
  /// An end that is wanted leaves a delivery in the very transaction that it is recorded in.
  func setHooks(_ hooks: Hooks)
  /// Up to `limit` deliveries that are due, those that came first first, and when the next is. All that an earlier
  /// daemon left are due at once.
  func dueDeliveries(at moment: Moment, limit: Int) async throws(StoreError) -> HookReport
  /// Takes a delivery out, or counts a failed run of the hook and puts it off. Not synced: after a power cut the
  /// delivery may be made again.
  func settle(_ delivery: Int64, _ verdict: HookVerdict) async throws(StoreError)

  // MARK: Starts and stops

  /// Every running attempt that an earlier daemon left, with what is known of its processes. Leases are none: they
  /// go on.
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

extension JobStore {
  package func claim(_ request: ClaimRequest, at moment: Moment) async throws(StoreError) -> ClaimReport {
    try await claim(request) { moment }
  }

  /// The same for jobs that are not encoded yet: for tests, since front ends encode each as it comes.
  package func enqueue(_ specs: [JobSpec], at moment: Moment) async throws(StoreError) -> [Enqueued] {
    var encoded: [EncodedSpec] = []
    encoded.reserveCapacity(specs.count)
    for spec in specs { encoded.append(try EncodedSpec(spec)) }
    return try await enqueue(encoded, at: moment)
  }

  package func enqueueOne(_ spec: JobSpec, at moment: Moment) async throws(StoreError) -> EnqueuedJob {
    try await enqueueOne(try EncodedSpec(spec), at: moment)
  }
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

/// A reference, since a job is large and goes through many hands on its way to the client: each copy would retain a dozen
/// strings.
package final class EnqueuedJob: Sendable {
  package let job: Job
  /// False where a unique key or a request id answered with an existing job.
  package let isNew: Bool

  /// - Parameter job: with its `env` unmasked.
  package init(job: Job, isNew: Bool) {
    self.job = job
    self.isNew = isNew
  }

  /// The same, with the job as `viewer` may see it.
  package func visible(to viewer: UInt32?) -> EnqueuedJob {
    job.isWhole(for: viewer) ? self : EnqueuedJob(job: job.visible(to: viewer), isNew: isNew)
  }
}

package struct StoreOverview: Sendable, Hashable {
  /// Of all queues.
  package var pause: Pause?
  /// With the limits that were set, which those of the configuration file go before.
  package var queues: [QueueInfo]

  package init(pause: Pause?, queues: [QueueInfo]) {
    self.pause = pause
    self.queues = queues
  }

  package var counts: StateCounts { queues.reduce(StateCounts()) { $0 + $1.counts } }
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
  /// Whether a pause has ended.
  package var resumed: Bool
  /// When the next scheduled job or pause is due by each clock; nil where none is. At or before now where `limit`
  /// cut the work short.
  package var nextWall: Timestamp?
  package var nextBoot: Int64?

  package init(promoted: Int, resumed: Bool = false, nextWall: Timestamp?, nextBoot: Int64?) {
    self.promoted = promoted
    self.resumed = resumed
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
  /// Of queues that have a policy of their own, in place of this one; its `maxJobs` counts the jobs of the queue, and
  /// the one for all holds as well. Their own `queues` mean nothing.
  package var queues: [String: RetentionPolicy] = [:]

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

extension JobStore {
  package func finish(_ id: JobID, attempt: Int, _ ending: AttemptEnding, random: Double, at moment: Moment)
    async throws(StoreError) -> JobState
  {
    try await finish(id, attempt: attempt, ending, random: random, at: moment, freeing: nil)
  }
}
