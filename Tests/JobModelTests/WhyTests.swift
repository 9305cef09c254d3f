import JobModel
import Testing

/// Each reason by value, and that the first that applies is told.
@Suite("Why a job is not running") struct WhyTests {
  private func facts(_ state: JobState = .queued, change: (inout WaitFacts) -> Void = { _ in }) -> WaitFacts {
    var job = Job(
      id: JobID(7), state: state, queue: "mail", priority: 0, createdAt: Timestamp(milliseconds: 0), attempt: 0,
      maxAttempts: 3, killGrace: .zero, backoff: .standard, onInterrupt: .retry, splitOutput: false, cancelling: false)
    job.command = ["true"]
    job.labels = ["customer": "acme"]
    var facts = WaitFacts(job: job, workers: 2)
    change(&facts)
    return facts
  }

  private func occupant(_ id: Int64, queue: String = "mail", customer: String? = nil, takesWorker: Bool = true)
    -> WaitFacts.Occupant
  {
    WaitFacts.Occupant(
      id: JobID(id), queue: queue, labels: customer.map { ["customer": $0] } ?? [:], takesWorker: takesWorker)
  }

  @Test("a job that has ended, runs or is held says so, with the verb for it")
  func states() {
    let ended = facts(.failed) { $0.job.finishedAt = Timestamp(milliseconds: 0) }.why
    #expect(ended == Why(.ended, "it ended failed at 1970-01-01T00:00:00.000Z", remedy: "jobq retry 7"))
    #expect(facts(.running).why.reason == .running && facts(.running).why.remedy == "jobq cancel 7")
    let left = facts(.running) { $0.isRecovering = true }.why
    #expect(left.reason == .running && left.detail.hasPrefix("an earlier jobqd left its attempt 0"))
    let leased = facts(.running) { ($0.isRecovering, $0.job.command) = (true, nil) }.why
    #expect(leased == facts(.running).why)
    #expect(facts(.held).why.reason == .held && facts(.held).why.remedy == "jobq release 7")
  }

  @Test("a blocked job names what it waits for, and leads to the one that a person holds")
  func dependency() {
    let why = facts(.blocked) {
      $0.dependencies = [.init(id: JobID(1), state: .running), .init(id: JobID(2), state: .held)]
    }.why
    #expect(
      why
        == Why(
          .dependency, "it waits for the end of jobs 1 (running) and 2 (held)", remedy: "jobq release 2",
          blockers: [JobID(1), JobID(2)]))
    let many = facts(.blocked) { $0.dependencies = (1...9).map { .init(id: JobID($0), state: .queued) } }.why
    #expect(many.detail.hasSuffix("5 (queued) and 4 more") && many.blockers.count == 9 && many.remedy == "jobq why 1")
  }

  @Test("a delay is told from the backoff after a failed attempt")
  func time() {
    let at = Timestamp(milliseconds: 5000)
    let delayed = facts(.scheduled) { $0.job.runAt = at }.why
    #expect(delayed.reason == .scheduled && delayed.detail == "it may start at \(at)")
    let failed = facts(.scheduled) {
      $0.job.runAt = at
      ($0.job.attempt, $0.job.outcome) = (1, .failed)
    }.why
    #expect(failed.reason == .backoff && failed.detail == "attempt 1 of 3 ended failed; the next may start at \(at)")
  }

  @Test("each thing that holds a queued job back is told, and the one before it in the order wins")
  func order() {
    // From the last to the first: each step adds one that goes before all so far.
    var facts = facts { $0.running = [occupant(3, queue: "other"), occupant(4, queue: "other")] }
    #expect(facts.why.reason == .workersBusy && facts.why.blockers == [JobID(3), JobID(4)])
    #expect(facts.why.detail == "2 of 2 workers are busy: jobs 3 and 4")
    for (ahead, place) in [
      (0, "; it is the next of queue mail"), (1, "; 1 job of queue mail goes before it"),
      (1000, "; 1000 or more jobs of queue mail go before it"),
    ] {
      facts.ahead = ahead
      #expect(facts.why.detail == "2 of 2 workers are busy: jobs 3 and 4" + place)
    }
    facts.job.command = nil
    #expect(facts.why.reason == .noWorker && facts.why.remedy == "jobq work mail -- COMMAND")
    facts.limits.rate = Rate("30/m")
    facts.nextStart = Timestamp(milliseconds: 2000)
    #expect(facts.why.reason == .rateLimit && facts.why.detail.contains("30/m; the next may start at 1970"))
    facts.limits.perKey = KeyLimit(label: "customer", concurrency: 1)
    facts.running.append(occupant(5, customer: "acme", takesWorker: false))
    #expect(
      facts.why
        == Why(
          .keyLimit, "queue mail runs 1 of at most 1 with customer=acme: job 5",
          remedy: "jobq queue set mail --per-key customer=2", blockers: [JobID(5)]))
    facts.limits.concurrency = 2
    facts.running.append(occupant(14))
    #expect(
      facts.why
        == Why(
          .queueLimit, "queue mail runs 2 of at most 2: jobs 5 and 14", remedy: "jobq queue set mail --concurrency 3",
          blockers: [JobID(5), JobID(14)]))
    facts.queuePause = Pause(reason: "provider down", until: Timestamp(milliseconds: 9000))
    #expect(
      facts.why
        == Why(
          .paused, "queue mail is paused until 1970-01-01T00:00:09.000Z: provider down", remedy: "jobq resume mail"))
    facts.pause = Pause()
    #expect(facts.why == Why(.paused, "all queues are paused", remedy: "jobq resume"))
    facts.isDraining = true
    #expect(facts.why.reason == .draining && facts.why.remedy == "jobq resume")
    facts.isRecovering = true
    #expect(
      facts.why
        == Why(
          .draining, "jobqd has just begun: it ends what an earlier one left, and then starts jobs",
          remedy: "jobq status 7"))
    facts.isStopping = true
    #expect(facts.why.reason == .draining && facts.why.detail == "jobqd is stopping; it starts nothing more")
  }

  @Test("what the configuration file fixes is to be changed there, by its key")
  func fixed() {
    let why = facts {
      $0.limits.concurrency = 1
      $0.fixed.concurrency = 1
      $0.file = "/etc/jobq/jobq.yaml"
      $0.running = [occupant(1)]
    }.why
    #expect(why.remedy == "change queues.mail.concurrency in /etc/jobq/jobq.yaml, and reload jobqd")
  }

  @Test("a limit that has room, another customer's job, and a leased job beside free workers hold nothing up")
  func room() {
    let free = facts {
      $0.limits = QueueLimits(concurrency: 9, perKey: KeyLimit(label: "customer", concurrency: 1))
      $0.running = [occupant(1, customer: "other"), occupant(2, takesWorker: false), occupant(3, takesWorker: false)]
    }.why
    #expect(free.reason == .workersBusy && free.blockers.isEmpty && free.detail.hasPrefix("nothing holds it up"))
    let unlabelled = facts {
      $0.job.labels = [:]
      $0.limits = QueueLimits(perKey: KeyLimit(label: "customer", concurrency: 1))
      $0.running = [occupant(1)]
    }.why
    #expect(unlabelled.reason == .workersBusy)
  }

  @Test("the wire has the words of the contract")
  func words() {
    #expect(
      Set(Why.Reason.allCases.map(\.rawValue)) == [
        "paused", "queue_limit", "key_limit", "rate_limit", "workers_busy", "dependency", "scheduled", "backoff",
        "held",
        "no_worker", "draining", "running", "ended",
      ])
  }
}
