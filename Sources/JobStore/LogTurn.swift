import Dispatch
import SQLite
import Synchronization

/// Whose turn it is with the write-ahead log: of the threads that write, one does the statements of the next transaction
/// while another waits for the disk with the one before. Only a transaction that is on the disk is followed by the next
/// one's COMMIT, so that no more than one is ever in doubt, and whatever a commit builds upon is safe.
final class LogTurn: Sendable {
  private struct State {
    /// What is seen in the database may not be on the disk yet.
    var isUnsettled = false
    /// Those that have seen it.
    var readers: [@Sendable () -> Void] = []
    /// Committed, but the sync failed.
    var doubtful: [CommittedGroup] = []
    /// Why.
    var failure: SQLiteError?
  }

  private let state = Mutex(State())
  /// The same, for who looks without the lock.
  private let isUnsettled = Atomic(false)
  private let log = DispatchSemaphore(value: 1)
  private let telling = DispatchSemaphore(value: 1)

  /// Sleeps until the log is nobody's; then it is the caller's, who alone may commit or sync, until `give`.
  func take() { log.wait() }

  /// The same, where it is nobody's now.
  func tryTake() -> Bool { log.wait(timeout: .now()) == .success }

  func give() { log.signal() }

  // MARK: What is seen and what is safe

  /// For the owner of the log, before a COMMIT that must be on the disk before anybody hears of it.
  func unsettle() {
    state.withLock { $0.isUnsettled = true }
    isUnsettled.store(true, ordering: .sequentiallyConsistent)
  }

  /// It is on the disk, or not in the database, or there is no telling.
  func settle() {
    guard isUnsettled.load(ordering: .relaxed) else { return }
    isUnsettled.store(false, ordering: .sequentiallyConsistent)
    let readers = state.withLock { state in
      state.isUnsettled = false
      defer { state.readers = [] }
      return state.readers
    }
    for reader in readers { reader() }
  }

  /// Calls `body` once all that the database shows now is on the disk: most often at once. Else on the thread that brings it
  /// there.
  func whenSettled(_ body: @escaping @Sendable () -> Void) {
    guard isUnsettled.load(ordering: .sequentiallyConsistent) else { return body() }
    let isSettled = state.withLock { state in
      if state.isUnsettled { state.readers.append(body) }
      return !state.isUnsettled
    }
    if isSettled { body() }
  }

  // MARK: Telling

  /// Tells of a transaction, after those that were committed before it. For the owner of the log.
  /// - Parameter pass: done before, when it has its place in the order: to give the log away, so that the disk need not
  ///   wait for those who listen.
  func tell(_ group: CommittedGroup, _ signals: StoreSignals, pass: () -> Void) {
    telling.wait()
    pass()
    group.tell(signals)
    telling.signal()
  }

  // MARK: Doubt

  /// Whether a sync has failed, and what was to be safe by it is still not known to be.
  var isInDoubt: Bool { state.withLock { !$0.doubtful.isEmpty } }

  /// Why it did.
  var failure: SQLiteError? { state.withLock { $0.failure } }

  func doubt(_ group: CommittedGroup, _ failure: SQLiteError) {
    state.withLock { state in
      state.doubtful.append(group)
      state.failure = failure
    }
  }

  /// Gives them back: what they are is known now, or never will be.
  func takeDoubtful() -> [CommittedGroup] {
    state.withLock { state in
      defer { state.doubtful = [] }
      return state.doubtful
    }
  }
}

/// A transaction that others can see, and that is to be brought to the disk. Its maker has the log.
struct Unsettled: Sendable {
  let group: CommittedGroup
  let file: LogFile
  let began: ContinuousClock.Instant
  /// Of all requests, those that need no sync included.
  let requests: Int
  /// How many pages it wrote to the log.
  let pages: Int

  /// Syncs the log, gives it away and tells everyone. Blocks.
  /// - Parameter wake: called when the log is free.
  /// - Returns: false where the sync failed. Nobody has been told then: the writer is to look for what can be done.
  func settle(_ signals: StoreSignals, wake: () -> Void = {}) -> Bool {
    let log = signals.log
    do throws(SQLiteError) {
      try file.sync()
    } catch {
      log.doubt(group, error)
      log.settle()
      log.give()
      wake()
      return false
    }
    log.settle()
    signals.commits.note(requests: requests, took: .now - began, isSynced: true)
    log.tell(group, signals) {
      log.give()
      wake()
    }
    return true
  }
}
