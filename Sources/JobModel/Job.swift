/// A job as the API and `--json` show it. Every field is always there, null where it has no value.
package struct Job: Sendable, Hashable, Codable, Identifiable {
  package var id: JobID
  package var state: JobState
  package var queue: String
  package var name: String?
  package var labels: [String: String] = [:]
  package var priority: Int
  /// What `jobqd` runs: the program and its arguments. Either this or `payload`.
  package var command: [String]?
  /// What an outside worker leases.
  package var payload: JSONValue?
  package var cwd: String?
  /// Values are nil where the reader may not see them: they are shown to the submitting user and to root.
  package var env: [String: String?] = [:]
  /// Octal digits, such as "022".
  package var umask: String?
  package var createdAt: Timestamp
  /// When a scheduled job may start.
  package var runAt: Timestamp?
  /// When the latest attempt started.
  package var startedAt: Timestamp?
  package var finishedAt: Timestamp?
  /// Counts every run; 0 before the first.
  package var attempt: Int
  package var maxAttempts: Int
  package var timeout: TimeSpan?
  package var killGrace: TimeSpan
  package var backoff: Backoff
  package var retryOn: ExitCodes?
  package var noRetryOn: ExitCodes?
  package var onInterrupt: OnInterrupt
  package var uniqueKey: String?
  package var after: [JobID] = []
  package var afterAny: [JobID] = []
  package var splitOutput: Bool
  /// Of the latest attempt that has ended, as the next five.
  package var exitCode: Int?
  package var signal: Int?
  package var outcome: Outcome?
  package var error: String?
  package var result: JSONValue?
  /// A cancel has been recorded, and the job's processes are being ended.
  package var cancelling: Bool
  package var submittedBy: Submitter?
  package var attempts: [Attempt] = []

  package init(
    id: JobID, state: JobState, queue: String, priority: Int, createdAt: Timestamp, attempt: Int, maxAttempts: Int,
    killGrace: TimeSpan, backoff: Backoff, onInterrupt: OnInterrupt, splitOutput: Bool, cancelling: Bool
  ) {
    self.id = id
    self.state = state
    self.queue = queue
    self.priority = priority
    self.createdAt = createdAt
    self.attempt = attempt
    self.maxAttempts = maxAttempts
    self.killGrace = killGrace
    self.backoff = backoff
    self.onInterrupt = onInterrupt
    self.splitOutput = splitOutput
    self.cancelling = cancelling
  }

  package enum CodingKeys: String, CodingKey, CaseIterable {
    case id, state, queue, name, labels, priority, command, payload, cwd, env, umask
    case createdAt = "created_at"
    case runAt = "run_at"
    case startedAt = "started_at"
    case finishedAt = "finished_at"
    case attempt
    case maxAttempts = "max_attempts"
    case timeout = "timeout_seconds"
    case killGrace = "kill_grace_seconds"
    case backoff
    case retryOn = "retry_on"
    case noRetryOn = "no_retry_on"
    case onInterrupt = "on_interrupt"
    case uniqueKey = "unique_key"
    case after
    case afterAny = "after_any"
    case splitOutput = "split_output"
    case exitCode = "exit_code"
    case signal, outcome, error, result, cancelling
    case submittedBy = "submitted_by"
    case attempts
  }

  package func encode(to encoder: any Encoder) throws {
    var c = encoder.container(keyedBy: CodingKeys.self)
    try c.encode(id, forKey: .id)
    try c.encode(state, forKey: .state)
    try c.encode(queue, forKey: .queue)
    try c.encode(name, forKey: .name)
    try c.encode(labels, forKey: .labels)
    try c.encode(priority, forKey: .priority)
    try c.encode(command, forKey: .command)
    try c.encode(payload, forKey: .payload)
    try c.encode(cwd, forKey: .cwd)
    try c.encode(env, forKey: .env)
    try c.encode(umask, forKey: .umask)
    try c.encode(createdAt, forKey: .createdAt)
    try c.encode(runAt, forKey: .runAt)
    try c.encode(startedAt, forKey: .startedAt)
    try c.encode(finishedAt, forKey: .finishedAt)
    try c.encode(attempt, forKey: .attempt)
    try c.encode(maxAttempts, forKey: .maxAttempts)
    try c.encode(timeout, forKey: .timeout)
    try c.encode(killGrace, forKey: .killGrace)
    try c.encode(backoff, forKey: .backoff)
    try c.encode(retryOn, forKey: .retryOn)
    try c.encode(noRetryOn, forKey: .noRetryOn)
    try c.encode(onInterrupt, forKey: .onInterrupt)
    try c.encode(uniqueKey, forKey: .uniqueKey)
    try c.encode(after, forKey: .after)
    try c.encode(afterAny, forKey: .afterAny)
    try c.encode(splitOutput, forKey: .splitOutput)
    try c.encode(exitCode, forKey: .exitCode)
    try c.encode(signal, forKey: .signal)
    try c.encode(outcome, forKey: .outcome)
    try c.encode(error, forKey: .error)
    try c.encode(result, forKey: .result)
    try c.encode(cancelling, forKey: .cancelling)
    try c.encode(submittedBy, forKey: .submittedBy)
    try c.encode(attempts, forKey: .attempts)
  }

  /// The job as `viewer` may see it: the values of `env` only for the submitting user and root.
  package func visible(to viewer: UInt32?) -> Job {
    if isWhole(for: viewer) { return self }
    var masked = self
    masked.env = env.mapValues { _ in nil }
    return masked
  }

  /// Whether nothing of it is masked for `viewer`.
  package func isWhole(for viewer: UInt32?) -> Bool {
    if let viewer { viewer == 0 || viewer == submittedBy?.uid } else { false }
  }
}

