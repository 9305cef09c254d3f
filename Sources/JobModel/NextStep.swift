/// What follows the end of an attempt.
package enum NextStep: Hashable, Sendable {
  /// The job has ended, in this state; `reason` where the attempt's own ending does not say why.
  case end(JobState, reason: String?)
  /// Another attempt after this delay. It uses up a retry.
  case retry(after: TimeSpan)
  /// Another attempt as soon as may be, for free: `max_attempts` grows by one.
  case again
  /// Set aside for a person, for free.
  case hold
}

/// The facts of a job on which the next step depends.
package struct AttemptFacts: Hashable, Sendable {
  package var attempt: Int
  package var maxAttempts: Int
  package var retries: Int
  package var backoff: Backoff
  package var retryOn: ExitCodes?
  package var noRetryOn: ExitCodes?
  package var onInterrupt: OnInterrupt
  package var cancelling: Bool
  /// How many times in a row, this one included, the daemon itself died under the job within five minutes of the
  /// attempt's start. A reboot and an orderly stop do not count.
  package var deathsInARow: Int
  /// How many leases in a row, this one included, expired with no word from their workers.
  package var expiriesInARow: Int

  package init(
    attempt: Int, maxAttempts: Int, retries: Int, backoff: Backoff, retryOn: ExitCodes?, noRetryOn: ExitCodes?,
    onInterrupt: OnInterrupt, cancelling: Bool, deathsInARow: Int, expiriesInARow: Int = 0
  ) {
    self.attempt = attempt
    self.maxAttempts = maxAttempts
    self.retries = retries
    self.backoff = backoff
    self.retryOn = retryOn
    self.noRetryOn = noRetryOn
    self.onInterrupt = onInterrupt
    self.cancelling = cancelling
    self.deathsInARow = deathsInARow
    self.expiriesInARow = expiriesInARow
  }

  package static let deathsThatFail = 3
  package static let expiriesThatFail = 5

  /// Decides what follows an attempt that ended like this. Pure; `random` is drawn from 0..<1 by the caller.
  package func next(after ending: AttemptEnding, random: Double) -> NextStep {
    if cancelling { return .end(.cancelled, reason: nil) }
    switch ending.outcome {
    case .succeeded: return .end(.succeeded, reason: nil)
    case .cancelled: return .end(.cancelled, reason: nil)
    case .interrupted:
      if deathsInARow >= Self.deathsThatFail {
        return .end(
          .failed,
          reason: "the daemon died \(deathsInARow) times in a row within five minutes of starting this job; "
            + "it is not started again by itself")
      }
      switch onInterrupt {
      case .retry: return .again
      case .hold: return .hold
      case .fail: return .end(.failed, reason: nil)
      }
    case .leaseExpired:
      guard expiriesInARow >= Self.expiriesThatFail else { return .again }
      return .end(
        .failed,
        reason: "\(expiriesInARow) leases in a row expired: whatever worker takes this job does not come back")
    case .failed, .signaled, .timedOut, .spawnFailed, .oomKilled:
      if ending.isFinal { return .end(.failed, reason: nil) }
      let status = ending.exitStatus
      if let noRetryOn, noRetryOn.contains(status) { return .end(.failed, reason: nil) }
      if let retryOn, !retryOn.contains(status) { return .end(.failed, reason: nil) }
      let left = maxAttempts - attempt
      guard left > 0 else { return .end(.failed, reason: nil) }
      return .retry(after: backoff.delay(afterFailure: retries - left + 1, random: random))
    }
  }
}
