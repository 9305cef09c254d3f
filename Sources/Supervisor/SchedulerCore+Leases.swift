import JobModel
package import JobStore

/// Leases: attempts that outside workers have. They count against the limits of their queues, not against the
/// workers. Whoever asks for one looks in the store itself, in its own task, once the core says how many the
/// limits leave for it; several look at once, and share a commit.
extension SchedulerCore {
  /// What a worker asks for, by a number of its own that is never reused.
  package struct LeaseAsk: Sendable, Hashable {
    package var ticket: UInt64
    package var queue: String
    /// At most so many jobs.
    package var limit: Int
    /// Waits where there is nothing now.
    package var isPatient: Bool

    package init(ticket: UInt64, queue: String, limit: Int, isPatient: Bool) {
      self.ticket = ticket
      self.queue = queue
      self.limit = limit
      self.isPatient = isPatient
    }
  }

  package enum LeaseEvent: Sendable {
    case asked(LeaseAsk)
    /// The answer to `Action.look`: what was found, when the first of it ends by CLOCK_BOOTTIME, until when the
    /// queue's rate holds more of it back, and whether more may be there at once.
    case looked(ticket: UInt64, [HeldLease], due: Int64, nextStart: Int64? = nil, isCut: Bool = false)
    case lookFailed(ticket: UInt64)
    /// It waits no longer.
    case timeUp(ticket: UInt64)
    /// What workers have said of their leases, as the store has answered. Said beside the commit's changes, by whoever
    /// must not be overtaken by the next request.
    case settled([SettledLease])
    /// Leases that no worker has heard of are about to be undone.
    case givenBack([HeldLease])
    /// What is out, as the store has it: at the start, or after a look whose answer was lost.
    case found([HeldLease])
    /// The store is being asked for what is out; until `read` what ends is remembered, since the answer may still have it.
    case reading
    case read
    /// The answer to `Action.expire`.
    case expired(ExpiryReport)
    case expireFailed
  }

  struct Attempt: Hashable, Sendable {
    var id: JobID
    var number: Int
  }

  mutating func handle(_ event: LeaseEvent, _ actions: inout [Action]) {
    switch event {
    case .asked(let ask):
      desk.add(LeaseDesk.Ask(ticket: ask.ticket, limit: ask.limit, isPatient: ask.isPatient), to: ask.queue)
    case .looked(let ticket, let found, let due, let nextStart, let isCut):
      let queue = desk.queue(of: ticket)
      looked(ticket, found, due, &actions)
      if isCut, let queue { desk.noteAnything(in: queue) }
      if let nextStart, nextStart < alarms.leaseStart ?? .max {
        alarms.leaseStart = nextStart
        actions.append(alarms.action)
      }
    case .lookFailed(let ticket):
      // Whoever sees the storage answer again says `loosened`.
      desk.remove(ticket)
      forgetEndedLeases()
    case .timeUp(let ticket): desk.makeImpatient(ticket)
    case .settled(let leases):
      for lease in leases {
        if let attempt = lease.ended { endLease(lease.verdict.id, attempt) }
        if let due = lease.due { arm(leaseEnding: due, &actions) }
      }
    case .givenBack(let leases): for lease in leases { endLease(lease.id, lease.attempt) }
    case .found(let leases):
      for lease in leases where leasesEnded[Attempt(id: lease.id, number: lease.attempt)] == nil { add(lease) }
      forgetEndedLeases()
    case .reading: leaseReads += 1
    case .read:
      leaseReads -= 1
      forgetEndedLeases()
    case .expired(let report):
      for lease in report.expired { endLease(lease.id, lease.attempt) }
      let stale = expiring == .askedAndStale
      expiring = .idle
      (alarms.leaseWall, alarms.leaseBoot) = (report.nextWall, report.nextBoot)
      actions.append(alarms.action)
      if stale { expire(&actions) }
    case .expireFailed: expiring = .idle
    }
  }

  private mutating func looked(_ ticket: UInt64, _ found: [HeldLease], _ due: Int64, _ actions: inout [Action]) {
    // What the reservation held back may be there for a command.
    if let queue = desk.queue(of: ticket), queueLimits[queue] != nil,
      found.count < desk.lines[queue]?.asks.first(where: { $0.ticket == ticket })?.looking ?? 0
    {
      wakeClaims()
    }
    let queue = desk.queue(of: ticket)
    desk.looked(ticket, found: found.count)
    for lease in found {
      if leasesEnded[Attempt(id: lease.id, number: lease.attempt)] == nil {
        add(lease)
      } else if let queue {
        makeRoom(in: queue)
      }
    }
    forgetEndedLeases()
    if !found.isEmpty { arm(leaseEnding: due, &actions) }
  }

