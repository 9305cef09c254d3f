import JobModel
import SeededRandom

/// Random values of what the daemon answers: every field filled and nil.
extension SplitMix {
  private mutating func below(_ bound: Int) -> Int { Int.random(in: 0..<bound, using: &self) }

  private mutating func maybe<Value>(_ value: (inout SplitMix) -> Value) -> Value? {
    Bool.random(using: &self) ? value(&self) : nil
  }

  mutating func time() -> Timestamp {
    Timestamp(milliseconds: .random(in: -62_000_000_000_000...250_000_000_000_000, using: &self))
  }

  private mutating func span() -> TimeSpan {
    TimeSpan(milliseconds: Int64(below(1_000_000)) * (Bool.random(using: &self) ? 1000 : 1))
  }

  mutating func backoff() -> Backoff {
    Backoff(
      kind: Backoff.Kind.allCases.randomElement(using: &self) ?? .fixed, base: span(), max: span(),
      jitter: Double.random(in: 0...1, using: &self))
  }

  /// Half of its fields filled, the others nil.
  mutating func job() -> Job {
    var job = Job(
      id: JobID(Int64(next() >> 1)), state: JobState.allCases.randomElement(using: &self)!,
      queue: text(), priority: below(200) - 100, createdAt: time(), attempt: below(100), maxAttempts: below(100),
      killGrace: span(), backoff: backoff(), onInterrupt: OnInterrupt.allCases.randomElement(using: &self)!,
      splitOutput: Bool.random(using: &self), cancelling: Bool.random(using: &self))
    job.name = maybe { $0.text() }
    job.labels = Dictionary((0..<below(4)).map { _ in (text(), text()) }) { $1 }
    job.command = maybe { random in (0..<random.below(4)).map { _ in random.text() } }
    job.payload = maybe { .array([$0.value(depth: 3)]) }
    job.cwd = maybe { $0.text() }
    job.env = Dictionary((0..<below(4)).map { _ in (text(), maybe { $0.text() }) }) { $1 }
    job.umask = maybe { _ in "022" }
    job.runAt = maybe { $0.time() }
    job.startedAt = maybe { $0.time() }
    job.finishedAt = maybe { $0.time() }
    job.timeout = maybe { $0.span() }
    job.retryOn = maybe { _ in ExitCodes("1,75,100-110")! }
    job.noRetryOn = maybe { _ in ExitCodes("2")! }
    job.uniqueKey = maybe { $0.text() }
    job.after = (0..<below(3)).map { JobID(Int64($0)) }
    job.afterAny = (0..<below(3)).map { JobID(Int64($0)) }
    job.exitCode = maybe { $0.below(256) }
    job.signal = maybe { $0.below(64) }
    job.outcome = maybe { Outcome.allCases.randomElement(using: &$0)! }
    job.error = maybe { $0.text() }
    job.result = maybe { .object(["r": $0.value(depth: 3)]) }
    job.submittedBy = maybe { Submitter(uid: UInt32(truncatingIfNeeded: $0.next()), pid: Int32($0.below(1 << 22))) }
    job.attempts = (0..<below(3)).map { _ in attempt() }
    return job
  }

  private mutating func attempt() -> Attempt {
    Attempt(
      attempt: below(100), startedAt: time(), finishedAt: maybe { $0.time() },
      outcome: maybe { Outcome.allCases.randomElement(using: &$0)! }, exitCode: maybe { $0.below(256) },
      signal: maybe { $0.below(64) }, error: maybe { $0.text() },
      userSeconds: maybe { Double.random(in: 0...1e5, using: &$0) },
      systemSeconds: maybe { Double.random(in: 0...1e5, using: &$0) },
      maxRSSBytes: maybe { Int64($0.next() >> 1) }, unkillable: Bool.random(using: &self), worker: maybe { $0.text() },
      leaseExpiresAt: maybe { $0.time() })
  }

  mutating func verdicts() -> LeaseVerdicts {
    let refused = LeaseVerdict(
      id: JobID(7), state: maybe { _ in .queued }, refused: LeaseVerdict.Refusal.allCases.randomElement(using: &self)!,
      text())
    return LeaseVerdicts(
      complete: [refused], fail: [LeaseVerdict(id: JobID(8), state: .failed)],
      extend: [LeaseVerdict(id: JobID(9), state: .running, expiresAt: time())])
  }

  mutating func change() -> JobChange {
    JobChange(
      id: JobID(7), queue: text(), from: maybe { _ in .queued }, to: maybe { _ in .running }, attempt: below(9),
      at: time(), outcome: maybe { Outcome.allCases.randomElement(using: &$0)! }, cancelling: Bool.random(using: &self))
  }
}
