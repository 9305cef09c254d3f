package import JobModel

/// How hooks run. What they are is `SupervisorConfiguration.hooks`.
package struct HookSettings: Sendable, Hashable {
  /// At once: few, since all that waits for them is a person.
  package var width = 2
  /// How long one may take before its tree is ended.
  package var timeout = TimeSpan.seconds(60)
  package var killGrace = TimeSpan.seconds(5)
  /// Runs of a hook for one end before it is given up. One that a stop or a crash cut short is none.
  package var tries = 5
  /// Between them: 5 s, 10 s, 20 s, 40 s.
  package var backoff = Backoff(kind: .exponential, base: .seconds(5), max: .minutes(10), jitter: 0)
  /// Bytes that are kept of its output.
  package var logMax = 64 << 10

  package init() {}
}

/// Since the start.
package struct HookCounters: Sendable, Hashable {
  package var delivered = 0
  /// Runs that failed; those after which it was given up are among them.
  package var failed = 0
  package var givenUp = 0
  package var running = 0

  package init() {}
}
