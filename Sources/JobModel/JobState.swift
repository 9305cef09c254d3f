/// Where a job stands. The raw values are the words of the API, the command line and the database.
package enum JobState: String, Codable, CaseIterable, Sendable, Hashable {
  /// Set aside by a person; leaves by release.
  case held
  /// Waits for other jobs to end.
  case blocked
  /// Waits for a time: a delay, `--at`, or the backoff after a failed attempt.
  case scheduled
  /// May run as soon as a slot and every limit allow.
  case queued
  /// An attempt is under way.
  case running
  /// Ended well.
  case succeeded
  /// Ended badly for good: the dead-letter list.
  case failed
  /// Ended by a person, or by a dependency that did not succeed.
  case cancelled

  /// No further attempt follows unless a person retries the job.
  package var hasEnded: Bool { self == .succeeded || self == .failed || self == .cancelled }

  /// Its place among `allCases`.
  package var ordinal: Int {
    switch self {
    case .held: 0
    case .blocked: 1
    case .scheduled: 2
    case .queued: 3
    case .running: 4
    case .succeeded: 5
    case .failed: 6
    case .cancelled: 7
    }
  }

  /// Neither running nor ended.
  package var isWaiting: Bool { self == .held || self == .blocked || self == .scheduled || self == .queued }

  /// The state of a waiting job: the first that applies of held, blocked, scheduled, queued.
  package static func waiting(held: Bool, pendingDependencies: Int, isDue: Bool) -> JobState {
    if held { return .held }
    if pendingDependencies > 0 { return .blocked }
    return isDue ? .queued : .scheduled
  }
}

/// How one attempt ended.
package enum Outcome: String, Codable, CaseIterable, Sendable, Hashable {
  /// The command exited 0, or the outside worker completed the job.
  case succeeded
  /// The command exited with another code, or the outside worker failed the job.
  case failed
  /// A signal that jobq did not send ended the command.
  case signaled
  /// The attempt outlived its timeout and was ended.
  case timedOut = "timed_out"
  /// A person cancelled the job under it.
  case cancelled
  /// The daemon or the host died, or stopped, under it.
  case interrupted
  /// The command could not be started; `error` says what was tried and why it failed.
  case spawnFailed = "spawn_failed"
  /// The kernel ended the command for want of memory.
  case oomKilled = "oom_killed"
  /// An outside worker did not come back in time.
  case leaseExpired = "lease_expired"
}

/// What becomes of a job after the daemon or the host died, or stopped, under it.
package enum OnInterrupt: String, Codable, CaseIterable, Sendable {
  case retry
  case fail
  case hold
}
