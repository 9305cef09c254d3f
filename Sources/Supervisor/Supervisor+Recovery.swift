import CrashPoints
import JobModel
import JobProcess
package import JobStore
import Logging

/// What an earlier daemon left: its processes are ended, its attempts recorded, before anything begins.
extension Supervisor {
  /// Ends what an earlier daemon left running, then records those attempts as interrupted. Only after this may
  /// `run` begin.
  package func recover() async throws(StoreError) {
    // A start that cannot be recorded fails; it does not wait for the disk without a word.
    store.setPatience(false)
    await hooks.set(configuration.hooks)
    let leftovers = try await store.leftovers()
    CrashPoint.leftoversFound.pass()
    let stuck = Set(await runner.endLeftovers(leftovers.map(LeftoverProcess.init)))
    CrashPoint.leftoversEnded.pass()
    let ended = leftovers.filter { !stuck.contains($0.id) }
    if !ended.isEmpty {
      logger.notice("recording attempts that an earlier daemon left", metadata: ["attempts": "\(ended.count)"])
      try await store.interrupt(ended, at: time.now())
      CrashPoint.leftoversRecorded.pass()
    }
    if !stuck.isEmpty {
      logger.warning("processes of earlier attempts outlive KILL", metadata: ["jobs": "\(stuck.sorted())"])
      let left = leftovers.filter { stuck.contains($0.id) }
      chore { await $0.follow(left) }
    }
    apply(.lease(.found(try await store.leases())))
    try await adoptSettings()
    try await synchroniseSchedules(configuration.schedules)
  }

  /// What outlived KILL at the start holds up nobody but its own job: this looks, less and less often, until it is gone,
  /// and then records its attempts.
  private func follow(_ leftovers: [Leftover]) async {
    var left = leftovers
    var pause = Duration.milliseconds(500)
    let reported = ContinuousClock.now + runner.unkillableAfter.duration
    while !left.isEmpty {
      try? await Task.sleep(for: pause)
      guard !Task.isCancelled else { return }
      pause = min(pause * 2, .seconds(5))
      let alive = Set(await runner.remaining(of: left.map(LeftoverProcess.init)))
      let gone = left.filter { !alive.contains($0.id) }
      if !gone.isEmpty {
        // Before their end is told: whoever hears of it may ask for these at once.
        unkillable.subtract(gone.map(\.id))
        do throws(StoreError) {
          try await store.interrupt(gone, at: time.now())
        } catch {
          storageFailed(error)
          continue
        }
        left = left.filter { alive.contains($0.id) }
      }
      guard ContinuousClock.now >= reported else { continue }
      for leftover in left where unkillable.insert(leftover.id).inserted {
        reportUnkillable(leftover.id, attempt: leftover.attempt)
      }
    }
  }
}

extension LeftoverProcess {
  /// What the store knows of it.
  init(_ leftover: Leftover) {
    self.init(
      id: leftover.id, attempt: leftover.attempt, pid: leftover.process?.pid, startTime: leftover.process?.startTime,
      bootID: leftover.process?.bootID)
  }
}
