import CJobProcess
import Glibc
import JobModel
import Synchronization

/// The one thread that watches all attempts, as the other threads see it: a line of commands and a counter that
/// wakes it.
final class Reactor: Sendable {
  enum Command: Sendable {
    /// The process of an attempt that has a timeout is being made.
    case begins(serial: UInt64)
    /// It was not, and nothing is left of it.
    case withdraws(serial: UInt64)
    case adopt(SpawnedAttempt)
    case cancel(serial: UInt64)
    /// The sweep of this number of a tree without cgroup is done.
    case swept(serial: UInt64, number: UInt64, SessionTree.Sweep)
    case limitGrace(TimeSpan)
    case abandonUnkillable
    case stop(@Sendable () -> Void)
  }

  private let inbox = Mutex<[Command]>([])
  let wake: Descriptor

  init() throws(Failure) {
    wake = try System.eventCounter(Int(EFD_NONBLOCK))
  }

  func post(_ command: Command) {
    let isFirst = inbox.withLock { inbox in
      inbox.append(command)
      return inbox.count == 1
    }
    // Where others wait already, the thread has been woken for them.
    if isFirst { System.add(1, to: wake) }
  }

  func take() -> [Command] {
    inbox.withLock { inbox in
      defer { inbox = [] }
      return inbox
    }
  }
}

/// What the reactor's thread works with besides the attempts.
struct ReactorParts: Sendable {
  let reactor: Reactor
  let board: OutputBoard
  let spawner: Spawner
  /// For what takes long: going through /proc, and TERM to all of a large cgroup.
  let treeThreads: WorkThreads
  let outOfMemory: OutOfMemoryCounter
  let options: ProcessRunner.Options
  /// Whether orphans come to this process (no cgroups, and `reapsOrphans`).
  let adoptsOrphans: Bool
  /// Counts the deaths of children, where orphans come to this process.
  let childDeaths: Descriptor
}
