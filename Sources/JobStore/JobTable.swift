import JobModel
import SQLite

/// What can be done to the jobs in the database, within the transaction that is open. It belongs to the
/// writer's thread.
///
/// Every change of a job's state goes through `add`, `save` or `drop`, which note it in `changes`: what is told
/// to the world, and what the queues' counts are kept from, is the same list.
final class JobTable {
  let statements: Statements
  let reader: JobReader
  /// This life of the daemon, in `runs`.
  let run: Int64
  let bootID: String
  let hooks: WantedHooks
  /// Of the transaction so far, in order.
  private(set) var changes: [JobChange] = []
  var tokens = LeaseTokens()
  /// How many of `changes` the queues' counts have, in the database and in what is known of the ready queues.
  private var counted = 0
  private var noted = 0
  var memory = WriterMemory()
  /// How many jobs one transaction tells of the ends of others.
  let mostTold: Int
  /// Of the transaction so far.
  var told = 0
  /// A job was claimed that may only start once its claim is on the disk: in the transaction so far.
  var mustSync = false
  /// The queues in which the transaction so far has queued something: what a claim that waits looks at.
  private(set) var news: [String] = []
  /// Called as soon as the transaction has been committed, before it is on the disk.
  var early: [@Sendable () -> Void] = []
  /// The slots of those whose end the transaction so far has recorded, for claims that wait.
  var freed: [FreedSlot] = []
  /// Of these, those that were given on, in that order.
  var passedOn: [FreedSlot] = []
  /// One that waits is to be looked at in any case: it may have been taken back.
  var looksAtWaiting = false
  /// Whether ended jobs may still have something to tell, as of the transaction so far.
  private(set) var hasMoreToTell: Bool

  init(
    _ statements: Statements, run: Int64, bootID: String, hooks: WantedHooks, mostTold: Int = 1000
  ) throws(SQLiteError) {
    self.statements = statements
    self.run = run
    self.bootID = bootID
    self.hooks = hooks
    self.mostTold = mostTold
    reader = JobReader(statements: statements)
    hasMoreToTell = try statements[.nextUntold].first { _ throws(SQLiteError) in true } ?? false
    try findReadyQueues()
  }

  /// Notes whether something is left to tell.
  func noteMoreToTell(_ isLeft: Bool) { hasMoreToTell = isLeft }

  /// How far a transaction has come: where a request of it is rolled back to.
  struct Mark {
    fileprivate var changes = 0
    /// Of these: what was counted after the mark is rolled back with it, though it be of changes before.
    fileprivate var counted = 0
    fileprivate var early = 0
    fileprivate var freed = 0
    fileprivate var passedOn = 0
  }

  var mark: Mark {
    Mark(
      changes: changes.count, counted: counted, early: early.count, freed: freed.count, passedOn: passedOn.count)
  }

  /// Forgets the changes since the mark: their request has been rolled back.
  func rollBack(to mark: Mark) {
    changes.removeSubrange(mark.changes...)
    early.removeSubrange(mark.early...)
    freed.removeSubrange(mark.freed...)
    for slot in passedOn[mark.passedOn...] { slot.giveBack() }
    passedOn.removeSubrange(mark.passedOn...)
    counted = mark.counted
    noted = min(noted, mark.changes)
    memory.forget()
  }

  /// Forgets all of the transaction: it has been rolled back. Whether something was left to tell before it is not known
  /// any more.
  func rollBack() {
    rollBack(to: Mark())
    (told, hasMoreToTell, mustSync) = (0, true, false)
    (news, looksAtWaiting) = ([], false)
  }

  /// For the writer, after the COMMIT.
  func takeEarly() -> [@Sendable () -> Void] {
    defer { early = [] }
    return early
  }

  /// Gives the transaction's changes away and begins anew.
  func takeChanges() -> [JobChange] {
    defer {
      (changes, counted, noted, told, mustSync) = ([], 0, 0, 0, false)
      (news, freed, passedOn, looksAtWaiting) = ([], [], [], false)
    }
    memory.ready.settle()
    return changes
  }

  // MARK: Rows

  /// - Throws: `StoreError.noSuchJob`.
  func find(_ id: JobID) throws -> JobRow {
    guard let row = try reader.row(id) else { throw StoreError.noSuchJob(id) }
    return row
  }

  /// Gives the job its number.
  func add(_ row: inout JobRow, at moment: Moment) throws(SQLiteError) {
    row.id = try nextNumber()
    try row.insert(by: statements[.insertJob])
    try sort(row.lane)
    changes.append(JobChange(id: row.id, queue: row.queue, from: nil, to: row.state, attempt: 0, at: moment.wall))
  }