/// Who asked for a job, as the kernel told it (SO_PEERCRED, unix(7)).
package struct Submitter: Hashable, Sendable, Codable {
  package var uid: UInt32
  package var pid: Int32

  package init(uid: UInt32, pid: Int32) {
    self.uid = uid
    self.pid = pid
  }
}

/// One run of a job.
package struct Attempt: Sendable, Hashable, Codable {
  package var attempt: Int
  package var startedAt: Timestamp
  package var finishedAt: Timestamp?
  package var outcome: Outcome?
  package var exitCode: Int?
  package var signal: Int?
  package var error: String?
  package var userSeconds: Double?
  package var systemSeconds: Double?
  package var maxRSSBytes: Int64?
  /// KILL did not end a process of this attempt within 30 s: it is stuck in the kernel.
  package var unkillable: Bool
  /// Who leased the job, where it said so.
  package var worker: String?
  /// When the lease ends, or would have.
  package var leaseExpiresAt: Timestamp?

  package init(
    attempt: Int, startedAt: Timestamp, finishedAt: Timestamp? = nil, outcome: Outcome? = nil, exitCode: Int? = nil,
    signal: Int? = nil, error: String? = nil, userSeconds: Double? = nil, systemSeconds: Double? = nil,
    maxRSSBytes: Int64? = nil, unkillable: Bool = false, worker: String? = nil, leaseExpiresAt: Timestamp? = nil
  ) {
    self.attempt = attempt
    self.startedAt = startedAt
    self.finishedAt = finishedAt
    self.outcome = outcome
    self.exitCode = exitCode
    self.signal = signal
    self.error = error
    self.userSeconds = userSeconds
    self.systemSeconds = systemSeconds
    self.maxRSSBytes = maxRSSBytes
    self.unkillable = unkillable
    self.worker = worker
    self.leaseExpiresAt = leaseExpiresAt
  }

  package enum CodingKeys: String, CodingKey, CaseIterable {
    case attempt
    case startedAt = "started_at"
    case finishedAt = "finished_at"
    case outcome
    case exitCode = "exit_code"
    case signal, error
    case userSeconds = "user_seconds"
    case systemSeconds = "system_seconds"
    case maxRSSBytes = "max_rss_bytes"
    case unkillable, worker
    case leaseExpiresAt = "lease_expires_at"
  }

  package func encode(to encoder: any Encoder) throws {
    var c = encoder.container(keyedBy: CodingKeys.self)
    try c.encode(attempt, forKey: .attempt)
    try c.encode(startedAt, forKey: .startedAt)
    try c.encode(finishedAt, forKey: .finishedAt)
    try c.encode(outcome, forKey: .outcome)
    try c.encode(exitCode, forKey: .exitCode)
    try c.encode(signal, forKey: .signal)
    try c.encode(error, forKey: .error)
    try c.encode(userSeconds, forKey: .userSeconds)
    try c.encode(systemSeconds, forKey: .systemSeconds)
    try c.encode(maxRSSBytes, forKey: .maxRSSBytes)
    try c.encode(unkillable, forKey: .unkillable)
    try c.encode(worker, forKey: .worker)
    try c.encode(leaseExpiresAt, forKey: .leaseExpiresAt)
  }
}
