import CrashPoints
package import JobModel
import SQLite

/// The store in one SQLite file, for one daemon on one machine.
///
/// Three threads of its own do what may block: one that writes, and two that read (each with a connection).
/// Calls hand their request over and wait; see `Writer` for how they are committed.
package final class SQLiteJobStore: JobStore {
  package let identity: String
  let path: String
  let signals: StoreSignals
  let writes: Inbox<WriteRequest>
  private let reads: Inbox<ReadRequest>
  private let readersEnded: Gate
  private let writerEnded: Gate
  let examination = SharedAnswer<[Diagnosis.Finding]>()
  let copySlot = CopySlot()

  /// A question to a reader, or word that it could not be asked.
  struct ReadRequest: Sendable {
    var perform: @Sendable (Result<JobReader, StoreError>) -> Void
  }

  static let readers = 2

  init(
    identity: String, path: String, signals: StoreSignals, writes: Inbox<WriteRequest>, reads: Inbox<ReadRequest>,
    readersEnded: Gate, writerEnded: Gate
  ) {
    self.identity = identity
    self.path = path
    self.signals = signals
    self.writes = writes
    self.reads = reads
    self.readersEnded = readersEnded
    self.writerEnded = writerEnded
  }

  deinit {
    signals.noteClosing()
    reads.close()
    writes.close()
  }

  /// Whether something waits to be written that no thread has taken yet.
  var hasWaitingWrites: Bool { writes.hasMessages }

  package func onCommit(_ observer: @escaping @Sendable ([JobChange]) -> Void) { signals.observe(observer) }

  package func onTrouble(_ observer: @escaping @Sendable (StoreTrouble) -> Void) { signals.observeTrouble(observer) }

  package func setPatience(_ isPatient: Bool) {
    signals.note(isPatient: isPatient)
    writes.nudge()
  }

  package func close() async {
    signals.noteClosing()
    // The readers first, so that nothing is in the way of the last checkpoint.
    reads.close()
    await readersEnded.wait()
    writes.close()
    await writerEnded.wait()
  }

  // MARK: Asking the threads

  /// Does something in the next transaction, and waits until that has been committed.
  func write<Value: Sendable>(
    isSynced: Bool = true, weight: Int = 1, looksAtQueues: Bool = true,
    _ body: @escaping @Sendable (_ table: JobTable) throws -> Value
  ) async throws(StoreError) -> Value {
    let result: Result<Value, StoreError> = await withCheckedContinuation { continuation in
      let request = WriteRequest(isSynced: isSynced, weight: weight, looksAtQueues: looksAtQueues) { table in
        let value = try body(table)
        return { continuation.resume(returning: .success(value)) }
      } fail: {
        continuation.resume(returning: .failure($0))
      }
      if !writes.post(request) { continuation.resume(returning: .failure(.closed(path))) }
    }
    return try result.get()
  }

  /// Leaves something for the next transaction; nobody waits for it.
  /// - Parameter body: gives what is done once it is committed.
  private func note(_ body: @escaping @Sendable (JobTable) throws -> @Sendable () -> Void) {
    let request = WriteRequest(isSynced: false, looksAtQueues: false) { table in
      try body(table)
    } fail: { _ in
    }
    _ = writes.post(request)
  }

  /// Asks within one read transaction.
  func read<Value: Sendable>(_ body: @escaping @Sendable (JobReader) throws -> Value)
    async throws(StoreError) -> Value
  {
    let result: Result<Value, StoreError> = await withCheckedContinuation { continuation in
      let request = ReadRequest { [path, signals] reader in
        let answer = reader.flatMap { Self.answer(body, $0, path, signals) }
        // What it has seen may be of a transaction that is still on its way to the disk.
        signals.log.whenSettled { continuation.resume(returning: answer) }
      }
      if !reads.post(request) { continuation.resume(returning: .failure(.closed(path))) }
    }
    return try result.get()
  }

  private static func answer<Value>(
    _ body: (JobReader) throws -> Value, _ reader: JobReader, _ path: String, _ signals: StoreSignals
  ) -> Result<Value, StoreError> {
    do {
      try reader.statements[.beginRead].run()
      let value = try body(reader)
      try reader.statements[.commit].run()
      return .success(value)
    } catch {
      if !reader.statements.connection.isAutocommit { try? reader.statements[.rollback].run() }
      guard let error = error as? SQLiteError else {
        return .failure(error as? StoreError ?? StoreError(.storage(.failed), "\(path): \(error)"))
      }
      let told = StoreError.storage(error, path)
      if error.isDamage { signals.note(damage: told) }
      return .failure(told)
    }
  }
}

// MARK: - The protocol's calls

extension SQLiteJobStore {
  package func enqueue(_ specs: [EncodedSpec], at moment: Moment) async throws(StoreError) -> [Enqueued] {
    try await write(weight: specs.count, looksAtQueues: false) { table in try table.enqueue(specs, at: moment) }
  }

  package func enqueueOne(_ spec: EncodedSpec, at moment: Moment) async throws(StoreError) -> EnqueuedJob {
    try await write(looksAtQueues: false) { table in try table.enqueueOne(spec, at: moment) }
  }

