import Synchronization

/// What becomes of a commit that is made and still on its way to the disk: who builds upon it may prepare meanwhile, and is
/// told once. May be used from any thread.
package final class CommitFate: Sendable {
  private struct State {
    var isSafe: Bool?
    var waiters: [@Sendable (Bool) -> Void] = []
  }

  private let state = Mutex(State())

  package init() {}

  /// True once it is on the disk; false where nobody will ever know, and nothing may be built upon it; nil until then.
  package var isSafe: Bool? { state.withLock { $0.isSafe } }

  /// The first word holds.
  package func decide(_ isSafe: Bool) {
    let waiters = state.withLock { state in
      guard state.isSafe == nil else { return [@Sendable (Bool) -> Void]() }
      state.isSafe = isSafe
      defer { state.waiters = [] }
      return state.waiters
    }
    for waiter in waiters { waiter(isSafe) }
  }

  /// Calls `body` once it is decided: at once where it is, else on the thread that decides, which it must not hold up.
  package func whenDecided(_ body: @escaping @Sendable (Bool) -> Void) {
    let isSafe = state.withLock { state in
      if state.isSafe == nil { state.waiters.append(body) }
      return state.isSafe
    }
    if let isSafe { body(isSafe) }
  }
}

/// By identity: of two commits each has its own.
extension CommitFate: Hashable {
  package static func == (left: CommitFate, right: CommitFate) -> Bool { left === right }
  package func hash(into hasher: inout Hasher) { hasher.combine(ObjectIdentifier(self)) }
}
