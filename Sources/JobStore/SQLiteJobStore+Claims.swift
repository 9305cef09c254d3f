package import JobModel

extension SQLiteJobStore {
  package func claim(_ request: ClaimRequest, now: @escaping @Sendable () -> Moment) async throws(StoreError)
    -> ClaimReport
  {
    guard request.waits else {
      let moment = now()
      return try await write(isSynced: false, looksAtQueues: false) { table in try table.claim(request, at: moment) }
    }
    let claim = WaitingClaim(request, now: now)
    let result: Result<ClaimReport, StoreError> = await withTaskCancellationHandler {
      await withCheckedContinuation { continuation in
        if !writes.post(claim.asked { continuation.resume(returning: $0) }) { claim.answer(.failure(.closed(path))) }
      }
    } onCancel: {
      // Where the inbox is closed the writer answers it.
      _ = writes.post(claim.takeBack())
    }
    return try result.get()
  }
}
