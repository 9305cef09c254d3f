import JobModel
import Testing

@Suite("What follows an attempt")
struct NextStepTests {
  private func facts(
    attempt: Int = 1, max: Int = 1, retries: Int = 0, retryOn: String? = nil, noRetryOn: String? = nil,
    onInterrupt: OnInterrupt = .retry, cancelling: Bool = false, deaths: Int = 0
  ) -> AttemptFacts {
    AttemptFacts(
      attempt: attempt, maxAttempts: max, retries: retries,
      backoff: Backoff(kind: .exponential, base: .seconds(5), max: .minutes(10), jitter: 0),
      retryOn: retryOn.flatMap { ExitCodes($0) }, noRetryOn: noRetryOn.flatMap { ExitCodes($0) },
      onInterrupt: onInterrupt,
      cancelling: cancelling, deathsInARow: deaths)
  }

  @Test("success ends, whatever retries are left")
  func success() {
    #expect(
      facts(max: 4, retries: 3).next(after: AttemptEnding(.succeeded), random: 0) == .end(.succeeded, reason: nil))
  }

  @Test(
    "a failure uses up the retries, each after a longer wait, and then fails",
    arguments: [(1, 5), (2, 10), (3, 20)] as [(Int, Int64)])
  func backoff(attempt: Int, seconds: Int64) {
    let failed = AttemptEnding(.failed, exitCode: 1)
    #expect(
      facts(attempt: attempt, max: 4, retries: 3).next(after: failed, random: 0.5) == .retry(after: .seconds(seconds)))
    #expect(facts(attempt: 4, max: 4, retries: 3).next(after: failed, random: 0.5) == .end(.failed, reason: nil))
  }

  @Test("interrupted attempts do not lengthen the backoff: it counts failures")
  func backoffAfterInterrupts() {
    // Two runs were interrupted, so the maximum has grown by two; the third run is the first that failed.
    #expect(
      facts(attempt: 3, max: 6, retries: 3).next(after: AttemptEnding(.failed, exitCode: 1), random: 0)
        == .retry(after: .seconds(5)))
  }

  @Test("only the codes of retry-on are retried, and none of no-retry-on")
  func codes() {
    let end = NextStep.end(.failed, reason: nil)
    let one = AttemptEnding(.failed, exitCode: 1)
    #expect(facts(max: 2, retries: 1, retryOn: "75,100-110").next(after: one, random: 0) == end)
    #expect(facts(max: 2, retries: 1, retryOn: "1").next(after: one, random: 0) != end)
    #expect(facts(max: 2, retries: 1, noRetryOn: "1,2").next(after: one, random: 0) == end)
    // A timeout counts as 124 and a signal as 128 + N, as `wait` reports them.
    #expect(
      facts(max: 2, retries: 1, retryOn: "124").next(after: AttemptEnding(.timedOut, signal: 15), random: 0) != end)
    #expect(
      facts(max: 2, retries: 1, noRetryOn: "139").next(after: AttemptEnding(.signaled, signal: 11), random: 0) == end)
  }

  @Test("an interruption is free and goes by on-interrupt")
  func interrupted() {
    let ending = AttemptEnding(.interrupted)
    #expect(facts().next(after: ending, random: 0) == .again)
    #expect(facts(onInterrupt: .hold).next(after: ending, random: 0) == .hold)
    #expect(facts(onInterrupt: .fail).next(after: ending, random: 0) == .end(.failed, reason: nil))
  }

  @Test("the third death in a row fails the job and says why")
  func deaths() {
    #expect(facts(deaths: 2).next(after: AttemptEnding(.interrupted), random: 0) == .again)
    guard case .end(.failed, let reason?) = facts(deaths: 3).next(after: AttemptEnding(.interrupted), random: 0) else {
      Issue.record("it must fail")
      return
    }
    #expect(reason.contains("3 times in a row"))
  }

  @Test("a cancel wins over every ending", arguments: Outcome.allCases)
  func cancel(outcome: Outcome) {
    #expect(
      facts(max: 5, retries: 4, cancelling: true).next(after: AttemptEnding(outcome), random: 0)
        == .end(.cancelled, reason: nil))
  }

  @Test("every delay lies between the jittered and the full, never over the maximum", arguments: Backoff.Kind.allCases)
  func jitter(kind: Backoff.Kind) {
    let backoff = Backoff(kind: kind, base: .milliseconds(700), max: .seconds(30), jitter: 0.2)
    var previous = TimeSpan.zero
    for failure in 1...200 {
      let full = backoff.delay(afterFailure: failure, random: 0)
      #expect(full <= .seconds(30) && full >= previous)
      let least = backoff.delay(afterFailure: failure, random: 0.999_999)
      #expect(Double(least.milliseconds) >= Double(full.milliseconds) * 0.8 - 1 && least <= full)
      previous = full
    }
  }
}
