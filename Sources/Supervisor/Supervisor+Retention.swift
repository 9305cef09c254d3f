import JobModel
import JobProcess
import JobStore

/// What is kept of ended jobs: their rows and their output go by rules of their own, in small batches between which
/// others get their turn.
extension Supervisor {
  /// How often retention is looked after, beside each start and reload.
  private static let pruning = Duration.seconds(3600)

  /// Prunes once, in a task of its own.
  func prune() {
    chore { await $0.pruneAll() }
  }

  /// Prunes now and every hour, until the stop.
  func keepPruning() {
    chore { supervisor in
      while !Task.isCancelled {
        await supervisor.pruneAll()
        try? await Task.sleep(for: Self.pruning)
      }
    }
  }

  private func pruneAll() async {
    do throws(StoreError) { _ = try await pruneNow() } catch { storageFailed(error) }
  }

  /// Removes what retention lets go, and tells how many jobs that were.
  func pruneNow() async throws(StoreError) -> Int {
    var removed = 0
    var more = true
    while more, phase == .running, !Task.isCancelled {
      let report = try await store.prune(configuration.retention, at: time.now(), limit: 200)
      await runner.logs.remove(report.removed)
      removed += report.removed.count
      more = report.more
    }
    if phase == .running, !Task.isCancelled { try await pruneLogs() }
    return removed
  }

  /// Removes output that is over its age, of each queue by its own rule.
  private func pruneLogs() async throws(StoreError) {
    let (general, own) = (configuration.logRetention, configuration.queueLogRetention)
    guard !own.isEmpty else {
      guard let general else { return }
      return await runner.logs.removeOlder(than: cutoff(general), sparing: Set(core.running.keys))
    }
    guard let shortest = (own.values.compactMap(\.self) + [general].compactMap(\.self)).min() else { return }
    let old = await runner.logs.jobs(writtenBefore: cutoff(shortest))
    for start in stride(from: 0, to: old.count, by: 1000) {
      let ids = Array(old[start..<min(start + 1000, old.count)])
      let queues = try await store.queues(of: ids)
      // Of a job that is gone nobody asks for the output: the general rule will do.
      let rules = Dictionary(grouping: ids) { id in queues[id].flatMap { own[$0] } ?? general }
      for case (let age?, let ids) in rules where phase == .running {
        await runner.logs.removeOlder(than: cutoff(age), of: Set(ids).subtracting(core.running.keys))
      }
    }
  }

  private func cutoff(_ age: TimeSpan) -> Timestamp {
    Timestamp(milliseconds: time.now().wall.milliseconds - age.milliseconds)
  }
}
