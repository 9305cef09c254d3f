import CJobProcess
import Glibc
import Synchronization

/// The orphans that this process adopted as a child subreaper, prctl(2), and to which attempt each belongs. Used
/// by the reactor's thread alone.
///
/// When a leader has ended, whatever it started either descends from a child of this process or is one: so where
/// no adopted child is left,
/// no tree is.
struct OrphanKeeper {
  private enum Owner: Equatable {
    case attempt(UInt64)
    /// It has left its session and its environment: any attempt that was under way when it was met may have started it.
    case oneOf(Set<UInt64>)
  }

  private var owners: [ProcessEntry: Owner] = [:]

  /// Reaps those that have ended, and finds the owner of each that is new.
  /// - Parameters:
  ///   - leaders: the children that are not orphans.
  ///   - attempts: those under way.
  /// - Throws: where the kernel could not say who is there; whoever was known stays known.
  mutating func look(leaders: borrowing Mutex<Set<pid_t>>, attempts: [UInt64: RunningAttempt]) throws(Failure) {
    var living: Set<ProcessEntry> = []
    // Who ended while the list was read may have left a child that is not in it.
    var hasReaped: Bool
    repeat {
      hasReaped = false
      living = []
      for pid in try ProcessTable.children() {
        // In this order: a child is announced until it is among the leaders.
        if jobq_is_spawning(pid) || leaders.withLock({ $0.contains(pid) }) { continue }
        if jobq_reap(pid) {
          hasReaped = true
        } else if let entry = try ProcessTable.entry(pid) {
          living.insert(entry)
          if owners[entry] == nil { owners[entry] = try owner(of: entry, attempts) }
        }
      }
    } while hasReaped && living.isEmpty
    owners = owners.filter { living.contains($0.key) }
  }

  private func owner(of orphan: ProcessEntry, _ attempts: [UInt64: RunningAttempt]) throws(Failure) -> Owner {
    if let attempt = attempts.values.first(where: { $0.spawned.leader.pid == orphan.session }) {
      return .attempt(attempt.serial)
    }
    if let mark = try ProcessTable.mark(of: orphan.pid),
      let attempt = attempts.values.first(where: { $0.spawned.mark == mark })
    {
      return .attempt(attempt.serial)
    }
    return .oneOf(Set(attempts.keys))
  }

  /// The living orphans of an attempt: its own, and those that can be nobody else's by now.
  func orphans(of serial: UInt64) -> [ProcessEntry] {
    owners.compactMap { entry, owner in
      switch owner {
      case .attempt(serial), .oneOf([serial]), .oneOf([]): entry
      default: nil
      }
    }
  }

  /// The attempt has ended: what it may have started is another's.
  mutating func forget(_ serial: UInt64) {
    for (entry, owner) in owners {
      if case .oneOf(var suspects) = owner, suspects.remove(serial) != nil { owners[entry] = .oneOf(suspects) }
    }
  }
}
