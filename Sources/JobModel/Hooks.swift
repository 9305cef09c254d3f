/// The commands that are told of the ends of jobs: for each outcome one, and for a queue others.
///
/// A hook speaks of a job, not of an attempt: an attempt that is followed by another wakes nobody.
package struct Hooks: Hashable, Sendable {
  package typealias Commands = [Outcome: [String]]

  /// For every queue that does not say otherwise.
  package var commands: Commands
  /// What a queue says otherwise, outcome by outcome; nil for no hook.
  package var queues: [String: [Outcome: [String]?]]

  package init(_ commands: Commands = [:], queues: [String: [Outcome: [String]?]] = [:]) {
    self.commands = commands
    self.queues = queues
  }

  package var isEmpty: Bool { commands.isEmpty && queues.values.allSatisfy { $0.values.allSatisfy { $0 == nil } } }

  /// The command to be told of this end; nil for nobody. The hook of `failed` stands in for every other outcome
  /// that failed a job and has no hook of its own: whoever wants to hear of failures wants to hear of all of them.
  package func command(for end: JobEnd) -> [String]? {
    if let own = entry(end.outcome, in: end.queue) { return own }
    return end.state == .failed ? entry(.failed, in: end.queue) ?? nil : nil
  }

  /// Outer nil: nothing is said of it.
  private func entry(_ outcome: Outcome, in queue: String) -> [String]?? {
    queues[queue]?[outcome] ?? commands[outcome].map { .some($0) }
  }
}

/// How a job has ended, as far as a hook is chosen by it.
package struct JobEnd: Hashable, Sendable {
  package var queue: String
  /// An ended one.
  package var state: JobState
  /// Of the last attempt; `cancelled` for every job that ended so, were it without any attempt.
  package var outcome: Outcome

  package init(queue: String, state: JobState, outcome: Outcome) {
    self.queue = queue
    self.state = state
    self.outcome = outcome
  }

  /// Nil for a job that has not ended.
  /// - Parameter last: how its last attempt ended; nil where it had none.
  package init?(queue: String, state: JobState, last: Outcome?) {
    switch state {
    case .cancelled: self.init(queue: queue, state: state, outcome: .cancelled)
    case .succeeded: self.init(queue: queue, state: state, outcome: last ?? .succeeded)
    case .failed: self.init(queue: queue, state: state, outcome: last ?? .failed)
    case .held, .blocked, .scheduled, .queued, .running: return nil
    }
  }
}
