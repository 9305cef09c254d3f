import CrashPoints
import JobModel
import SQLite

/// The one connection that writes, on its own thread. All requests that wait share a transaction, and so a sync of the disk:
/// the group commit. While one is synced, the next one's statements are done: see `LogTurn`, `SyncThread` and decision 0018.
final class Writer {
  let path: String
  let connection: Connection
  private let statements: Statements
  private let table: JobTable
  let signals: StoreSignals
  private let files: StoreFiles
  private let logFile: LogFile
  /// What is still to be done.
  private var plan = WritePlan()
  /// Claims that found nothing to take: they are part of no transaction until one queues something, or frees a slot.
  private var idleClaims: [WriteRequest] = []
  /// A write or a sync failed, and what the kernel keeps of the WAL may not be what is on the disk: nothing is
  /// acknowledged until a checkpoint has brought all of it into the database, synced.
  var mustRepair = false
  /// The last try to tell on failed.
  private var isTellingFailing = false
  /// The next transaction has been begun ahead of what it is for: see `beginAhead`.
  private var hasBegun = false
  /// Tells of what is still to be synced; the writer does so itself where there is none.
  var early: EarlyThread?

  /// - Parameter connection: whose transactions are not synced (`PRAGMA synchronous = NORMAL`), and which has made one.
  init(_ connection: Connection, _ table: JobTable, _ signals: StoreSignals) throws(SQLiteError) {
    logFile = try connection.logFile()
    self.connection = connection
    self.table = table
    self.signals = signals
    statements = table.statements
    path = connection.path
    files = StoreFiles(ofOpen: path)
  }

  // MARK: Groups

  /// Takes a group of requests, for `commitNext` to commit: in order, but those that need no sync go first, so that
  /// their answers rest upon nothing that is not on the disk.
  func accept(_ requests: [WriteRequest]) { plan.add(owesTelling ? requests + [Self.tellMore] : requests) }

  /// Whether what was accepted has not all been committed yet.
  var hasMore: Bool { !plan.isEmpty }

  /// Commits the next of what was accepted.
  /// - Parameter meanwhile: gives what more has come while the transaction before is on its way to the disk; sleeps until
  ///   something has, or the log is free. Nil once there will be no more.
  /// - Returns: what is still to be synced before anybody is told of it, by its `settle`: nil where nothing is.
  func commitNext(meanwhile: () -> [WriteRequest]? = { nil }) -> Unsettled? {
    checkpointIfDue()
    let obstacle = obstacle()
    if plan.isEmpty || obstacle != nil { leaveAhead() }
    guard !plan.isEmpty else { return nil }
    let part = plan.next()
    if let obstacle {
      if part.requests.contains(where: \.isOwn) { isTellingFailing = true }
      Self.fail(part.requests, obstacle)
      return nil
    }
    return transact(part, meanwhile)
  }

  /// Commits a group and syncs it, all on this thread.
  func commit(_ requests: [WriteRequest]) {
    accept(requests)
    repeat { if commitNext()?.settle(signals) == false { mend() } } while hasMore
    checkpointIfDue()
  }

  /// After a sync that failed: brings to the disk, if it can, what that was to, and tells.
  func mend() { _ = obstacle() }

  /// How long to wait for requests before `accept` is called without any: not at all where ends are still to be told, a
  /// second where that failed, or some wait for a sync that did. Nil: for as long as there are none.
  var patience: Duration? {
    if signals.log.isInDoubt { return .seconds(1) }
    guard owesTelling, signals.damage == nil else { return nil }
    return isTellingFailing ? .seconds(1) : .zero
  }

  private var owesTelling: Bool { table.hasMoreToTell && table.mostTold > 0 }

  /// The writer's own: to tell on of ends of which too many jobs had to be told at once.
  private static let tellMore = WriteRequest(isSynced: true, isOwn: true) { table in
    try table.tellMore()
    return {}
  } fail: { _ in
  }

  /// Marks the stop as clean, empties the WAL into the database and syncs it. No other thread may be at work.
  func close() {
    leaveAhead()
    Self.fail(idleClaims, .closed(path))
    idleClaims = []
    if let obstacle = obstacle() {
      for group in signals.log.takeDoubtful() { group.fail(obstacle) }
      // SQLite would copy a log into the database of which it is not known what it holds.
      try? connection.neverCheckpointOnClose()
      return
    }
    connection.wait(forLocks: 1000)
    do {
      try connection.prepare("UPDATE runs SET clean = 1 WHERE run = ?").bind(table.run).run()
      CrashPoint.closing.pass()
      try connection.checkpoint(.truncate)
    } catch {
      // The next start finds the stop unclean, or a WAL, and checks: nothing that was acknowledged depends on
      // this.
    }
  }

