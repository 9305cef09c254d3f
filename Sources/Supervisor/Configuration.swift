package import JobModel
package import JobStore

/// What a person sets for the supervisor. Replaced as a whole by a reload.
package struct SupervisorConfiguration: Sendable, Hashable {
  /// Attempts at once over all queues.
  package var workers: Int
  /// How long a stop lets running attempts go on before it ends them.
  package var shutdownGrace: TimeSpan
  package var defaults = JobDefaults()
  /// The file that this was read from, for what tells a person where to change it; nil where there is none.
  package var file: String?
  /// Limits of queues from the configuration file: they win over what was set live.
  package var queueLimits: [String: QueueLimits] = [:]
  package var retention = RetentionPolicy()
  /// The schedules of the configuration file.
  package var schedules: [TimedSchedule] = []
  /// How long the logs of ended jobs stay; nil as long as their jobs.
  package var logRetention: TimeSpan? = .days(7)
  /// The same for queues with a rule of their own.
  package var queueLogRetention: [String: TimeSpan?] = [:]
  /// Bytes of output that are kept of each stream of an attempt.
  package var logMax = 16 << 20
  /// Who is told of the ends of jobs.
  package var hooks = Hooks()

  package init(workers: Int, shutdownGrace: TimeSpan) {
    self.workers = workers
    self.shutdownGrace = shutdownGrace
  }
}

/// As whom jobs run, and what they are told about where they are. Fixed for the daemon's life.
package struct RunAs: Sendable, Hashable {
  package var user: String
  package var home: String
  package var shell: String
  /// Where the daemon listens, for `JOBQ_SOCKET`.
  package var socket: String

  package init(user: String, home: String, shell: String, socket: String) {
    self.user = user
    self.home = home
    self.shell = shell
    self.socket = socket
  }

  package static let standardPath = "/usr/local/bin:/usr/bin:/bin"

  /// A job's whole environment: the small clean one, the job's own values over it, jobq's words over both.
  package func environment(of attempt: ClaimedAttempt) -> [String: String] {
    var environment = ["PATH": Self.standardPath, "HOME": home, "USER": user, "SHELL": shell]
    environment.merge(attempt.spec.env) { $1 }
    environment["JOBQ_ID"] = attempt.id.description
    environment["JOBQ_ATTEMPT"] = String(attempt.attempt)
    environment["JOBQ_QUEUE"] = attempt.spec.queue
    environment["JOBQ_SOCKET"] = socket
    return environment
  }
}
