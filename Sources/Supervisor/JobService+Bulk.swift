package import JobModel
import JobProcess
import JobStore

/// What is asked of many jobs at once. Which jobs fit is settled when the call begins; they are then done in small steps,
/// each a commit of its own, between which others get their turn. Where the daemon dies, or storage fails, in the middle,
/// the steps before that are done and stay so: the same may be asked again.
extension JobService {
  /// Jobs in one step: some tens of milliseconds of the store's writer.
  private static let step = 500
  /// Numbers in one page of the search.
  private static let page = 10_000

  /// Does it to every job that fits, each at most once. A job that has moved on by itself since the call began is passed
  /// over; one that is refused is left as it is.
  package func perform(_ verb: BulkVerb, _ request: BulkRequest) async throws(Problem) -> BulkReport {
    let filter: JobFilter
    do throws(InvalidValue) { filter = try request.filter(for: verb) } catch { throw Problem(error) }
    let ids = try await ids(filter)
    var report = BulkReport(matched: ids.count)
    guard request.dryRun != true else { return report }
    try await perform(
      verb, on: verb.isNewestFirst ? ids : ids.reversed(), in: filter.states,
      withDependents: request.withDependents ?? false, &report)
    return report
  }

  /// Every job that fits now, newest first.
  private func ids(_ filter: JobFilter) async throws(Problem) -> [JobID] {
    var filter = filter
    filter.limit = Self.page
    var all: [JobID] = []
    while true {
      let page = try await asking { [filter] store throws(StoreError) in try await store.ids(filter) }
      all += page
      guard page.count == Self.page else { return all }
      filter.before = page.last
    }
  }

  private func perform(
    _ verb: BulkVerb, on ids: [JobID], in states: Set<JobState>, withDependents: Bool, _ report: inout BulkReport
  ) async throws(Problem) {
    for start in stride(from: 0, to: ids.count, by: Self.step) {
      guard !Task.isCancelled else {
        throw Problem(
          .notReady, "\(verb.rawValue): cut short after \(start) of \(ids.count) jobs; those are done, ask again")
      }
      let batch = Array(ids[start..<min(start + Self.step, ids.count)])
      let step = try await asking { store throws(StoreError) in
        try await store.perform(verb, on: batch, in: states, withDependents: withDependents, at: now)
      }
      report.changed += step.changed.count
      report.refused += step.refused
      if report.firstProblem == nil, let refusal = step.firstRefusal { report.firstProblem = Problem(refusal) }
      if verb == .remove { await supervisor.runner.logs.remove(step.changed) }
    }
  }

  // MARK: Pruning

  /// Takes ended jobs, or their output alone, out now. A job on which a live one depends stays.
  package func prune(_ request: PruneRequest) async throws(Problem) -> PruneReceipt {
    do throws(InvalidValue) { try request.check() } catch { throw Problem(error) }
    guard !request.isUnconditional else {
      let removed = try await asking { _ throws(StoreError) in try await supervisor.pruneNow() }
      return PruneReceipt(matched: removed, removed: removed)
    }
    let end = now.wall.milliseconds - (request.olderThan ?? .zero).milliseconds
    let filter = EndedFilter(
      queue: request.queue, states: Set(request.state ?? JobState.allCases.filter(\.hasEnded)),
      through: Timestamp(milliseconds: end))
    var ids = try await asking { store throws(StoreError) in try await store.ended(filter) }
    ids.removeLast(min(request.keep ?? 0, ids.count))
    guard request.dryRun != true else { return PruneReceipt(matched: ids.count, removed: 0) }
    if request.logsOnly == true {
      for start in stride(from: 0, to: ids.count, by: Self.step) {
        await supervisor.runner.logs.remove(Array(ids[start..<min(start + Self.step, ids.count)]))
      }
      return PruneReceipt(matched: ids.count, removed: ids.count)
    }
    var report = BulkReport(matched: ids.count)
    try await perform(.remove, on: ids, in: filter.states, withDependents: false, &report)
    return PruneReceipt(matched: report.matched, removed: report.changed)
  }

  // MARK: Edit

  /// Gives a waiting job other values.
  package func edit(_ id: JobID, _ edit: JobEdit, viewer: UInt32?) async throws(Problem) -> Job {
    do throws(InvalidValue) { try edit.check() } catch { throw Problem(error) }
    return try await asking { store throws(StoreError) in try await store.edit(id, edit, at: now) }.visible(to: viewer)
  }
}