  func add(label key: String, _ value: String, to id: JobID) throws(SQLiteError) {
    try statements[.insertLabel].bind(id).bind(key).bind(value).run()
    memory.ties?.labels = true
  }

  /// Whoever asks for this change tells the scheduler of it too.
  func noteReported(_ change: Int) { changes[change].isReported = true }

  /// - Parameter outcome: of the attempt that this change ended.
  func save(_ row: JobRow, was old: JobRow, outcome: Outcome? = nil, at moment: Moment) throws {
    try row.save(by: statements[.saveJob])
    try sort(row, was: old)
    if !old.state.hasEnded { try noteEnd(of: row, at: moment) }
    guard row.state != old.state || row.cancelling != old.cancelling else { return }
    changes.append(
      JobChange(
        id: row.id, queue: row.queue, from: old.state, to: row.state, attempt: row.attempt, at: moment.wall,
        outcome: outcome, cancelling: row.cancelling,
        since: outcome != nil ? old.startedAt : row.attempt == 1 && old.attempt == 0 ? old.mayStartAt : nil))
  }

  /// Saves a waiting job that was edited, and may have changed its queue: the counts go with it. It is told even
  /// where its state is what it was, since it may start now, or is due at another time.
  func move(_ row: JobRow, from old: JobRow, at moment: Moment) throws(SQLiteError) {
    try row.save(by: statements[.saveJob])
    try sort(row, was: old)
    if row.queue != old.queue {
      // The changes of this request before it have been counted where they belong.
      try count()
      var one = StateCounts()
      one[old.state] = -1
      _ = try add(one, to: old.queue)
      try statements[.addQueue].bind(row.queue).run()
      one[old.state] = 1
      _ = try add(one, to: row.queue)
      // The change tells of the new queue alone.
      if old.state == .queued {
        memory.ready.note(-1, in: old.queue)
        memory.ready.note(1, in: row.queue)
      }
    }
    changes.append(
      JobChange(id: row.id, queue: row.queue, from: old.state, to: row.state, attempt: row.attempt, at: moment.wall))
  }

  func drop(_ row: JobRow, at moment: Moment) throws(SQLiteError) {
    try keepNumbers()
    try statements[.removeJob].bind(row.id).run()
    try sort(row.lane)
    changes.append(
      JobChange(id: row.id, queue: row.queue, from: row.state, to: nil, attempt: row.attempt, at: moment.wall))
  }

  // MARK: Counts

  /// Brings the queues' counts in the database up to the changes: once for all requests of a transaction, before its
  /// commit, and before a request that looks at the queues.
  func count() throws(SQLiteError) {
    guard counted < changes.count else { return }
    noteReady()
    for (queue, move) in moves(since: counted) where !move.isZero {
      if try !add(move, to: queue) {
        try statements[.addQueue].bind(queue).run()
        _ = try add(move, to: queue)
      }
    }
    counted = changes.count
  }

  /// Brings what is known of the ready queues up to the changes: at the end of each request, for the next.
  func noteReady() {
    // Most often all are of one queue.
    var queued = 0
    var isNew = false
    while noted < changes.count {
      let change = changes[noted]
      if change.from == .queued { queued -= 1 }
      if change.to == .queued {
        queued += 1
        isNew = true
      }
      noted += 1
      guard noted == changes.count || changes[noted].queue != change.queue else { continue }
      memory.ready.note(queued, in: change.queue)
      if isNew, news.last != change.queue { news.append(change.queue) }
      (queued, isNew) = (0, false)
    }
  }

  private func moves(since first: Int) -> [(queue: String, by: StateCounts)] {
    // Most often all are of one queue, and most of the others of the queue of the one before.
    var moves: [(queue: String, by: StateCounts)] = []
    var places: [String: Int] = [:]
    var place = 0
    for change in changes[first...] {
      if moves.isEmpty || moves[place].queue != change.queue {
        if moves.count == 1 { places[moves[0].queue] = 0 }
        if let known = places[change.queue] {
          place = known
        } else {
          place = moves.count
          if place > 0 { places[change.queue] = place }
          moves.append((change.queue, StateCounts()))
        }
      }
      if let from = change.from { moves[place].by[from] -= 1 }
      if let to = change.to { moves[place].by[to] += 1 }
    }
    return moves
  }

  /// False where there is no such queue yet.
  private func add(_ move: StateCounts, to queue: String) throws(SQLiteError) -> Bool {
    let statement = try statements[.addToQueue]
    for state in JobState.allCases { statement.bind(move[state]) }
    try statement.bind(queue).run()
    return statements.connection.changes > 0
  }
}
