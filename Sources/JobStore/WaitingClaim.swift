import JobModel
import Synchronization

/// A claim that waits, where there is nothing to take, until there is.
final class WaitingClaim: Sendable {
  private enum State: Sendable {
    case unasked
    case asked(answer: @Sendable (Result<ClaimReport, StoreError>) -> Void)
    /// Early, with what a commit has taken that is on its way to the disk.
    case answered(fate: CommitFate)
    case done
  }

  private let request: ClaimRequest
  private let now: @Sendable () -> Moment
  private let isTakenBack = Atomic(false)
  /// It is part of a transaction, and hears what becomes of that.
  private let hasTaken = Atomic(false)
  private let state = Mutex(State.unasked)
  /// Of the transaction that it is part of: it gives them back where its asker is not told of them.
  private let slots = Mutex<[FreedSlot]>([])

  init(_ request: ClaimRequest, now: @escaping @Sendable () -> Moment) {
    self.request = request
    self.now = now
  }

  /// - Parameter answer: called once.
  func asked(answer: @escaping @Sendable (Result<ClaimReport, StoreError>) -> Void) -> WriteRequest {
    state.withLock { $0 = .asked(answer: answer) }
    var asked = WriteRequest(isSynced: false, looksAtQueues: false) { [self] table in
      guard let report = try take({ request throws in try table.claim(request, at: now()) }) else { return nil }
      return { [self] in self.answer(.success(report)) }
    } fail: { [self] in
      fail($0)
    }
    asked.lookAgain = { [self] table in
      guard var report = try take({ request throws in try table.claimAgain(request, at: now()) }) else { return nil }
      slots.withLock { $0 = report.attempts.compactMap(\.slot) }
      let fate = CommitFate()
      for index in report.attempts.indices { report.attempts[index].fate = fate }
      let early = report
      table.early.append { [self] in self.answer(.success(early), .answered(fate: fate)) }
      return { fate.decide(true) }
    }
    return asked
  }

  /// Answers it, unless that has been done.
  func answer(_ result: Result<ClaimReport, StoreError>) { answer(result, .done) }

  private func answer(_ result: Result<ClaimReport, StoreError>, _ next: State) {
    let answer: (@Sendable (Result<ClaimReport, StoreError>) -> Void)? = state.withLock { state in
      guard case .asked(let answer) = state else { return nil }
      state = next
      return answer
    }
    answer?(result)
  }

  /// What it was to be part of could not be done, or may have been and nobody will ever know. The early word may be on its
  /// way just now: whichever comes first holds.
  private func fail(_ error: StoreError) {
    let before = state.withLock { state in
      defer { if case .asked = state { state = .done } }
      return state
    }
    switch before {
    case .asked(let answer):
      for slot in slots.withLock({ $0 }) { slot.giveBack() }
      answer(.failure(error))
    case .answered(let fate): fate.decide(false)
    case .unasked, .done: break
    }
  }

  /// From now on it takes nothing, wherever it is just then.
  /// - Returns: to be posted, so that the writer answers it where it waits.
  func takeBack() -> WriteRequest {
    isTakenBack.store(true, ordering: .sequentiallyConsistent)
    return WriteRequest(isSynced: false, looksAtQueues: false) { table in
      table.looksAtWaiting = true
      return {}
    } fail: { [self] _ in
      // Nothing can be written now, nor looked at.
      if !hasTaken.load(ordering: .sequentiallyConsistent) { answer(.success(ClaimReport())) }
    }
  }

  /// Nil: it is to wait.
  private func take(_ claim: (ClaimRequest) throws -> ClaimReport) rethrows -> ClaimReport? {
    hasTaken.store(false, ordering: .sequentiallyConsistent)
    slots.withLock { $0 = [] }
    if isTakenBack.load(ordering: .sequentiallyConsistent) { return ClaimReport() }
    let report = try claim(request)
    guard !report.isEmpty else { return nil }
    hasTaken.store(true, ordering: .sequentiallyConsistent)
    return report
  }
}
