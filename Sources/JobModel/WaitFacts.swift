/// All on which it depends whether a job may run, at one moment: the job as the store has it, and what the scheduler
/// knows. `why` decides; it is pure.
package struct WaitFacts: Sendable {
  package struct Dependency: Sendable, Hashable {
    package var id: JobID
    package var state: JobState

    package init(id: JobID, state: JobState) {
      self.id = id
      self.state = state
    }
  }

  /// A job of which an attempt is under way.
  package struct Occupant: Sendable, Hashable {
    package var id: JobID
    package var queue: String
    package var labels: [String: String]
    /// Whether it takes one of the daemon's workers; a leased job takes an outside one.
    package var takesWorker: Bool

    package init(id: JobID, queue: String, labels: [String: String], takesWorker: Bool = true) {
      self.id = id
      self.queue = queue
      self.labels = labels
      self.takesWorker = takesWorker
    }
  }

  package var job: Job
  /// Those that it waits for still.
  package var dependencies: [Dependency] = []
  /// Of all queues.
  package var pause: Pause?
  package var queuePause: Pause?
  /// Those in force for its queue.
  package var limits = QueueLimits()
  /// When the queue's rate lets the next job start; nil where it does now.
  package var nextStart: Timestamp?
  package var running: [Occupant] = []
  package var workers: Int
  /// How many of its queue go before it, of which no more than `countedAhead` are counted; nil where that is not known.
  package var ahead: Int?
  package static let countedAhead = 1000
  package var isDraining = false
  package var isStopping = false
  /// The daemon still ends what an earlier one left, and starts nothing before.
  package var isRecovering = false
  /// What is wrong with the storage while nothing can be started for it.
  package var trouble: String?
  /// The configuration file, and what it says of the job's queue: that cannot be changed live.
  package var file: String?
  package var fixed = QueueLimits()

  package init(job: Job, workers: Int) {
    self.job = job
    self.workers = workers
  }
}

extension WaitFacts {
  package var why: Why {
    switch job.state {
    case .succeeded, .failed, .cancelled:
      let time = job.finishedAt.map { " at \($0)" } ?? ""
      return Why(.ended, "it ended \(job.state.rawValue)\(time)", remedy: "jobq retry \(job.id)")
    case .running where isRecovering && job.command != nil:
      return Why(
        .running, "an earlier jobqd left its attempt \(job.attempt); what is left of it is being ended",
        remedy: "jobq status \(job.id)")
    case .running:
      let since = job.startedAt.map { " since \($0)" } ?? ""
      return Why(
        .running,
        "its attempt \(job.attempt) has been under way\(since)\(job.cancelling ? ", and is being ended" : "")",
        remedy: "jobq cancel \(job.id)")
    case .held:
      let rest = dependencies.isEmpty ? "" : "; after that it waits for \(Self.text(dependencies.map(\.id)))"
      return Why(
        .held, "it is set aside until a person releases it\(rest)", remedy: "jobq release \(job.id)",
        blockers: dependencies.map(\.id))
    case .blocked: return dependency
    case .scheduled: return time
    case .queued: return readiness
    }
  }

  private var dependency: Why {
    guard !dependencies.isEmpty else {
      return Why(.dependency, "what it waited for has ended; it goes on in a moment", remedy: "jobq status \(job.id)")
    }
    let names = dependencies.prefix(Self.named).map { "\($0.id) (\($0.state.rawValue))" }
    let list = Self.list(names, of: dependencies.count)
    // The one that a person must do something about is the one to look at.
    let first = dependencies.first { $0.state == .held } ?? dependencies.first
    let remedy = first.map { $0.state == .held ? "jobq release \($0.id)" : "jobq why \($0.id)" }
    return Why(
      .dependency, "it waits for the end of \(dependencies.count == 1 ? "job" : "jobs") \(list)",
      remedy: remedy ?? "jobq status \(job.id)", blockers: dependencies.map(\.id))
  }

  private var time: Why {
    let at = job.runAt.map { "\($0)" } ?? "its time"
    let remedy = "jobq edit \(job.id) --delay 0"
    // A job that is put back by a person starts with no outcome.
    guard let outcome = job.outcome else { return Why(.scheduled, "it may start at \(at)", remedy: remedy) }
    return Why(
      .backoff,
      "attempt \(job.attempt) of \(job.maxAttempts) ended \(outcome.rawValue); the next may start at \(at)",
      remedy: remedy)
  }

