import CJobProcess
import JobModel
import Synchronization

/// Finding out whether a tree is gone, and ending it.
extension ReactorLoop {
  /// Finds out whether anything of the tree is left.
  func check(_ attempt: RunningAttempt) {
    guard let cgroup = attempt.spawned.cgroup else {
      if parts.adoptsOrphans {
        toCheck.append(attempt)
      } else {
        sweep(attempt)
      }
      return
    }
    do throws(Failure) {
      let isGone = try isGone(cgroup, attempt)
      feed(attempt, isGone ? .treeGone : .treeRemains)
    } catch {
      // Not known is not gone: a slot that is freed too early is a second attempt beside the first.
      lookAgain(attempt)
    }
  }

  private func isGone(_ cgroup: Cgroup, _ attempt: RunningAttempt) throws(Failure) -> Bool {
    attempt.hasRemovedCgroup = cgroup.remove()
    if attempt.hasRemovedCgroup { return true }
    // Watched first, read then: a change in between is told.
    guard try Cgroup.isPopulated(watchedEvents(cgroup, attempt)) else {
      cgroup.removeAll()
      return true
    }
    // From Linux 6.19 on a process leaves its cgroup a moment after its end is told. Its list does not hold it
    // any more.
    return cgroup.processes().isEmpty
  }

  private func watchedEvents(_ cgroup: Cgroup, _ attempt: RunningAttempt) throws(Failure) -> Descriptor {
    if let events = attempt.cgroupEvents { return events }
    let events = try cgroup.events()
    do throws(Failure) {
      try watch(events, .cgroup, of: attempt.serial, .changed)
      attempt.cgroupEvents = events
    } catch {
      // The user's limit of watches is reached.
      lookAgain(attempt)
    }
    return events
  }

  /// Nobody's end will tell: this looks, less and less often.
  private func lookAgain(_ attempt: RunningAttempt) {
    timers.arm(.check(attempt.serial), at: Self.deadline(.milliseconds(attempt.checkPause)))
    attempt.checkPause = min(2 * attempt.checkPause, 1000)
  }

  func end(_ attempt: RunningAttempt, _ stage: SessionTree.Stage) {
    attempt.stage = stage
    guard let cgroup = attempt.spawned.cgroup else { return sweep(attempt) }
    parts.treeThreads.submit { stage == .kill ? cgroup.kill() : cgroup.terminate() }
  }

  private func sweep(_ attempt: RunningAttempt) {
    attempt.sweep += 1
    timers.disarm(.check(attempt.serial))
    let tree = SessionTree(
      leader: attempt.spawned.leader, mark: attempt.spawned.mark, orphans: orphans.orphans(of: attempt.serial),
      adoptsOrphans: parts.adoptsOrphans)
    let (serial, number, stage, reactor) = (attempt.serial, attempt.sweep, attempt.stage, parts.reactor)
    parts.treeThreads.submit { reactor.post(.swept(serial: serial, number: number, tree.sweep(stage))) }
  }

  func swept(_ attempt: RunningAttempt, _ sweep: SessionTree.Sweep) {
    attempt.members = sweep.living
    attempt.membersAlive = 0
    for member in sweep.living where (try? watch(member, .member, of: attempt.serial, .readableOnce)) != nil {
      attempt.membersAlive += 1
    }
    // Where orphans come to this process its list of children is the better witness: in /proc a pass may miss
    // what lives only for a moment.
    let isGone = sweep.isEmpty && !parts.adoptsOrphans
    if attempt.membersAlive == 0, !isGone { lookAgain(attempt) }
    if sweep.isCertain || !sweep.living.isEmpty { feed(attempt, isGone ? .treeGone : .treeRemains) }
  }

  func memberEnded(_ attempt: RunningAttempt) {
    attempt.membersAlive -= 1
    if attempt.membersAlive == 0, attempt.usage != nil { check(attempt) }
  }

  /// The end of a turn: with one look at the orphans, which trees are gone.
  func checkTrees() {
    guard parts.adoptsOrphans, hasChildDeaths || !toCheck.isEmpty else { return }
    // Mostly the death was a leader's, and nobody is left to be reaped.
    var isCertain = true
    if !toCheck.isEmpty || jobq_wait_any(false) > 0 {
      do throws(Failure) {
        try orphans.look(leaders: parts.spawner.leaders, attempts: attempts)
      } catch {
        isCertain = false
      }
    }
    hasChildDeaths = false
    let checked = toCheck
    toCheck = []
    for attempt in checked where attempts[attempt.serial] != nil {
      if !isCertain {
        lookAgain(attempt)
      } else if orphans.orphans(of: attempt.serial).isEmpty {
        feed(attempt, .treeGone)
      } else if attempt.stage == .look {
        feed(attempt, .treeRemains)
      } else {
        sweep(attempt)
      }
    }
  }
}
