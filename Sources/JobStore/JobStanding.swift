package import JobModel

/// What the store knows of why a job waits, all of one moment.
package struct JobStanding: Sendable, Hashable {
  /// `env` unmasked.
  package var job: Job
  /// The dependencies that it waits for still.
  package var dependencies: [WaitFacts.Dependency]
  /// Of all queues, and of the job's own.
  package var pause: Pause?
  package var queuePause: Pause?
  /// When the last start lets the queue's rate have the next, in nanoseconds of either clock; by `boot` where it is
  /// known, since that clock is never set.
  package var nextStart: StartTimes
  /// How many of its queue go before it, up to `WaitFacts.countedAhead`; nil where that is not known.
  package var ahead: Int?

  package init(
    job: Job, dependencies: [WaitFacts.Dependency], pause: Pause?, queuePause: Pause?, nextStart: StartTimes,
    ahead: Int?
  ) {
    self.job = job
    self.dependencies = dependencies
    self.pause = pause
    self.queuePause = queuePause
    self.nextStart = nextStart
    self.ahead = ahead
  }
}

/// When a queue's next start is due, in nanoseconds of the wall clock and of the time since boot. Both nil where it
/// never had a rate; `boot` nil after a reboot.
package struct StartTimes: Sendable, Hashable {
  package var wall: Int64?
  package var boot: Int64?

  package init(wall: Int64? = nil, boot: Int64? = nil) {
    self.wall = wall
    self.boot = boot
  }

  /// How far the rate has been used.
  package func pace(_ rate: Rate, at moment: Moment) -> Pace {
    if let boot { return Pace(rate, next: boot, now: moment.boot * 1_000_000) }
    return Pace(rate, next: wall, now: moment.wall.milliseconds * 1_000_000)
  }

  package init(_ pace: Pace, at moment: Moment) {
    wall = moment.wall.milliseconds * 1_000_000 + pace.remaining
    boot = moment.boot * 1_000_000 + pace.remaining
  }
}
