/// Why a job is not running, and what would change it: the answer of `GET /v1/jobs/{id}/why`.
package struct Why: Sendable, Hashable, Codable {
  /// In the order in which they are looked at: the first that applies is the reason.
  package enum Reason: String, Sendable, Codable, CaseIterable {
    case ended, running, held, dependency, scheduled, backoff, draining, paused
    case queueLimit = "queue_limit"
    case keyLimit = "key_limit"
    case rateLimit = "rate_limit"
    case noWorker = "no_worker"
    case workersBusy = "workers_busy"
  }

  package var reason: Reason
  /// A sentence for people, with the numbers and times that matter.
  package var detail: String
  /// What changes it: a command, or where the configuration file fixes it the key there.
  package var remedy: String
  /// The jobs that hold it up.
  package var blockers: [JobID]

  package init(_ reason: Reason, _ detail: String, remedy: String, blockers: [JobID] = []) {
    self.reason = reason
    self.detail = detail
    self.remedy = remedy
    self.blockers = blockers
  }
}
