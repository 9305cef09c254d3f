import CJobProcess
import Synchronization

/// The attempts whose process is being made just now, by serial: what may be done to each before it is handed over. May be used
/// from any thread.
final class StartsUnderWay: Sendable {
  private struct Start {
    let launch: Launch
    /// Of C's: it announces the child.
    let spawner: Int32
    let cgroup: Cgroup?
    var isAbandoned = false
  }

  private let starts = Mutex<[UInt64: Start]>([:])

  func begin(_ launch: Launch, spawner: Int32, cgroup: Cgroup?) {
    starts.withLock { $0[launch.serial] = Start(launch: launch, spawner: spawner, cgroup: cgroup) }
  }

  /// The process has been made, or could not be. True where it was let go of meanwhile.
  func end(_ launch: Launch) -> Bool {
    starts.withLock { $0.removeValue(forKey: launch.serial)?.isAbandoned ?? false }
  }

  /// Nil where its process is not being made.
  func launch(_ serial: UInt64) -> Launch? { starts.withLock { $0[serial]?.launch } }

  /// Sends the signal to a child that has not called exec yet: it blocks all but KILL until then.
  /// - Returns: its cgroup, where it has one, to be signalled as a whole instead.
  func signal(_ serial: UInt64, _ signal: Int32) -> Cgroup? {
    starts.withLock { starts in
      guard let start = starts[serial] else { return nil }
      if let cgroup = start.cgroup { return cgroup }
      jobq_spawner_signal(start.spawner, signal)
      return nil
    }
  }

  /// Nobody is to hear of what becomes of it. False where it has been made, or has failed, just before.
  func abandon(_ serial: UInt64) -> Bool {
    starts.withLock { starts in
      starts[serial]?.isAbandoned = true
      return starts[serial] != nil
    }
  }
}
