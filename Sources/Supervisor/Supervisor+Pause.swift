import JobModel
import JobStore

extension Supervisor {
  /// Pauses all queues, or with nil lets them go on, and keeps the core's knowledge of that true.
  func setPause(_ request: PauseRequest?, at moment: Moment) async throws(StoreError) {
    apply(.pauseAsked)
    do throws(StoreError) {
      try await store.setPause(request, at: moment)
    } catch {
      apply(.pauseAnswered(nil))
      throw error
    }
    // One with an end is the store's to watch.
    apply(.pauseAnswered(request.map { $0.span == nil } ?? false))
  }
}
