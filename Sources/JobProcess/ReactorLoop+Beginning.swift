import Glibc
import JobModel

/// An attempt whose process is being made. Whoever makes it waits in the kernel until the child has called exec: for as long
/// as a file system that does not answer keeps the program's file, or somebody has stopped the child.
struct Beginning {
  let launch: Launch
  var machine: AttemptMachine
}

/// What an attempt must obey before it is handed over: its timeout, a cancel, a stop. It has a machine from the first of these on,
/// which it goes on with when it is adopted.
extension ReactorLoop {
  func newMachine(for launch: Launch) -> AttemptMachine {
    let options = parts.options
    return AttemptMachine(
      .init(
        timeout: launch.plan.timeout, killGrace: launch.plan.killGrace, leftoverGrace: options.leftoverGrace,
        unkillableAfter: options.unkillableAfter, abandonAfter: options.abandonAfter))
  }

  /// The process of an attempt with a timeout is being made.
  func begins(_ serial: UInt64) {
    guard attempts[serial] == nil, beginnings[serial] == nil else { return }
    feed(beginning: serial, .started)
  }

  /// Does nothing where the process is not being made just now: who makes it looks for a cancel before and after.
  func feed(beginning serial: UInt64, _ event: AttemptMachine.Event) {
    if beginnings[serial] == nil {
      guard let launch = parts.spawner.starts.launch(serial) else { return }
      beginnings[serial] = Beginning(launch: launch, machine: newMachine(for: launch))
      if let graceLimit { feed(beginning: serial, .limitGrace(graceLimit)) }
      if isStopping { feed(beginning: serial, .stopping) }
    }
    guard let beginning = beginnings[serial], let actions = beginnings[serial]?.machine.handle(event) else { return }
    for action in actions {
      switch action {
      case .arm(let span): timers.arm(.attempt(serial), at: Self.deadline(span))
      case .hasten(let span): hasten(serial, to: span)
      case .disarm: timers.disarm(.attempt(serial))
      case .terminate: signal(beginning: serial, SIGTERM)
      case .kill: signal(beginning: serial, SIGKILL)
      case .reportUnkillable: beginning.launch.unkillable()
      case .abandon: abandon(serial, beginning.launch)
      // These follow the leader's end, which is looked at once it is adopted.
      case .check, .finish: break
      }
    }
  }

  private func signal(beginning serial: UInt64, _ signal: Int32) {
    guard let cgroup = parts.spawner.starts.signal(serial, signal) else { return }
    parts.treeThreads.submit { signal == SIGKILL ? cgroup.kill() : cgroup.terminate() }
  }

  /// The daemon stops: what becomes of the process is for the next one to deal with.
  private func abandon(_ serial: UInt64, _ launch: Launch) {
    // Else it is being handed over just now.
    guard parts.spawner.starts.abandon(serial) else { return }
    forget(beginning: serial)
    parts.board.close(launch.key)
    launch.end(nil)
  }

  /// It was made as it was let go of.
  func letGo(_ spawned: SpawnedAttempt) {
    Kernel.signal(spawned.descriptor.raw, SIGKILL)
    spawned.cgroup?.kill()
    parts.board.close(spawned.launch.key)
    spawned.launch.end(nil)
  }

  /// There is no process, and there may never be one.
  func forget(beginning serial: UInt64) {
    guard beginnings.removeValue(forKey: serial) != nil else { return }
    timers.disarm(.attempt(serial))
  }
}
