import CLinux

/// Tells of transactions that are still on their way to the disk, while the writer waits for that.
///
/// A thread of its own, of which the kernel knows while it sleeps that it is in no hurry (SCHED_BATCH, sched(7)): so it does
/// not take the processor from the writer that wakes it. Those whom the writer woke by itself did, for 0.2 to 0.4 ms, and the
/// sync began that much later. Awake it is as others, since threads that are made on its way have its policy. Where the daemon is scheduled in
/// another way than usual it stays so.
final class EarlyThread: Sendable {
  private let words = Inbox<@Sendable () -> Void>()

  init() throws(StoreError) {
    try StoreThread.start("jobq-early") { [words] in
      let isUsual = clinux_set_patient(true)
      while let word = words.takeFirst() {
        if isUsual { _ = clinux_set_patient(false) }
        word()
        if isUsual { _ = clinux_set_patient(true) }
      }
    }
  }

  func tell(_ word: @escaping @Sendable () -> Void) { _ = words.post(word) }

  /// Ends the thread, when it has told what it was given. Does not wait for that.
  func end() { words.close() }
}