  private mutating func add(_ lease: HeldLease) {
    // The answer to a later look may have come first.
    if let known = running[lease.id], known.attempt > lease.attempt { return }
    running[lease.id] = Running(
      attempt: lease.attempt, queue: lease.queue, labels: lease.labels, cancelling: false, isLeased: true)
  }

  private mutating func endLease(_ id: JobID, _ attempt: Int) {
    guard let ended = running[id], ended.isLeased, ended.attempt == attempt else { return }
    running[id] = nil
    if leaseReads > 0 { leasesEnded[Attempt(id: id, number: attempt)] = desk.looks }
    makeRoom(in: ended.queue)
  }

  /// A place of a queue is free that a claim or a look may have met taken.
  mutating func makeRoom(in queue: String) {
    guard let limits = queueLimits[queue] else { return }
    wakeClaims()
    // Whoever looked in vain may have met a key at its limit.
    if limits.perKey != nil { desk.noteAnything(in: queue) }
  }

  /// A commit that may have ended a lease: of one that is known, or of one whose grant is still on its way here.
  mutating func noteLease(_ change: JobChange) {
    guard change.from == .running, change.to != .running else { return }
    if running[change.id]?.attempt == change.attempt {
      endLease(change.id, change.attempt)
    } else if desk.oldestLook != nil || isRecovering || leaseReads > 0 {
      // What is out may have been read before, and be told here after.
      leasesEnded[Attempt(id: change.id, number: change.attempt)] = desk.looks
      makeRoom(in: change.queue)
    }
  }

  /// Those that no look under way can have granted, and no read have found.
  private mutating func forgetEndedLeases() {
    guard !leasesEnded.isEmpty, leaseReads == 0 else { return }
    guard let oldest = desk.oldestLook else { return leasesEnded.removeAll() }
    leasesEnded = leasesEnded.filter { $0.value >= oldest }
  }

  // MARK: Who may look

  /// Sends those who have a reason to look, in their order, as far as the limits let them; turns those away who
  /// will not wait and have nothing to wait for.
  mutating func serve(_ actions: inout [Action]) {
    guard !desk.lines.isEmpty, !isRecovering || isStopping else { return }
    for queue in Array(desk.lines.keys) {
      while !isDraining, !isStopping, let line = desk.lines[queue], let index = line.next {
        let count = min(line.asks[index].limit, leaseRoom(in: queue))
        guard count > 0 else { break }
        var room = QueueRoom(queueLimits[queue] ?? QueueLimits())
        if room.places != nil { for job in running.values where job.queue == queue { room.take() } }
        actions.append(.look(ticket: line.asks[index].ticket, count, room))
        desk.look(index, in: queue, for: count)
      }
      turnAway(queue, &actions)
    }
  }

  private mutating func turnAway(_ queue: String, _ actions: inout [Action]) {
    guard let line = desk.lines[queue] else { return }
    // Room that is only spoken for may come back in a moment: then it is looked again.
    let isFull = leaseRoom(in: queue, besides: 0) <= 0
    for ask in line.asks where ask.looking == 0 {
      let mayStillLook = !isDraining && !isFull && (ask.seen == nil || line.mayHave > 0)
      guard isStopping || (!ask.isPatient && !mayStillLook) else { continue }
      desk.remove(ask.ticket)
      actions.append(.turnAway(ticket: ask.ticket))
    }
  }

  /// How many more leases the queue's limit leaves beside what runs and what is being looked for.
  private func leaseRoom(in queue: String) -> Int {
    let looking = desk.lines[queue]?.looking ?? 0
    let claimed = claiming == .idle ? 0 : lastRequest?.rooms[queue]?.places ?? 0
    return leaseRoom(in: queue, besides: claimed + looking)
  }

  private func leaseRoom(in queue: String, besides reserved: Int) -> Int {
    guard let limit = queueLimits[queue]?.concurrency else { return .max }
    return limit - running.values.count { $0.queue == queue } - reserved
  }

  // MARK: Time

  mutating func expire(_ actions: inout [Action]) {
    guard !isStopping,
      alarms.leaseWall != nil || alarms.leaseBoot != nil || running.values.contains(where: \.isLeased)
    else { return }
    // As for jobs: the answer tells anew what is still to come, and where none comes `loosened` asks again.
    (alarms.leaseWall, alarms.leaseBoot) = (nil, nil)
    switch expiring {
    case .idle:
      expiring = .asked
      actions.append(.expire)
    case .asked: expiring = .askedAndStale
    case .askedAndStale: break
    }
  }

  private mutating func arm(leaseEnding time: Int64, _ actions: inout [Action]) {
    // The answer that is on its way may not know of it.
    if expiring == .asked { expiring = .askedAndStale }
    if let boot = alarms.leaseBoot, boot <= time { return }
    alarms.leaseBoot = time
    actions.append(alarms.action)
  }
}
