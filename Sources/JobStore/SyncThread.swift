import Dispatch

/// The thread that waits for the disk where the writer has something better to do, or will have before the disk has all: the
/// next transaction's statements.
///
/// The statements are always the writer's own, so that the pages that they touch stay in one processor's cache.
final class SyncThread: Sendable {
  private let commits = Inbox<Unsettled>()
  private let ended = DispatchSemaphore(value: 0)

  /// - Parameter wake: called after each sync, when the log is free, or there is reason to look what became of one.
  init(_ signals: StoreSignals, wake: @escaping @Sendable () -> Void) throws(StoreError) {
    try StoreThread.start("jobq-sync") { [commits, ended] in
      while let commit = commits.takeFirst() { _ = commit.settle(signals, wake: wake) }
      ended.signal()
    }
  }

  /// Leaves a transaction to be synced, and those that it is of to be told.
  func settle(_ commit: Unsettled) { _ = commits.post(commit) }

  /// Ends the thread, when it has settled what it was given. Blocks.
  func end() {
    commits.close()
    ended.wait()
  }
}

extension Writer {
  /// Up to so many pages the writer syncs itself: three times what a single caller's enqueue writes, and what sixteen such
  /// callers write together, who lose a tenth where all is handed over. See decision 0018.
  private static let fewPages = 12

  /// Commits what is posted until the inbox is closed and empty, and closes the store then.
  ///
  /// Where more waits after a commit, or more will have come before the disk has all of it, it leaves the sync to the other
  /// thread; else it syncs by itself, so that a single caller's request wakes no other thread.
  /// - Parameter syncing: nudges the inbox when the log is free.
  func work(on requests: Inbox<WriteRequest>, with syncing: SyncThread, and early: EarlyThread) {
    self.early = early
    var pace = InboxPace()
    while true {
      if !hasMore {
        guard let group = requests.takeAll(within: patience, &pace, ahead: beginAhead) else { break }
        accept(group)
      }
      guard let commit = commitNext(meanwhile: { requests.takeAll(&pace) }) else { continue }
      if hasMore || requests.hasMessages || commit.pages > Self.fewPages {
        syncing.settle(commit)
      } else {
        if !commit.settle(signals) { mend() }
        checkpointIfDue()
      }
    }
    leaveAhead()
    syncing.end()
    close()
  }
}
