package import JobModel
import Synchronization

extension SQLiteJobStore {
  package func claim(_ request: ClaimRequest, now: @escaping @Sendable () -> Moment) async throws(StoreError)
    -> ClaimReport
  {
    guard request.waits else {
      let moment = now()
      return try await write(isSynced: false, looksAtQueues: false) { table in try table.claim(request, at: moment) }
    }
    let claim = WaitingClaim(request, now)
    let result: Result<ClaimReport, StoreError> = await withTaskCancellationHandler {
      await withCheckedContinuation { continuation in
        if !writes.post(claim.asked { continuation.resume(returning: $0) }) { claim.answer(.failure(.closed(path))) }
      }
    } onCancel: {
      // Where the inbox is closed the writer answers it.
      _ = writes.post(claim.takenBack())
    }
    return try result.get()
  }
}

/// A claim that may wait for something to take.
private final class WaitingClaim: Sendable {
  private struct State {
    /// Whom to answer, until that is done.
    var answer: (@Sendable (Result<ClaimReport, StoreError>) -> Void)?
    /// It has taken something: it hears what becomes of that, by `answer` or by `fate`.
    var hasTaken = false
    /// Of what it has been answered with.
    var fate: CommitFate?
  }

  private let request: ClaimRequest
  private let now: @Sendable () -> Moment
  private let isTakenBack = Atomic(false)
  private let state = Mutex(State())

  init(_ request: ClaimRequest, _ now: @escaping @Sendable () -> Moment) {
    self.request = request
    self.now = now
  }

  /// The first answer counts.
  func answer(_ result: Result<ClaimReport, StoreError>, fate: CommitFate? = nil) {
    let answer = state.withLock { state in
      if fate != nil { state.fate = fate }
      defer { state.answer = nil }
      return state.answer
    }
    answer?(result)
  }

  /// - Parameter answer: called once.
  func asked(answer: @escaping @Sendable (Result<ClaimReport, StoreError>) -> Void) -> WriteRequest {
    state.withLock { $0.answer = answer }
    var asked = WriteRequest(isSynced: false, looksAtQueues: false) { [self] table in
      guard let report = try take({ request throws in try table.claim(request, at: now()) }) else { return nil }
      return { [self] in self.answer(.success(report)) }
    } fail: { [self] error in
      if let fate = state.withLock({ $0.fate }) { fate.decide(false) } else { self.answer(.failure(error)) }
    }
    asked.lookAgain = { [self] table in
      guard var report = try take({ request throws in try table.claimNews(request, at: now()) }) else { return nil }
      let fate = CommitFate()
      for index in report.attempts.indices { report.attempts[index].fate = fate }
      let early = report
      table.early.append { [self] in self.answer(.success(early), fate: fate) }
      return { fate.decide(true) }
    }
    return asked
  }

  /// It takes nothing from now on, wherever it is just then.
  /// - Returns: has it answered, where it waits.
  func takenBack() -> WriteRequest {
    isTakenBack.store(true, ordering: .releasing)
    return WriteRequest(isSynced: false, looksAtQueues: false) { table in
      table.looksAtWaiting = true
      return {}
    } fail: { [self] _ in
      // Nothing can be written now, nor looked at. It has only waited.
      if !state.withLock({ $0.hasTaken }) { answer(.success(ClaimReport())) }
    }
  }

  /// Nil: it is to wait.
  private func take(_ claim: (ClaimRequest) throws -> ClaimReport) rethrows -> ClaimReport? {
    if isTakenBack.load(ordering: .acquiring) { return ClaimReport() }
    let report = try claim(request)
    guard !report.isEmpty else { return nil }
    state.withLock { $0.hasTaken = true }
    return report
  }
}