  /// Of a job that may run as soon as everything else lets it.
  private var readiness: Why {
    if isStopping { return Why(.draining, "jobqd is stopping; it starts nothing more", remedy: "jobq status") }
    if isRecovering {
      return Why(
        .draining, "jobqd has just begun: it ends what an earlier one left, and then starts jobs",
        remedy: "jobq status \(job.id)")
    }
    if isDraining { return Why(.draining, "jobqd drains and starts nothing", remedy: "jobq resume") }
    if let pause { return Why(.paused, "all queues are paused\(pause.details)", remedy: "jobq resume") }
    if let queuePause {
      return Why(.paused, "queue \(job.queue) is paused\(queuePause.details)", remedy: "jobq resume \(job.queue)")
    }
    return limit ?? worker
  }

  private var limit: Why? {
    let queue = job.queue
    let beside = running.filter { $0.queue == queue }
    if let most = limits.concurrency, beside.count >= most {
      return Why(
        .queueLimit, "queue \(queue) runs \(beside.count) of at most \(most): \(Self.text(beside.map(\.id)))",
        remedy: remedy("concurrency", isFixed: fixed.concurrency != nil, "--concurrency \(beside.count + 1)"),
        blockers: beside.map(\.id).sorted())
    }
    if let perKey = limits.perKey, let key = job.labels[perKey.label] {
      let same = beside.filter { $0.labels[perKey.label] == key }.map(\.id)
      if same.count >= perKey.concurrency {
        return Why(
          .keyLimit,
          "queue \(queue) runs \(same.count) of at most \(perKey.concurrency) with \(perKey.label)=\(key.printable): "
            + Self.text(same),
          remedy: remedy("per_key", isFixed: fixed.perKey != nil, "--per-key \(perKey.label)=\(same.count + 1)"),
          blockers: same.sorted())
      }
    }
    if let rate = limits.rate, let nextStart {
      return Why(
        .rateLimit, "queue \(queue) starts \(rate); the next may start at \(nextStart)",
        remedy: remedy("rate", isFixed: fixed.rate != nil, "--rate none"))
    }
    return nil
  }

  private var worker: Why {
    if job.command == nil {
      return Why(
        .noWorker, "it is for an outside worker, and none has leased it from queue \(job.queue)",
        remedy: "jobq work \(job.queue) -- COMMAND")
    }
    if let trouble {
      return Why(
        .workersBusy, "storage fails, and nothing is started until it is back: \(trouble)", remedy: "jobq status")
    }
    let busy = running.filter(\.takesWorker).map(\.id)
    guard busy.count >= workers else {
      return Why(
        .workersBusy, "nothing holds it up: \(busy.count) of \(workers) workers are busy, and it is about to start",
        remedy: "jobq status \(job.id)")
    }
    return Why(
      .workersBusy, "\(busy.count) of \(workers) workers are busy: \(Self.text(busy))\(place)",
      remedy: "set workers: \(busy.count + 1) in \(file ?? "jobq.yaml"), and reload jobqd", blockers: busy.sorted())
  }

  private var place: String {
    switch ahead {
    case nil: ""
    case 0: "; it is the next of queue \(job.queue)"
    case 1: "; 1 job of queue \(job.queue) goes before it"
    case let count?: "; \(count)\(count < Self.countedAhead ? "" : " or more") jobs of queue \(job.queue) go before it"
    }
  }

  private func remedy(_ key: String, isFixed: Bool, _ option: String) -> String {
    isFixed
      ? "change queues.\(job.queue).\(key) in \(file ?? "jobq.yaml"), and reload jobqd"
      : "jobq queue set \(job.queue) \(option)"
  }

  // MARK: Words

  /// So many jobs are named; the others are counted.
  private static let named = 5

  private static func text(_ ids: [JobID]) -> String {
    (ids.count == 1 ? "job " : "jobs ") + list(ids.sorted().prefix(named).map(\.description), of: ids.count)
  }

  private static func list(_ names: [String], of count: Int) -> String {
    var names = names
    if count > names.count { names.append("\(count - names.count) more") }
    guard let last = names.popLast() else { return "none" }
    return names.isEmpty ? last : names.joined(separator: ", ") + " and " + last
  }
}

extension Pause {
  /// What follows "is paused".
  package var details: String {
    (until.map { " until \($0)" } ?? "") + (reason.map { ": \($0.printable)" } ?? "")
  }
}
