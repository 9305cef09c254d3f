package import JobModel
import JobStore

/// Queues, their limits and pauses, and why a job waits.
extension JobService {
  package func queues() async throws(Problem) -> [QueueInfo] {
    let overview = try await asking { store throws(StoreError) in try await store.overview() }
    return await inForce(overview.queues)
  }

  package func queue(_ name: String) async throws(Problem) -> QueueInfo {
    guard let queue = try await queues().first(where: { $0.name == name }) else {
      throw Problem(.notFound, "there is no queue \"\(name.printable)\"; one exists once it is used or set")
    }
    return queue
  }

  package func update(queue: String, _ patch: QueuePatch) async throws(Problem) -> QueueInfo {
    guard Limits.isQueueName(queue) else {
      throw Problem(InvalidValue("queue", "\"\(queue.printable)\" cannot be a queue's name"))
    }
    do throws(InvalidValue) { try patch.check() } catch { throw Problem(error) }
    try await refuseFixed(patch, of: queue)
    let info = try await asking { store throws(StoreError) in try await store.update(queue: queue, patch, at: now) }
    try await asking { _ throws(StoreError) in try await supervisor.adoptSettings() }
    if patch.paused != nil { await supervisor.loosened() }
    return await inForce([info])[0]
  }

  /// What the file says cannot be set live: it would not be obeyed.
  private func refuseFixed(_ patch: QueuePatch, of queue: String) async throws(Problem) {
    let configuration = await supervisor.configuration
    guard let fixed = configuration.queueLimits[queue] else { return }
    let keys = [
      ("concurrency", patch.concurrency != nil && fixed.concurrency != nil),
      ("rate", patch.rate != nil && fixed.rate != nil), ("per_key", patch.perKey != nil && fixed.perKey != nil),
      ("priority", patch.priority != nil && fixed.priority != nil),
    ]
    guard let (key, _) = keys.first(where: \.1) else { return }
    throw Problem(
      .wrongState,
      "\(configuration.file ?? "the configuration file") sets queues.\(queue).\(key), and it wins; "
        + "change it there and reload jobqd", field: key)
  }

  /// The limits of the configuration file win over those in the store.
  func inForce(_ queues: [QueueInfo]) async -> [QueueInfo] {
    let file = await supervisor.configuration.queueLimits
    return queues.map { queue in
      var queue = queue
      if let limits = file[queue.name] { queue.limits = limits.over(queue.limits) }
      return queue
    }
  }

  /// Pauses all queues.
  package func pause(_ request: PauseRequest) async throws(Problem) {
    do throws(InvalidValue) { try request.check() } catch { throw Problem(error) }
    try await asking { _ throws(StoreError) in try await supervisor.setPause(request, at: now) }
    // A pause with an end is waited for.
    if request.span != nil { await supervisor.loosened() }
  }

  /// Takes the pause of all queues, and a drain, back.
  package func resume() async throws(Problem) {
    try await asking { _ throws(StoreError) in try await supervisor.setPause(nil, at: now) }
    await supervisor.resume()
  }

  /// Why the job is not running.
  package func why(_ id: JobID) async throws(Problem) -> Why {
    let standing = try await asking { store throws(StoreError) in try await store.standing(of: id) }
    guard let standing else { throw .noSuchJob(id) }
    return await supervisor.complete(standing).why
  }
}
