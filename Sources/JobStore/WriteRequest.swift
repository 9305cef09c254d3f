import CrashPoints
import JobModel

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
  /// Does it, within a transaction, and gives what tells the caller of success. Called again where the transaction
  /// could not be committed. Nil: there was nothing to do, it has changed nothing, and it waits.
  var perform: @Sendable (_ table: JobTable) throws -> (@Sendable () -> Void)?
  /// The same, for one that has waited: it may look at what is new alone (`JobTable.news`), and for as many as there are
  /// slots at all (`JobTable.freed`).
  var lookAgain: (@Sendable (_ table: JobTable) throws -> (@Sendable () -> Void)?)?
  var fail: @Sendable (StoreError) -> Void

  init(
    isSynced: Bool, weight: Int = 1, looksAtQueues: Bool = true, isOwn: Bool = false,
    perform: @escaping @Sendable (_ table: JobTable) throws -> (@Sendable () -> Void)?,
    fail: @escaping @Sendable (StoreError) -> Void
  ) {
    self.isSynced = isSynced
    self.weight = weight
    self.looksAtQueues = looksAtQueues
    self.isOwn = isOwn
    self.perform = perform
    self.fail = fail
  }
}

/// What a transaction has done, and who is to hear of it.
struct CommittedGroup: Sendable {
  private struct Part: Sendable {
    var answer: @Sendable () -> Void
    var fail: @Sendable (StoreError) -> Void
  }

  private var parts: [Part] = []
  var changes: [JobChange] = []

  var isEmpty: Bool { parts.isEmpty }

  mutating func add(_ request: WriteRequest, _ answer: @escaping @Sendable () -> Void, isFirst: Bool = false) {
    let part = Part(answer: answer, fail: request.fail)
    if isFirst { parts.insert(part, at: 0) } else { parts.append(part) }
  }

  /// To the observers first: who is answered may ask for what they know.
  func tell(_ signals: StoreSignals) {
    signals.tell(changes)
    for part in parts {
      part.answer()
      CrashPoint.answering.pass()
    }
  }

  func fail(_ error: StoreError) { for part in parts { part.fail(error) } }
}
