import JobModel
package import JobStore

/// What the supervisor knows of the queues' settings. The store keeps those that were set; the file's win over them.
struct QueueSettings {
  /// As the store last gave them.
  var live: [String: QueueLimits] = [:]
  /// Reads of them that were begun, and the latest of them that has been taken over: one that comes back after a later
  /// one is older, and is dropped.
  var asked = 0
  var adopted = 0
  /// By which labels the store counts keys; nil where that is not known.
  var labels: [String: String]?
}

extension Supervisor {
  /// The limits in force.
  func limits(of queue: String) -> QueueLimits {
    (configuration.queueLimits[queue] ?? QueueLimits()).over(settings.live[queue])
  }

  private var limitsInForce: [String: QueueLimits] {
    let names = Set(configuration.queueLimits.keys).union(settings.live.keys)
    return Dictionary(uniqueKeysWithValues: names.map { ($0, limits(of: $0)) }).filter { $0.value != QueueLimits() }
  }

  /// Takes over what the store has of the queues' settings. Returns once they are in force.
  func adoptSettings() async throws(StoreError) {
    settings.asked += 1
    let mine = settings.asked
    let queues = try await store.overview().queues
    if mine > settings.adopted {
      settings.adopted = mine
      settings.live = Dictionary(uniqueKeysWithValues: queues.map { ($0.name, $0.limits) })
        .filter { $0.value != QueueLimits() }
    }
    try await enforce()
  }

  /// Tells the store by which labels it counts, then the core what the limits are: in this order, so that the core
  /// never counts by a label by which the store does not. What it asked before is left unanswered by the store.
  private func enforce() async throws(StoreError) {
    let labels = limitsInForce.compactMapValues(\.perKey?.label)
    if settings.labels != labels {
      settings.labels = labels
      do throws(StoreError) {
        try await store.countKeys(by: labels)
      } catch {
        settings.labels = nil
        throw error
      }
    }
    // Others may have changed them meanwhile; then these are those.
    apply(.limits(workers: configuration.workers, queues: limitsInForce))
  }

  /// The same, for those who cannot wait. Where storage fails it is done again once that is back.
  func adoptSettingsSoon() {
    chore { supervisor in
      do throws(StoreError) { try await supervisor.adoptSettings() } catch { await supervisor.storageFailed(error) }
    }
  }

  /// Takes a reloaded configuration over, as a whole, and returns once it is in force. Where storage fails meanwhile the
  /// limits of queues and further workers follow once it is back.
  /// - Throws: where the store cannot take its schedules; then the configuration before stays in force.
  package func reconfigure(_ configuration: SupervisorConfiguration) async throws(StoreError) {
    try await synchroniseSchedules(configuration.schedules)
    self.configuration = configuration
    await hooks.set(configuration.hooks)
    // Fewer workers now; more only together with the limits that they are to keep.
    apply(.limits(workers: min(core.workers, configuration.workers), queues: core.queueLimits))
    do throws(StoreError) { try await adoptSettings() } catch { storageFailed(error) }
    prune()
  }

  /// What the scheduler knows of why a job waits.
  func complete(_ standing: JobStanding) -> WaitFacts {
    let queue = standing.job.queue
    let moment = time.now()
    var facts = WaitFacts(job: standing.job, workers: core.workers)
    facts.dependencies = standing.dependencies
    facts.pause = standing.pause
    facts.queuePause = standing.queuePause
    facts.limits = limits(of: queue)
    facts.fixed = configuration.queueLimits[queue] ?? QueueLimits()
    facts.file = configuration.file
    facts.running = core.occupants.map { id, job in
      WaitFacts.Occupant(id: id, queue: job.queue, labels: job.labels, takesWorker: !job.isLeased)
    }
    facts.ahead = standing.ahead
    facts.isDraining = core.isDraining
    facts.isStopping = core.isStopping
    facts.isRecovering = core.isRecovering
    facts.trouble = storageTrouble?.message
    if let rate = facts.limits.rate {
      let wait = standing.nextStart.pace(rate, at: moment).wait
      if wait > .zero { facts.nextStart = moment.wall + wait }
    }
    return facts
  }
}