  // MARK: Transactions

  /// What the requests of a transaction have come to.
  private struct Work {
    /// Told as soon as it is committed: those that need no sync.
    var free = CommittedGroup()
    var synced = CommittedGroup()
    /// How many changes are of `free`.
    var freeChanges = 0
    /// Nil where none of its own is among them.
    var wasOwnRefused: Bool?
    /// Those of its requests that found nothing to do, and are to wait.
    var idleClaims: [WriteRequest] = []
  }

  /// Begins the next transaction while the thread stays awake for its first request: a single caller's waits for less then.
  /// - Returns: makes it undone, before the thread sleeps.
  func beginAhead() -> () -> Void {
    // Whatever keeps it from that, damage too, is told to the next request, by its own BEGIN.
    if !mustRepair, signals.damage == nil { hasBegun = (try? statements[.begin].run()) != nil }
    return leaveAhead
  }

  /// Undoes `beginAhead`, where something else than that transaction comes first.
  func leaveAhead() {
    guard hasBegun else { return }
    hasBegun = false
    try? statements[.rollback].run()
  }

  /// Where the log is somebody's it goes on for as long as that lasts, with what comes meanwhile too.
  private func transact(_ part: WritePlan.Part, _ meanwhile: () -> [WriteRequest]?) -> Unsettled? {
    let began = ContinuousClock.now
    var requests: [WriteRequest] = []
    var undone = part.requests[...]
    var work = Work()
    var hasLog = signals.log.tryTake()
    do {
      if !hasBegun { try statements[.begin].run() }
      hasBegun = false
      CrashPoint.begun.pass()
      repeat {
        while let request = undone.popFirst() {
          requests.append(request)
          try perform(request, isGuarded: part.isGuarded, &work)
        }
        if !hasLog { hasLog = signals.log.tryTake() }
        if !hasLog {
          if let more = meanwhile() {
            undone = plan.takeLight(more, besides: requests)[...]
          } else {
            signals.log.take()
            hasLog = true
          }
        }
      } while !hasLog
      let asked = requests.count
      try serveIdleClaims(&requests, isGuarded: part.isGuarded, &work)
      try table.count()
      try files.verify()
      guard !signals.log.isInDoubt else {
        // What this builds upon may not be there. Once that is known it is done again.
        try statements[.rollback].run()
        table.rollBack()
        plan.putBack([WritePlan.Part(requests: requests, isGuarded: part.isGuarded)])
        signals.log.give()
        return nil
      }
      if !work.synced.isEmpty { signals.log.unsettle() }
      CrashPoint.committing.pass()
      let commits = connection.walCommits
      try statements[.commit].run()
      CrashPoint.committed.pass()
      idleClaims += work.idleClaims
      tellEarly(isSynced: !work.synced.isEmpty)
      // Where nothing was to be written there is nothing to sync.
      return tell(work, connection.walCommits > commits ? connection.newestPages : nil, of: asked, began)
    } catch {
      if !connection.isAutocommit { try? statements[.rollback].run() }
      table.rollBack()
      if hasLog {
        signals.log.settle()
        signals.log.give()
      }
      // Those that it has not come to are of the same transaction.
      let all = requests + undone
      if error is MustGuard {
        plan.putBack([WritePlan.Part(requests: all, isGuarded: true)])
        return nil
      }
      // The counts, which are of all of them, break a rule. Each is done again alone, so that it fails by itself.
      if all.count > 1, (error as? SQLiteError)?.isBrokenRule == true {
        plan.putBack(all.map { WritePlan.Part(requests: [$0]) })
        return nil
      }
      if all.contains(where: \.isOwn) { isTellingFailing = true }
      Self.fail(all, note(error))
      return nil
    }
  }

  /// Lets claims that wait take what the transaction has queued, and give the slots that it has freed to what waits for one: so a
  /// job that can start at once does so without a transaction of its own for that. With that they become part of it.
  private func serveIdleClaims(_ requests: inout [WriteRequest], isGuarded: Bool, _ work: inout Work) throws {
    guard !idleClaims.isEmpty || !work.idleClaims.isEmpty,
      !table.news.isEmpty || !table.freed.isEmpty || table.looksAtWaiting
    else { return }
    let claims = idleClaims + work.idleClaims
    requests += idleClaims
    (idleClaims, work.idleClaims) = ([], [])
    for claim in claims { try perform(claim, claim.lookAgain, isFirst: true, isGuarded: isGuarded, &work) }
  }

  private func tellEarly(isSynced: Bool) {
    for word in table.takeEarly() {
      if isSynced, let early { early.tell(word) } else { word() }
    }
  }

