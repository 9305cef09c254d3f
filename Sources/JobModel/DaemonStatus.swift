/// The answer of `GET /v1/status`.
package struct DaemonStatus: Sendable, Codable, Hashable {
  package struct Workers: Sendable, Codable, Hashable {
    package var busy: Int
    package var limit: Int

    package init(busy: Int, limit: Int) {
      self.busy = busy
      self.limit = limit
    }
  }

  package struct Storage: Sendable, Codable, Hashable {
    /// "ok", or "failing" while new work is refused.
    package var state: String
    /// What is wrong, and what to do; null while all is well.
    package var error: String?

    package init(state: String, error: String?) {
      self.state = state
      self.error = error
    }

    package func encode(to encoder: any Encoder) throws {
      var c = encoder.container(keyedBy: CodingKeys.self)
      try c.encode(state, forKey: .state)
      try c.encode(error, forKey: .error)
    }

    enum CodingKeys: String, CodingKey { case state, error }
  }

  package var version: String
  package var pid: Int32
  package var uptimeSeconds: Double
  package var draining: Bool
  package var paused: Bool
  /// Of the pause of all queues.
  package var pauseReason: String?
  package var pausedUntil: Timestamp?
  package var workers: Workers
  package var counts: StateCounts
  package var queues: [QueueInfo]
  package var storage: Storage
  /// How a job's processes are kept together: "cgroup", or "session" where no cgroup can be made.
  package var containment: String
  /// Jobs of which KILL did not end every process.
  package var unkillable: [JobID]

  package init(
    version: String, pid: Int32, uptimeSeconds: Double, draining: Bool, pause: Pause?, workers: Workers,
    counts: StateCounts, queues: [QueueInfo], storage: Storage, containment: String, unkillable: [JobID]
  ) {
    self.version = version
    self.pid = pid
    self.uptimeSeconds = uptimeSeconds
    self.draining = draining
    paused = pause != nil
    pauseReason = pause?.reason
    pausedUntil = pause?.until
    self.workers = workers
    self.counts = counts
    self.queues = queues
    self.storage = storage
    self.containment = containment
    self.unkillable = unkillable
  }

  /// Of all queues.
  package var pause: Pause? { paused ? Pause(reason: pauseReason, until: pausedUntil) : nil }

  enum CodingKeys: String, CodingKey {
    case version, pid
    case uptimeSeconds = "uptime_seconds"
    case draining, paused
    case pauseReason = "pause_reason"
    case pausedUntil = "paused_until"
    case workers, counts, queues, storage, containment, unkillable
  }

  package func encode(to encoder: any Encoder) throws {
    var c = encoder.container(keyedBy: CodingKeys.self)
    try c.encode(version, forKey: .version)
    try c.encode(pid, forKey: .pid)
    try c.encode(uptimeSeconds, forKey: .uptimeSeconds)
    try c.encode(draining, forKey: .draining)
    try c.encode(paused, forKey: .paused)
    try c.encode(pauseReason, forKey: .pauseReason)
    try c.encode(pausedUntil, forKey: .pausedUntil)
    try c.encode(workers, forKey: .workers)
    try c.encode(counts, forKey: .counts)
    try c.encode(queues, forKey: .queues)
    try c.encode(storage, forKey: .storage)
    try c.encode(containment, forKey: .containment)
    try c.encode(unkillable, forKey: .unkillable)
  }
}
