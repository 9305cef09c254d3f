import CrashPoints
import JobModel
import SQLite
import Synchronization

/// Something that is asked of the writer. Its outcome is told only once the fate of the transaction that it was
/// part of is known.
struct WriteRequest: Sendable {
  /// Whether what is done must be on the disk before it is acknowledged.
  var isSynced: Bool
  /// How much work it is, in jobs.
  var weight = 1
  /// Whether it may look at the queues' counts, which are brought up to date before it. `JobTable.readyQueues` and
  /// `isReady` do so themselves.
  var looksAtQueues = true
  /// The writer's own: nobody hears what becomes of it.
  var isOwn = false
  /// Does it, within a transaction, and gives what tells the caller of success. May be called twice
  /// (`JobTable.NeedsSync`).
  var perform: @Sendable (_ table: JobTable, _ isSynced: Bool) throws -> @Sendable () -> Void
  var fail: @Sendable (StoreError) -> Void
}

/// What the threads of a store tell each other.
final class StoreSignals: Sendable {
  private let damageFound = Mutex<StoreError?>(nil)
  private let observers = Mutex<[@Sendable ([JobChange]) -> Void]>([])
  private let closing = Atomic(false)
  let hooks = WantedHooks()
  let commits = CommitNotes()
  private let repairing = Atomic(false)

  /// Damage that was met: from then on nothing is written.
  var damage: StoreError? { damageFound.withLock { $0 } }
  func note(damage error: StoreError) { damageFound.withLock { $0 = $0 ?? error } }

  func observe(_ observer: @escaping @Sendable ([JobChange]) -> Void) { observers.withLock { $0.append(observer) } }
  func tell(_ changes: [JobChange]) {
    guard !changes.isEmpty else { return }
    for observer in observers.withLock({ $0 }) { observer(changes) }
  }

  var isClosing: Bool { closing.load(ordering: .acquiring) }
  func noteClosing() { closing.store(true, ordering: .releasing) }

  /// The writer needs the WAL to itself: who reads for long gives way.
  var isRepairing: Bool { repairing.load(ordering: .acquiring) }
  func note(repairing isRepairing: Bool) { repairing.store(isRepairing, ordering: .releasing) }
}

/// The one connection that writes, on its own thread. All requests that wait share a transaction, and so a sync
/// of the disk: the group commit. Those that need no sync go first, in a transaction of their own: where there
/// is one of the other kind too, its sync covers both.
final class Writer {
  private enum Sync: Int {
    case normal = 1
    case full = 2
  }

  /// Above this weight a request is kept from holding up those that came with it.
  private static let heavy = 2_000
  /// 4 MiB in pages of 4 KiB: the WAL's size at which it is copied into the database.
  private static let checkpointPages = 1024

  private let path: String
  private let connection: Connection
  private let statements: Statements
  private let table: JobTable
  private let signals: StoreSignals
  private let files: StoreFiles
  private var sync: Sync?
  /// A write or a sync failed, and what the kernel keeps of the WAL may not be what is on the disk: nothing is
  /// acknowledged until a checkpoint has brought all of it into the database, synced.
  private var mustRepair = false
  /// The last transaction failed.
  private var isFailing = false

  init(_ connection: Connection, _ table: JobTable, _ signals: StoreSignals) {
    self.connection = connection
    self.table = table
    self.signals = signals
    statements = table.statements
    path = connection.path
    files = StoreFiles(ofOpen: path)
  }

  /// Does a group of requests, in order within each transaction, and tells each what became of it.
  func commit(_ requests: [WriteRequest]) {
    let group = owesTelling ? requests + [Self.tellMore] : requests
    if let obstacle = obstacle() { return Self.fail(group, obstacle) }
    let deferred = transact(group.filter { !$0.isSynced }, .normal)
    let synced = deferred + group.filter(\.isSynced)
    var parts = [synced.filter { $0.weight <= Self.heavy }][...]
    for request in synced where request.weight > Self.heavy { parts.append([request]) }
    while let part = parts.popFirst() {
      if let obstacle = obstacle() { return Self.fail(part + parts.joined(), obstacle) }
      _ = transact(part, .full)
    }
    checkpointIfDue()
  }

  /// How long to wait for requests before `commit` is called without any: not at all where ends are still to be told, a
  /// second where that failed. Nil: for as long as there are none.
  var patience: Duration? {
    guard owesTelling, signals.damage == nil else { return nil }
    return isFailing ? .seconds(1) : .zero
  }

  private var owesTelling: Bool { table.hasMoreToTell && table.mostTold > 0 }

  /// The writer's own: to tell on of ends of which too many jobs had to be told at once.
  private static let tellMore = WriteRequest(isSynced: true, isOwn: true) { table, _ in
    try table.tellMore()
    return {}
  } fail: { _ in
  }

  /// Marks the stop as clean, empties the WAL into the database and syncs it.
  func close() {
    guard signals.damage == nil else { return }
    connection.wait(forLocks: 1000)
    do {
      if mustRepair { try repair() }
      try set(.full)
      try connection.prepare("UPDATE runs SET clean = 1 WHERE run = ?").bind(table.run).run()
      CrashPoint.closing.pass()
      try connection.checkpoint(.truncate)
    } catch {
      // The next start finds the stop unclean, or a WAL, and checks: nothing that was acknowledged depends on
      // this.
    }
  }

  // MARK: Transactions

