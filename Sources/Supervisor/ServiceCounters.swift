package import JobModel

/// What has been counted since the start, for `GET /metrics`. A value: the supervisor notes each commit in it.
package struct ServiceCounters: Sendable {
  /// One queue's.
  package struct Queue: Sendable {
    package var enqueued = 0
    /// Attempts that ended.
    package var attempts: [Outcome: Int] = [:]
    /// From the time at which a job might have started (its arrival, or its delay or `--at` if that was later) to its
    /// first start, in seconds. Whatever held it back meanwhile is in it.
    package var wait = Histogram([0.005, 0.02, 0.1, 0.5, 1, 5, 15, 60, 300, 900, 3600, 14_400, 86_400])
    /// Of an attempt, from its start to its recorded end, in seconds.
    package var run = Histogram([0.01, 0.05, 0.2, 1, 5, 15, 60, 300, 900, 3600, 14_400, 86_400])

    package init() {}
  }

  /// How many queues are counted apart. More would be a burden for whoever keeps the series: what the others do is
  /// counted together.
  package static let mostQueues = 100
  /// The name under which: no queue can have it.
  package static let others = "*"

  package private(set) var queues: [String: Queue] = [:]
  package var hooks = HookCounters()

  package init() {}

  package mutating func note(_ changes: [JobChange]) {
    // In place: they are many.
    let changes = changes.span
    for index in changes.indices where changes[index].isCounted { note(changes[index]) }
  }

  private mutating func note(_ change: JobChange) {
    // Most often it is a queue that is known; nil where it is not.
    guard queues[change.queue]?.note(change) == nil else { return }
    queues[queues.count < Self.mostQueues ? change.queue : Self.others, default: Queue()].note(change)
  }
}

extension JobChange {
  fileprivate var isCounted: Bool { from == nil || since != nil }
}

extension ServiceCounters.Queue {
  fileprivate mutating func note(_ change: JobChange) {
    if change.from == nil { enqueued += 1 }
    guard let since = change.since else { return }
    // A wall clock that was set back measures nothing.
    let seconds = max((change.at - since).seconds, 0)
    if let outcome = change.outcome {
      attempts[outcome, default: 0] += 1
      run.observe(seconds)
    } else {
      wait.observe(seconds)
    }
  }
}
