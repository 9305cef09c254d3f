import JobModel

/// How an attempt's leader ended, as the kernel told it.
struct LeaderEnd: Equatable, Sendable {
  enum Way: Equatable, Sendable {
    case exited(Int)
    case killed(signal: Int)
  }

  var way: Way
  /// The kernel ended it for want of memory.
  var forWantOfMemory = false
}

/// The life of one attempt from its start to the end of its whole tree: events in, actions out. No clock, no I/O.
///
/// There is one timer at a time: the timeout while the command runs, the grace after TERM, the patience after KILL.
struct AttemptMachine {
  struct Terms: Equatable {
    var timeout: TimeSpan?
    var killGrace: TimeSpan
    /// How long what the leader left behind has between TERM and KILL.
    var leftoverGrace: TimeSpan
    /// How long after KILL the tree counts as unkillable.
    var unkillableAfter: TimeSpan
    /// The same while the daemon stops.
    var abandonAfter: TimeSpan
  }

  enum Event: Equatable {
    case started
    case leaderEnded(LeaderEnd)
    /// The answer to `.check`, or the kernel's own word.
    case treeGone
    case treeRemains
    case timer
    case cancel
    case limitGrace(TimeSpan)
    /// The daemon stops: what KILL does not end is to be left.
    case stopping
  }

  enum Action: Equatable {
    /// Set the timer anew.
    case arm(TimeSpan)
    /// Let the timer that runs end no later than this from now.
    case hasten(TimeSpan)
    case disarm
    /// Find out whether anything of the tree is left: answer with `.treeGone` or `.treeRemains`.
    case check
    /// TERM, and from then on tell `.treeGone`.
    case terminate
    /// KILL, and from then on tell `.treeGone`.
    case kill
    case reportUnkillable
    case finish(AttemptEnding)
    /// Let go of a tree that cannot be ended.
    case abandon
  }

  private enum Cause: Equatable { case timeout, cancel, leftovers }

  private enum Phase: Equatable {
    case running
    /// The leader ended by itself.
    case checking
    case terminating(Cause)
    case killing(Cause)
    case stuck(Cause)
    case over
  }

  private let terms: Terms
  private var phase = Phase.running
  private var leader: LeaderEnd?
  private var graceLimit: TimeSpan?
  private var isStopping = false

  init(_ terms: Terms) { self.terms = terms }

  /// Whether KILL has been sent: a leader that then dies of KILL died of ours.
  var hasKilled: Bool {
    switch phase {
    case .killing, .stuck: true
    default: false
    }
  }

  /// Whether TERM has been sent, and KILL has not.
  var isTerminating: Bool { if case .terminating = phase { true } else { false } }

  /// Whether nothing is to be done about it any more.
  var isOver: Bool { phase == .over }

  mutating func handle(_ event: Event) -> [Action] {
    switch (event, phase) {
    case (_, .over): return []

    case (.started, _): return terms.timeout.map { [.arm($0)] } ?? []

    case (.leaderEnded(let end), .running):
      leader = end
      phase = .checking
      return [.disarm, .check]
    case (.leaderEnded(let end), _):
      leader = end
      return [.check]

    case (.treeGone, let phase):
      // A tree that is gone has no leader either; its end is told in a moment, and asks again.
      guard let leader else { return [] }
      self.phase = .over
      return [.disarm, .finish(ending(leader, phase))]

    case (.treeRemains, .checking): return terminate(.leftovers, grace: terms.leftoverGrace)
    case (.treeRemains, _): return []

    case (.timer, .running): return terminate(.timeout, grace: terms.killGrace)
    case (.timer, .terminating(let cause)):
      phase = .killing(cause)
      return [.kill, .arm(isStopping ? terms.abandonAfter : terms.unkillableAfter)]
    case (.timer, .killing(let cause)):
      phase = isStopping ? .over : .stuck(cause)
      return isStopping ? [.reportUnkillable, .abandon] : [.reportUnkillable]
    case (.timer, _): return []

    case (.cancel, .running): return terminate(.cancel, grace: terms.killGrace)
    case (.cancel, _): return []

    case (.limitGrace(let span), _):
      graceLimit = min(span, graceLimit ?? span)
      if case .terminating = phase { return [.hasten(span)] }
      return []

    case (.stopping, .killing):
      isStopping = true
      return [.hasten(terms.abandonAfter)]
    case (.stopping, .stuck):
      phase = .over
      return [.abandon]
    case (.stopping, _):
      isStopping = true
      return []
    }
  }

  private mutating func terminate(_ cause: Cause, grace: TimeSpan) -> [Action] {
    phase = .terminating(cause)
    return [.terminate, .arm(min(grace, graceLimit ?? grace))]
  }

  private func ending(_ leader: LeaderEnd, _ phase: Phase) -> AttemptEnding {
    var ending: AttemptEnding
    switch leader.way {
    case .exited(0): ending = AttemptEnding(.succeeded, exitCode: 0)
    case .exited(let code): ending = AttemptEnding(.failed, exitCode: code)
    case .killed(let signal): ending = AttemptEnding(leader.forWantOfMemory ? .oomKilled : .signaled, signal: signal)
    }
    switch phase {
    case .terminating(.timeout), .killing(.timeout), .stuck(.timeout):
      ending.outcome = .timedOut
      ending.error = "not done within its timeout of \(terms.timeout ?? .zero)"
    case .terminating(.cancel), .killing(.cancel), .stuck(.cancel):
      ending.outcome = .cancelled
    default: break
    }
    return ending
  }
}
