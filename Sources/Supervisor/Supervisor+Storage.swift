import JobStore
import Logging

/// What is wrong with storage, and who waits until it is mended.
struct StorageTrouble {
  var error: StoreError?
  var isBeingRepaired = false
  /// What the scheduler asked was refused by a fault of jobqd's own, and is asked again in a moment.
  var isAskedAgain = false
  var waiting: [CheckedContinuation<Bool, Never>] = []
}

extension Supervisor {
  var storageTrouble: StoreError? { storage.error }

  /// Remembers the trouble for `status` and begins to look whether storage is back: this is the one place that looks,
  /// with a pause that grows from a quarter of a second to five. What the store refuses for a reason of its own is no
  /// trouble of storage: whoever asked hears it.
  func storageFailed(_ error: StoreError) {
    guard case .storage = error.code else {
      if error.code == .fault { logger.error("a fault of jobqd's own: \(error)") }
      return
    }
    if storage.error == nil { logger.error("storage fails; new work is refused until it is back: \(error)") }
    storage.error = error
    guard !storage.isBeingRepaired, phase != .ending, phase != .stopped else { return }
    storage.isBeingRepaired = true
    chore { await $0.repair() }
  }

  /// What the scheduler asked, or a schedule that is due, has failed. Where storage does, the repair lets it ask again; after
  /// anything else nothing may ever stir it, so it asks again after a while.
  func schedulingFailed(_ error: StoreError) {
    storageFailed(error)
    if case .storage = error.code { return }
    guard !storage.isAskedAgain, phase != .ending, phase != .stopped else { return }
    storage.isAskedAgain = true
    chore { supervisor in
      try? await Task.sleep(for: .seconds(5))
      await supervisor.askAgain()
    }
  }

  private func askAgain() {
    storage.isAskedAgain = false
    guard !Task.isCancelled, phase != .ending, phase != .stopped else { return }
    apply(.loosened)
    loosenSchedules()
  }

  private func repair() async {
    var pause = Duration.milliseconds(250)
    while phase != .ending, phase != .stopped, !Task.isCancelled {
      try? await Task.sleep(for: pause)
      pause = min(pause * 2, .seconds(5))
      do throws(StoreError) {
        try await store.probe()
        break
      } catch {
        storage.error = error
      }
    }
    storage.isBeingRepaired = false
    guard !Task.isCancelled, phase != .ending, phase != .stopped else { return }
    storage.error = nil
    logger.notice("storage is back")
    resumeStorageWaiters(true)
    adoptSettingsSoon()
    apply(.loosened)
    // A reload that failed half way may have left other schedules in the store than are known here.
    chore { supervisor in
      try? await supervisor.synchroniseSchedules(supervisor.configuration.schedules)
      await supervisor.loosenSchedules()
    }
  }

  /// Waits until storage answers again. False where the daemon stops before.
  func storageIsBack(after error: StoreError) async -> Bool {
    storageFailed(error)
    guard storage.isBeingRepaired, phase != .ending else { return false }
    return await withCheckedContinuation { storage.waiting.append($0) }
  }

  func resumeStorageWaiters(_ isBack: Bool) {
    let waiters = storage.waiting
    storage.waiting = []
    for waiter in waiters { waiter.resume(returning: isBack) }
  }
}
