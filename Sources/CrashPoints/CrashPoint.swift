#if CRASH_POINTS
  import Glibc
  import Synchronization
#endif

/// Moments at which a daemon that was built for tests may be told to die, as by `kill -9`. They lie on both sides of
/// every step that makes a promise, so that the crash laboratory (Tests/EndToEndTests/Crash) can stand at each.
///
/// `JOBQ_CRASH_AT=committed:17` in the daemon's environment ends it the 17th time that it passes `committed`. Only a
/// debug build defines CRASH_POINTS (Package.swift); in a release build `pass` is empty and the variable means nothing.
package enum CrashPoint: Int, CaseIterable, Sendable {
  // The writer's transaction.
  /// After BEGIN.
  case begun
  /// After a request's statements, in its savepoint.
  case performed
  /// Before COMMIT.
  case committing
  /// After COMMIT, before anybody is told.
  case committed
  /// Some have been answered, others of the same transaction have not.
  case answering
  case checkpointing, checkpointed

  // An attempt.
  /// Claimed, with nothing made for it.
  case claimed
  /// Its pipes and its cgroup are there, its process is not.
  case spawning
  /// Its process runs, and nobody has noted it.
  case spawned
  /// The process is noted, committed.
  case noted
  /// Its tree is gone, and nothing says how it ended.
  case ended
  /// The ending is recorded, its slot is not free yet.
  case recorded

  // Time.
  /// A job whose time has come is queued, in a transaction that others are still part of.
  case promoting

  // A start.
  /// The store is open, its new run noted.
  case opened
  /// What an earlier daemon left is known, and lives.
  case leftoversFound
  /// It is ended, and nothing says so.
  case leftoversEnded
  case leftoversRecorded

  // Retention.
  /// Rows are removed, their logs are not.
  case pruned

  // A stop.
  case stopNoted
  /// Every worker has ended, the store is open.
  case stopped
  /// The store is marked clean, its log is not emptied into it.
  case closing

  #if CRASH_POINTS
    /// Dies here if this is the moment that the environment asks for. On any thread; does not wait.
    package func pass() { Trap.chosen?.spring(at: self) }
  #else
    @inlinable package func pass() {}
  #endif
}

#if CRASH_POINTS
  /// The one moment that was asked for.
  private final class Trap: Sendable {
    static let chosen: Trap? = {
      guard let value = getenv("JOBQ_CRASH_AT") else { return nil }
      return Trap(String(cString: value))
    }()

    private let point: CrashPoint
    private let left: Atomic<Int>

    private init?(_ text: String) {
      let words = text.split(separator: ":")
      guard let name = words.first, let point = CrashPoint.allCases.first(where: { "\($0)" == name }) else {
        return nil
      }
      self.point = point
      left = Atomic(words.count > 1 ? Int(words[1]) ?? 1 : 1)
    }

    func spring(at passed: CrashPoint) {
      guard passed == point, left.wrappingSubtract(1, ordering: .relaxed).oldValue == 1 else { return }
      // The signal is for the whole process, and no thread of it comes back from the call.
      kill(getpid(), SIGKILL)
    }
  }
#endif
