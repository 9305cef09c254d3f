import JobModel
import JobStore
import Logging

/// What the core says to a worker that has asked.
enum LeaseTurn: Sendable {
  /// Look for so many jobs, in this room of the queue.
  case look(Int, QueueRoom)
  case leave
}

extension Supervisor {
  /// Leases for an outside worker; waits where it asks to and there is nothing, until the task is cancelled. What
  /// was granted to a task that has been cancelled meanwhile is given back: nobody would hear of it.
  /// - Throws: what storage says.
  func lease(_ terms: LeaseTerms) async throws(Problem) -> [LeasedJob] {
    leaseTickets += 1
    let ticket = leaseTickets
    guard terms.wait > .zero else { return try await grant(terms, ticket) }
    // The first of the two ends the other: the grant, or the time.
    let granted = await withTaskGroup(of: Result<[LeasedJob], Problem>?.self) { group in
      group.addTask {
        do throws(Problem) { return .success(try await self.grant(terms, ticket)) } catch { return .failure(error) }
      }
      group.addTask {
        try? await Task.sleep(for: terms.wait.duration)
        await self.leaseTimeIsUp(ticket)
        return nil
      }
      for await case let granted? in group {
        group.cancelAll()
        return granted
      }
      return .success([])
    }
    leaseTimesUp.remove(ticket)
    return try granted.get()
  }

  /// Perhaps before the other task has asked: then it asks as one that does not wait.
  private func leaseTimeIsUp(_ ticket: UInt64) {
    leaseTimesUp.insert(ticket)
    apply(.lease(.timeUp(ticket: ticket)))
  }

  private func grant(_ terms: LeaseTerms, _ ticket: UInt64) async throws(Problem) -> [LeasedJob] {
    let ask = SchedulerCore.LeaseAsk(
      ticket: ticket, queue: terms.queue, limit: terms.limit,
      isPatient: terms.wait > .zero && !leaseTimesUp.contains(ticket))
    var event = SchedulerCore.LeaseEvent.asked(ask)
    while case .look(let limit, let room) = await turn(of: ticket, event) {
      var terms = terms
      terms.limit = limit
      let moment = time.now()
      let found: GrantedLeases
      do throws(StoreError) {
        found = try await store.lease(terms, room: room, at: moment)
      } catch {
        apply(.lease(.lookFailed(ticket: ticket)))
        storageFailed(error)
        findLostLeases()
        throw Problem(error)
      }
      let leases = found.leases
      let held = leases.map {
        HeldLease(id: $0.job.id, attempt: $0.job.attempt, queue: terms.queue, labels: $0.job.labels)
      }
      event = .looked(
        ticket: ticket, held, due: moment.boot + terms.span.milliseconds, nextStart: found.nextStart, isCut: found.isCut
      )
      guard !leases.isEmpty else { continue }
      apply(.lease(event))
      if Task.isCancelled {
        await giveBack(held, leases)
        return []
      }
      return leases
    }
    return []
  }

  /// Tells the core, and waits for what it says to the one that asked.
  private func turn(of ticket: UInt64, _ event: SchedulerCore.LeaseEvent) async -> LeaseTurn {
    await withTaskCancellationHandler {
      await withCheckedContinuation {
        leaseTurns[ticket] = $0
        apply(.lease(event))
      }
    } onCancel: {
      post(.lease(.timeUp(ticket: ticket)))
    }
  }

  func take(_ turn: LeaseTurn, _ ticket: UInt64) { leaseTurns.removeValue(forKey: ticket)?.resume(returning: turn) }

  /// Where this fails the leases expire, which comes to the same but later. The core hears of it before the store
  /// frees the attempts' numbers: the next who has such a job has the same number.
  private func giveBack(_ leases: [HeldLease], _ granted: [LeasedJob]) async {
    apply(.lease(.givenBack(leases)))
    do throws(StoreError) {
      try await store.giveBack(granted, at: time.now())
    } catch {
      apply(.lease(.found(leases)))
      storageFailed(error)
    }
  }

  /// What the store granted to a look whose answer was lost is asked for: it is held by nobody, and must expire.
  private func findLostLeases() {
    chore { supervisor in
      await supervisor.apply(.lease(.reading))
      let held = try? await supervisor.store.leases()
      if let held { await supervisor.apply(.lease(.found(held))) }
      await supervisor.apply(.lease(.read))
      if held != nil { await supervisor.apply(.loosened) }
    }
  }

  /// How many workers wait for a lease just now.
  package var waitingForLeases: Int { leaseTurns.count }

  /// Does what a worker says of its leases. The core knows of what ended before the worker hears of it: its next
  /// request finds the room.
  func settle(_ reports: [LeaseReport]) async throws(Problem) -> [LeaseVerdict] {
    let settled: [SettledLease]
    do throws(StoreError) {
      settled = try await store.settle(reports, at: time.now())
    } catch {
      storageFailed(error)
      throw Problem(error)
    }
    apply(.lease(.settled(settled)))
    return settled.map(\.verdict)
  }

  /// Ends the leases whose time has come.
  func expireLeases() async {
    do throws(StoreError) {
      let report = try await store.expireLeases(at: time.now(), limit: 1000)
      for lease in report.expired {
        logger.notice(
          "a lease expired: its worker was silent", metadata: ["job": "\(lease.id)", "attempt": "\(lease.attempt)"])
      }
      apply(.lease(.expired(report)))
    } catch {
      apply(.lease(.expireFailed))
      schedulingFailed(error)
    }
  }
}