  /// Returns those that must be done again in a synced transaction; all others have been answered.
  private func transact(_ requests: [WriteRequest], _ sync: Sync) -> [WriteRequest] {
    guard !requests.isEmpty else { return [] }
    var answers: [@Sendable () -> Void] = []
    var deferred: [WriteRequest] = []
    var wasOwnRefused = false
    let began = ContinuousClock.now
    do {
      try set(sync)
      try statements[.begin].run()
      CrashPoint.begun.pass()
      for request in requests {
        do {
          answers.append(try perform(request, isAlone: requests.count == 1, sync))
        } catch is JobTable.NeedsSync {
          deferred.append(request)
        } catch let refusal as StoreError {
          if request.isOwn {
            wasOwnRefused = true
            table.noteMoreToTell(true)
          }
          // Told after the commit as well: what it was refused for may be of this very transaction.
          answers.append { request.fail(refusal) }
        }
      }
      try table.count()
      try files.verify()
      CrashPoint.committing.pass()
      try statements[.commit].run()
      CrashPoint.committed.pass()
    } catch {
      if !connection.isAutocommit { try? statements[.rollback].run() }
      table.rollBack()
      // The counts, which are of all of them, break a rule. Each is done again alone, so that it fails by itself.
      if requests.count > 1, (error as? SQLiteError)?.isBrokenRule == true {
        return requests.flatMap { transact([$0], sync) }
      }
      isFailing = true
      Self.fail(requests, note(error))
      return []
    }
    // Where its own was refused it tries again, at rest.
    isFailing = wasOwnRefused
    signals.commits.note(requests: requests.count, took: .now - began, isSynced: sync == .full)
    signals.tell(table.takeChanges())
    for answer in answers {
      answer()
      CrashPoint.answering.pass()
    }
    return deferred
  }

  /// Why nothing can be written now. Looked for before each transaction, not only each group: what one met concerns the
  /// next.
  private func obstacle() -> StoreError? {
    if let damage = signals.damage { return damage }
    guard mustRepair else { return nil }
    do { try repair() } catch {
      isFailing = true
      return note(error)
    }
    return nil
  }

  /// Does one request within a savepoint, so that it fails alone: then it throws a `StoreError`. Anything else
  /// that it throws has cost the whole transaction.
  private func perform(_ request: WriteRequest, isAlone: Bool, _ sync: Sync) throws -> @Sendable () -> Void {
    if request.looksAtQueues { try table.count() }
    let before = table.mark
    if !isAlone { try statements[.savepoint].run() }
    do {
      let answer = try request.perform(table, sync == .full)
      table.noteReady()
      CrashPoint.performed.pass()
      if !isAlone { try statements[.release].run() }
      return answer
    } catch {
      // After FULL, IOERR or NOMEM SQLite may have rolled everything back
      // (https://www.sqlite.org/lang_transaction.html). After a failed write the others of the group may not be
      // acknowledged either.
      if let failure = error as? SQLiteError, connection.isAutocommit || failure.isWriteFailure { throw failure }
      if connection.isAutocommit { throw SQLiteError.lostTransaction(path) }
      table.rollBack(to: before)
      if isAlone {
        try statements[.rollback].run()
        try statements[.begin].run()
      } else {
        try statements[.rollbackTo].run()
        try statements[.release].run()
      }
      if error is JobTable.NeedsSync { throw error }
      throw note(error)
    }
  }

  private static func fail(_ requests: [WriteRequest], _ error: StoreError) {
    for request in requests { request.fail(error) }
  }

  /// Says what a failure is to those who asked, and remembers what it means for what comes.
  private func note(_ error: any Error) -> StoreError {
    if let error = error as? StoreError { return error }
    guard let error = error as? SQLiteError else { return StoreError(.storage(.failed), "\(path): \(error)") }
    let told = StoreError.storage(error, path)
    if error.isDamage { signals.note(damage: told) }
    if error.isWriteFailure {
      mustRepair = true
      signals.note(repairing: true)
    }
    return told
  }

  // MARK: The disk

  /// The pragma cannot be changed within a transaction, so it is set before, and read back. (Prepared anew each time:
  /// SQLite takes the value when it prepares, not when it steps.)
  private func set(_ sync: Sync) throws(SQLiteError) {
    guard self.sync != sync else { return }
    self.sync = nil
    try connection.execute("PRAGMA synchronous = \(sync.rawValue)")
    let found = try connection.value("PRAGMA synchronous", as: Int.self)
    guard found == sync.rawValue else {
      throw SQLiteError(
        code: 1, message: "synchronous is \(found.map(String.init) ?? "unknown") instead of \(sync.rawValue)",
        doing: "PRAGMA synchronous")
    }
    self.sync = sync
  }

  /// Copies the WAL once it is long, after everyone has been answered. Only here: in SQLite 3.7.0 to 3.51.2 two
  /// connections that checkpoint at once can corrupt it (https://www.sqlite.org/wal.html#walresetbug).
  private func checkpointIfDue() {
    guard connection.walPages > Self.checkpointPages, !mustRepair, signals.damage == nil else { return }
    CrashPoint.checkpointing.pass()
    do { try connection.checkpoint(.passive) } catch { _ = note(error) }
    CrashPoint.checkpointed.pass()
  }

  private func repair() throws(SQLiteError) {
    // Readers are short: a moment is enough for them to get out of the way.
    connection.wait(forLocks: 2000)
    defer { connection.wait(forLocks: 0) }
    try set(.full)
    try connection.checkpoint(.truncate)
    mustRepair = false
    signals.note(repairing: false)
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
