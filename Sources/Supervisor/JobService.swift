package import JobModel
package import JobProcess
package import JobStore

/// All that a front end can ask of the daemon. Every call answers with a value that may go on the wire, or throws a `Problem`.
/// Cancelling the calling task ends a wait; it never undoes a change that has been asked for.
package struct JobService: Sendable {
  package init() { fatalError() }

  /// Adds the jobs, all or none, and answers in their order.
  package func enqueue(_ requests: [JobRequest], by submitter: Submitter?) async throws(Problem) -> [Enqueued] { fatalError() }
  /// As `viewer` may see it.
  package func job(_ id: JobID, viewer: UInt32?) async throws(Problem) -> Job { fatalError() }
  package func jobs(_ filter: JobFilter, viewer: UInt32?) async throws(Problem) -> JobPage { fatalError() }
  package func cancel(_ id: JobID, viewer: UInt32?) async throws(Problem) -> Job { fatalError() }
  package func hold(_ id: JobID, viewer: UInt32?) async throws(Problem) -> Job { fatalError() }
  package func release(_ id: JobID, viewer: UInt32?) async throws(Problem) -> Job { fatalError() }
  package func retry(_ id: JobID, withDependents: Bool, viewer: UInt32?) async throws(Problem) -> Job { fatalError() }
  package func remove(_ id: JobID) async throws(Problem) { fatalError() }
  /// The job once it has ended, or after `timeout` as it is; nil waits without end.
  package func wait(_ id: JobID, timeout: TimeSpan?, viewer: UInt32?) async throws(Problem) -> Job { fatalError() }

  package func queues() async throws(Problem) -> [QueueInfo] { fatalError() }
  package func update(queue: String, _ patch: QueuePatch) async throws(Problem) -> QueueInfo { fatalError() }
  package func status() async throws(Problem) -> DaemonStatus { fatalError() }
  /// Pauses all queues.
  package func pause() async throws(Problem) { fatalError() }
  /// Takes the pause of all queues, and a drain, back.
  package func resume() async throws(Problem) { fatalError() }
  /// Refuses enqueues and claims nothing until `resume` or a restart.
  package func drain() async throws(Problem) { fatalError() }

  /// Whether storage and the supervisor answer; throws what is wrong.
  package func health() async throws(Problem) { fatalError() }
  /// Counters since the start, for `GET /metrics`.
  package func counters() async -> ServiceCounters { fatalError() }

  /// An attempt's output. `attempt` nil: the latest; `stream` nil: all that was kept (for a job with split output, standard output and then
  /// standard error). `tail`: begin that many lines before the end. `follow`: go on until the job has ended, over retries where `attempt` is nil.
  package func log(_ id: JobID, attempt: Int?, stream: LogStream?, offset: Int64, tail: Int?, follow: Bool) async throws(Problem)
    -> LogFeed
  { fatalError() }

  /// State changes from now on, or from after `lastID` (`Last-Event-ID`).
  package func events(after lastID: String?) async -> EventFeed { fatalError() }
}

/// A log as it is read: `next` waits for more where the log is followed, and answers nil at its end. One reader.
package struct LogFeed {
  /// At most 64 KiB.
  package mutating func next() async throws(Problem) -> [UInt8]? { fatalError() }
}

/// The event stream. One reader; a reader that falls 10,000 events behind gets one `reset` and goes on live.
package struct EventFeed {
  package enum Event: Sendable {
    /// What the reader asked for is no longer there: what it knows may be out of date.
    case reset(id: String)
    case change(id: String, JobChange)
  }
  /// Waits for at least one event; empty once the daemon stops or the task is cancelled.
  package mutating func next() async -> [Event] { fatalError() }
}

package struct ServiceCounters: Sendable {
  package var enqueued = 0
  package var attemptsByOutcome: [Outcome: Int] = [:]
  package var commits = 0
  package init() {}
}
