import CJobProcess
import Glibc
package import JobModel
import Synchronization

/// Runs attempts: each is one process tree that is started, watched, captured, and ended as a whole.
///
/// One thread watches all of them and takes their output, a few start them. Nothing wakes up while nothing
/// happens. May be used from any task.
package final class ProcessRunner: Sendable {
  package let containment: Containment
  /// Why it is so: the path under which cgroups are made, or what forbids them.
  package let containmentNote: String
  package let logs: LogDirectory

  private let options: Options
  private let bootID: String
  private let board = OutputBoard()
  private let reactor: Reactor
  private let spawner: Spawner
  private let treeThreads: WorkThreads
  private let cgroups: CgroupParent?
  private let serials = Atomic<UInt64>(1)
  private let live = Mutex<Set<AttemptKey>>([])

  /// Makes the threads and the cgroup under which attempts will have theirs, after trying that cgroups work.
  /// Blocks for some milliseconds.
  ///
  /// Set what the process changes for itself (the limit of open files, its OOM score) before, with
  /// `HostSettings` read before that.
  /// - Throws: where the kernel refuses a thread or a descriptor. That there can be no cgroup is no error: see
  ///   `containment`.
  package init(_ options: Options) throws(ProcessError) {
    self.options = options
    logs = options.logs
    var cgroups: CgroupParent?
    var note = "as asked"
    if options.preference == .automatic {
      do throws(ProcessError) {
        cgroups = try CgroupParent.find(given: options.cgroupParent, store: options.storeIdentity)
      } catch {
        note = error.message
      }
    }
    self.cgroups = cgroups
    containment = cgroups == nil ? .session : .cgroup
    containmentNote = cgroups?.path ?? note

    do throws(Failure) {
      bootID = try ProcessTable.bootID()
      let outOfMemory = OutOfMemoryCounter(cgroup: cgroups?.path)
      reactor = try Reactor()
      treeThreads = try WorkThreads(2, name: "jobq-tree")
      // As the first process of a container it gets them in any case.
      let adoptsOrphans = options.reapsOrphans && (cgroups == nil || getpid() == 1)
      spawner = try Spawner(
        threads: options.spawningThreads, store: options.storeIdentity, cgroups: cgroups, outOfMemory: outOfMemory,
        bootID: bootID, null: System.open("/dev/null", O_RDONLY).aboveStandard(),
        inherited: options.inherited ?? .current(), isToldOfDeaths: adoptsOrphans)
      let childDeaths = try System.eventCounter(Int(EFD_NONBLOCK))
      if adoptsOrphans {
        _ = try System.check("prctl") { jobq_adopt_orphans(childDeaths.raw) }
      }
      let parts = ReactorParts(
        reactor: reactor, board: board, spawner: spawner, treeThreads: treeThreads, outOfMemory: outOfMemory,
        options: options, adoptsOrphans: adoptsOrphans, childDeaths: childDeaths)
      try ReactorLoop.start(parts)
    } catch {
      throw ProcessError("cannot set up what runs processes", error)
    }
  }

  /// Runs the attempt to its very end: returns only when its whole tree is gone. Never throws.
  ///
  /// Cancelling the task sends TERM to the tree, after the plan's grace KILL, and the answer comes when the
  /// tree is gone: `.cancelled`,
  /// unless the command had ended by itself before.
  /// - Parameters:
  ///   - fate: all is prepared, but the program runs only once this is safe; where it never is the answer is nil.
  ///   - started: called once the program runs, on a thread of the runner's: it must not wait.
  ///   - unkillable: called at most once, when the tree outlives KILL by `unkillableAfter`. The wait goes on.
  /// - Returns: nil where `abandonUnkillable` let the attempt go, or it could never begin.
  package func run(
    _ plan: AttemptPlan, after fate: CommitFate? = nil, started: @escaping @Sendable (StartedProcess) -> Void,
    unkillable: @escaping @Sendable () -> Void
  ) async -> AttemptEnding? {
    let serial = serials.wrappingAdd(1, ordering: .relaxed).oldValue
    let cancellation = Cancellation()
    let key = plan.key
    live.withLock { _ = $0.insert(key) }
    let ending = await withTaskCancellationHandler {
      await withCheckedContinuation { continuation in
        let launch = Launch(
          serial: serial, plan: plan, fate: fate, started: started, unkillable: unkillable, continuation: continuation)
        board.open(key, streams: launch.streams)
        spawner.submit(
          launch, cancellation,
          Spawner.Listener(
            begins: { [reactor] in reactor.post(.begins(serial: $0)) },
            withdraws: { [reactor] in reactor.post(.withdraws(serial: $0)) },
            hand: { [reactor] in reactor.post(.adopt($0)) },
            failed: { [board, reactor] launch, ending in
              reactor.post(.withdraws(serial: launch.serial))
              board.close(launch.key)
              launch.end(ending)
            }))
      }
    } onCancel: {
      cancellation.request()
      reactor.post(.cancel(serial: serial))
    }
    // An abandoned attempt stays marked as ours: what is left of it is for the next daemon.
    if ending != nil { live.withLock { _ = $0.remove(key) } }
    return ending
  }

  /// From now on a grace is at most this long, also for attempts that are being ended.
  package func limitGrace(to span: TimeSpan) { reactor.post(.limitGrace(span)) }

  /// The daemon stops: from now on a tree that outlives KILL by `abandonAfter` is reported and let go, and one
  /// that is known as unkillable at
  /// once; its `run` returns nil, and its job stays `running` for the next daemon to deal with.
  package func abandonUnkillable() { reactor.post(.abandonUnkillable) }

  /// Ends what is left of attempts of a dead daemon with TERM, `leftoverGrace`, KILL; and every other process
  /// that carries this store's mark
  /// but belongs to no attempt under way. A number that was recycled is never signalled. Cancellation does not
  /// cut it short. Before any attempt begins.
  /// - Returns: the jobs of which something is alive `abandonAfter` after KILL.
  package func endLeftovers(_ leftovers: [LeftoverProcess]) async -> [JobID] {
    let sweep = LeftoverSweep(
      store: options.storeIdentity, cgroups: cgroups, bootID: bootID, grace: options.leftoverGrace,
      patience: options.abandonAfter, live: live.withLock { $0 })
    return await treeThreads.run { sweep.end(leftovers) }
  }

  /// Sends KILL once more to what is left of these, and of nothing else. Does not wait for them.
  /// - Returns: the jobs of which something is alive.
  package func remaining(of leftovers: [LeftoverProcess]) async -> [JobID] {
    let sweep = LeftoverSweep(
      store: options.storeIdentity, cgroups: cgroups, bootID: bootID, grace: .zero, patience: .zero, live: [],
      only: Set(leftovers.map { AttemptKey(id: $0.id, attempt: $0.attempt) }))
    return await treeThreads.run { sweep.end(leftovers) }
  }

  /// How long after KILL a process counts as unkillable.
  package var unkillableAfter: TimeSpan { options.unkillableAfter }

  /// Waits until the stream has more than `offset` logical bytes: true. False once the attempt has ended, and where it is
  /// not under way, has no such stream, or the task is cancelled.
  package func waitForOutput(_ id: JobID, attempt: Int, stream: LogStream, beyond offset: Int64) async -> Bool {
    await board.wait(AttemptKey(id: id, attempt: attempt), stream, beyond: offset)
  }

  /// Returns once the attempt is under way, or the task is cancelled. For an attempt that never will be only the latter.
  package func waitForBegin(_ id: JobID, attempt: Int) async {
    await board.waitForBegin(AttemptKey(id: id, attempt: attempt))
  }

  /// Stops the threads and removes the cgroup, if it is empty. After all runs have returned; the runner is of
  /// no use then.
  package func shutdown() async {
    await withCheckedContinuation { continuation in
      reactor.post(.stop { continuation.resume() })
    }
    cgroups?.remove()
  }
}

extension ReactorLoop {
  /// The loop is made on its own thread, and nothing of it leaves that.
  static func start(_ parts: ReactorParts) throws(Failure) {
    let answer = StartAnswer()
    try startThread("jobq-reactor") {
      do throws(Failure) {
        let loop = try ReactorLoop(parts)
        answer.give(nil)
        loop.run()
      } catch {
        answer.give(error)
      }
    }
    if let failure = answer.wait() { throw failure }
  }
}

/// How the start of a thread went, told to the thread that waits for it.
private final class StartAnswer: Sendable {
  private let failure = Mutex<Failure?>(nil)
  private let isGiven: Descriptor?

  init() { isGiven = try? System.eventCounter() }

  func give(_ failure: Failure?) {
    self.failure.withLock { $0 = failure }
    if let isGiven { System.add(1, to: isGiven) }
  }

  func wait() -> Failure? {
    guard let isGiven else { return Failure(errno: EMFILE, call: "eventfd") }
    System.take(from: isGiven)
    return failure.withLock { $0 }
  }
}