  package func job(answering request: String, at moment: Moment) async throws(StoreError) -> Job? {
    try await read { try $0.answer(to: request, at: moment).flatMap($0.job) }
  }

  package func job(_ id: JobID) async throws(StoreError) -> Job? { try await read { try $0.job(id) } }
  package func jobs(_ filter: JobFilter) async throws(StoreError) -> JobPage { try await read { try $0.jobs(filter) } }
  package func overview() async throws(StoreError) -> StoreOverview { try await read { try $0.overview() } }

  package func cancel(_ id: JobID, at moment: Moment) async throws(StoreError) -> Job {
    try await write { table in try table.cancel(id, at: moment) }
  }

  package func hold(_ id: JobID, at moment: Moment) async throws(StoreError) -> Job {
    try await write { table in try table.hold(id, at: moment) }
  }

  package func release(_ id: JobID, at moment: Moment) async throws(StoreError) -> Job {
    try await write { table in try table.release(id, at: moment) }
  }

  package func retry(_ id: JobID, withDependents: Bool, at moment: Moment) async throws(StoreError) -> Job {
    try await write { table in try table.retry(id, withDependents: withDependents, at: moment) }
  }

  package func remove(_ id: JobID, at moment: Moment) async throws(StoreError) {
    try await write { table in try table.remove(id, at: moment) }
  }

  package func edit(_ id: JobID, _ edit: JobEdit, at moment: Moment) async throws(StoreError) -> Job {
    try await write { table in try table.edit(id, edit, at: moment) }
  }

  package func graph(_ id: JobID, limit: Int) async throws(StoreError) -> JobGraph? {
    try await read { try $0.graph(id, limit: limit) }
  }

  package func ids(_ filter: JobFilter) async throws(StoreError) -> [JobID] {
    try await read { try $0.ids(filter, limit: filter.limit) }
  }

  package func ended(_ filter: EndedFilter) async throws(StoreError) -> [JobID] {
    try await read { try $0.ended(filter) }
  }

  package func perform(
    _ verb: BulkVerb, on ids: [JobID], in states: Set<JobState>, withDependents: Bool, at moment: Moment
  ) async throws(StoreError) -> BulkStep {
    try await write(weight: ids.count) { table in
      try table.perform(verb, on: ids, in: states, withDependents: withDependents, at: moment)
    }
  }

  package func queues(of ids: [JobID]) async throws(StoreError) -> [JobID: String] {
    try await read { try $0.queues(of: ids) }
  }

  package func update(queue: String, _ patch: QueuePatch, at moment: Moment) async throws(StoreError) -> QueueInfo {
    try await write { table in try table.update(queue: queue, patch, at: moment) }
  }

  package func setPause(_ pause: PauseRequest?, at moment: Moment) async throws(StoreError) {
    try await write { table in try table.setPause(pause, at: moment) }
  }

  package func countKeys(by labels: [String: String]) async throws(StoreError) {
    // Alone in its transaction: it may be long.
    try await write(weight: .max) { table in try table.countKeys(by: labels) }
  }

  package func standing(of id: JobID) async throws(StoreError) -> JobStanding? {
    try await read { try $0.standing(of: id) }
  }

  package func noteProcess(_ id: JobID, attempt: Int, _ process: ProcessIdentity) {
    note {
      try $0.noteProcess(id, attempt: attempt, process)
      return { CrashPoint.noted.pass() }
    }
  }

  package func noteUnkillable(_ id: JobID, attempt: Int) {
    note {
      try $0.noteUnkillable(id, attempt: attempt)
      return {}
    }
  }

  package func finish(
    _ id: JobID, attempt: Int, _ ending: AttemptEnding, random: Double, at moment: Moment, freeing slot: FreedSlot?
  ) async throws(StoreError) -> JobState {
    var result: String?
    if let value = ending.result { result = try JSONText.text(value) }
    let text = result
    return try await write(looksAtQueues: false) { table in
      let state = try table.finish(id, attempt: attempt, ending, result: text, random: random, at: moment)
      if let slot { table.freed.append(slot) }
      return state
    }
  }

  package func promoteDue(at moment: Moment, limit: Int) async throws(StoreError) -> DueReport {
    try await write(isSynced: false) { table in try table.promoteDue(at: moment, limit: limit) }
  }

  package func leftovers() async throws(StoreError) -> [Leftover] { try await read { try $0.leftovers() } }

  package func interrupt(_ leftovers: [Leftover], at moment: Moment) async throws(StoreError) {
    try await write(weight: leftovers.count) { table in try table.interrupt(leftovers, at: moment) }
  }

  package func noteStopping() async throws(StoreError) { try await write { table in try table.noteStopping() } }
  package func probe() async throws(StoreError) { try await write { table in try table.probe() } }

  package func prune(_ policy: RetentionPolicy, at moment: Moment, limit: Int) async throws(StoreError) -> PruneReport {
    try await write { table in try table.prune(policy, at: moment, limit: limit) }
  }
}