  /// After the COMMIT. The log is given away, here or by what is returned.
  /// - Parameter pages: what was written to the log; nil where nothing was.
  private func tell(
    _ work: consuming Work, _ pages: Int?, of requests: Int, _ began: ContinuousClock.Instant
  ) -> Unsettled? {
    // Where its own was refused it tries again, at rest.
    if let wasOwnRefused = work.wasOwnRefused { isTellingFailing = wasOwnRefused }
    let changes = table.takeChanges()
    work.free.changes = Array(changes[..<work.freeChanges])
    work.synced.changes = Array(changes[work.freeChanges...])
    if let pages, !work.synced.isEmpty {
      if !work.free.isEmpty { signals.log.tell(work.free, signals) {} }
      return Unsettled(group: work.synced, file: logFile, began: began, requests: requests, pages: pages)
    }
    signals.log.settle()
    signals.commits.note(requests: requests, took: .now - began, isSynced: false)
    signals.log.tell(work.free, signals) {}
    signals.log.tell(work.synced, signals) { signals.log.give() }
    return nil
  }

  /// A request failed after it had changed something, and nothing says what: all of the transaction is undone, and done
  /// again with a savepoint for each. (To have them always copies each page that is touched, once for each request: an
  /// eighth of all that an enqueue costs the writer. Nearly all that is refused is so before it has changed anything.)
  private struct MustGuard: Error {}

  /// Does one request, so that it fails alone. What it throws has cost the whole transaction.
  /// - Parameters:
  ///   - body: instead of the request's own.
  ///   - isFirst: whether it is told before the others that are synced.
  private func perform(
    _ request: WriteRequest, _ body: ((JobTable) throws -> (@Sendable () -> Void)?)? = nil, isFirst: Bool = false,
    isGuarded: Bool, _ work: inout Work
  ) throws {
    if request.looksAtQueues { try table.count() }
    if request.isOwn { work.wasOwnRefused = false }
    let before = table.mark
    let changed = connection.totalChanges
    if isGuarded { try statements[.savepoint].run() }
    var answer: (@Sendable () -> Void)?
    do {
      answer = try (body ?? request.perform)(table)
      table.noteReady()
      CrashPoint.performed.pass()
      if isGuarded { try statements[.release].run() }
    } catch {
      // After FULL, IOERR or NOMEM SQLite may have rolled everything back
      // (https://www.sqlite.org/lang_transaction.html). After a failed write the others of the group may not be
      // acknowledged either.
      if let failure = error as? SQLiteError, connection.isAutocommit || failure.isWriteFailure { throw failure }
      if connection.isAutocommit { throw SQLiteError.lostTransaction(path) }
      if isGuarded {
        try statements[.rollbackTo].run()
        try statements[.release].run()
      } else if connection.totalChanges > changed {
        throw MustGuard()
      }
      table.rollBack(to: before)
      if request.isOwn {
        work.wasOwnRefused = true
        table.noteMoreToTell(true)
      }
      // Told after the commit as well: what it was refused for may be of this very transaction.
      let refusal = note(error)
      answer = { request.fail(refusal) }
    }
    guard let answer else {
      work.idleClaims.append(request)
      return
    }
    if request.isSynced || table.mustSync || !work.synced.isEmpty {
      work.synced.add(request, answer, isFirst: isFirst)
    } else {
      work.free.add(request, answer)
      work.freeChanges = table.changes.count
    }
  }

  private static func fail(_ requests: [WriteRequest], _ error: StoreError) {
    for request in requests { request.fail(error) }
  }

  /// Says what a failure is to those who asked, and remembers what it means for what comes.
  func note(_ error: any Error) -> StoreError {
    if let error = error as? StoreError { return error }
    guard let error = error as? SQLiteError else { return StoreError(.storage(.failed), "\(path): \(error)") }
    let told = StoreError.storage(error, path)
    if error.isDamage { signals.note(damage: told) }
    if error.isWriteFailure { noteUncertainty() }
    return told
  }

  func noteUncertainty() {
    mustRepair = true
    signals.note(repairing: true)
  }
}

extension SQLiteError {
  /// SQLITE_IOERR.
  private static let ioError: Int32 = 10

  /// SQLITE_CONSTRAINT.
  private static let constraint: Int32 = 19

  fileprivate var isBrokenRule: Bool { primaryCode == Self.constraint }

  /// A write or sync of which it is not known what has reached the disk. A full disk is none: it has refused.
  fileprivate var isWriteFailure: Bool { primaryCode == Self.ioError }

  fileprivate static func lostTransaction(_ path: String) -> SQLiteError {
    SQLiteError(code: 1, message: "the transaction was rolled back", doing: path)
  }
}
