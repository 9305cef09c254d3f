import JobStore

extension Supervisor {
  /// Pauses all queues, or lets them go on, and keeps the core's knowledge of that true.
  func setPaused(_ isPaused: Bool) async throws(StoreError) {
    apply(.pauseAsked)
    do throws(StoreError) {
      try await store.setPaused(isPaused)
    } catch {
      apply(.pauseAnswered(nil))
      throw error
    }
    apply(.pauseAnswered(isPaused))
  }
}
