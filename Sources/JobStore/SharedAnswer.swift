import Synchronization

/// An answer that takes a while: who asks while it is being found gets the same one.
final class SharedAnswer<Answer: Sendable>: Sendable {
  /// Nil: nobody waits, and nothing is being found.
  private let waiters = Mutex<[CheckedContinuation<Answer, Never>]?>(nil)

  /// - Parameter find: called by the first who asks. It must lead to one call of its argument, from any thread.
  func ask(_ find: (_ answer: @escaping @Sendable (Answer) -> Void) -> Void) async -> Answer {
    await withCheckedContinuation { continuation in
      let isFirst = waiters.withLock { waiters in
        defer { waiters = (waiters ?? []) + [continuation] }
        return waiters == nil
      }
      guard isFirst else { return }
      find { [self] answer in
        let waiting = waiters.withLock { waiters in
          defer { waiters = nil }
          return waiters ?? []
        }
        for waiter in waiting { waiter.resume(returning: answer) }
      }
    }
  }
}
