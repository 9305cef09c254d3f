import CJobProcess
import CrashPoints
import FoundationEssentials
import Glibc
import JobModel
import Synchronization

/// Starts attempts, on threads of its own: each waits in the kernel until its child has called exec.
final class Spawner: Sendable {
  private let threads: WorkThreads
  private let store: String
  private let cgroups: CgroupParent?
  private let outOfMemory: OutOfMemoryCounter
  private let bootID: String
  private let null: Descriptor
  /// Null where the daemon's own are the host's.
  private let openFiles: UInt64?
  private let outOfMemoryScore: String?
  /// The numbers of C's spawners that are free: as many as threads.
  private let free: Mutex<[Int32]>
  /// The leaders that are not reaped. A pid is in it, or announced (`jobq_is_spawning`), from before it can end.
  let leaders = Mutex(Set<pid_t>())

  private let pace = FatePace()

  let starts = StartsUnderWay()

  private static let outOfMemorySampleAge: UInt64 = 250_000_000

  init(
    threads count: Int, store: String, cgroups: CgroupParent?, outOfMemory: OutOfMemoryCounter, bootID: String,
    null: Descriptor, inherited: HostSettings, isToldOfDeaths: Bool
  ) throws(Failure) {
    // The kernel tells of a child's end (SIGCHLD) the thread that made it; where that has the signal blocked it wakes
    // another, and where nobody deals with it that is for nothing.
    threads = try WorkThreads(count, name: "jobq-spawn", unblocked: isToldOfDeaths ? nil : SIGCHLD)
    self.store = store
    self.cgroups = cgroups
    self.outOfMemory = outOfMemory
    self.bootID = bootID
    self.null = null
    let own = HostSettings.current()
    openFiles = own.openFiles == inherited.openFiles ? nil : inherited.openFiles
    outOfMemoryScore = own.outOfMemoryScore == inherited.outOfMemoryScore ? nil : String(inherited.outOfMemoryScore)
    var spawners: [Int32] = []
    for _ in 0..<count { spawners.append(try System.check("room for another starting thread") { jobq_spawner_open() }) }
    free = Mutex(spawners)
  }

  deinit { for spawner in free.withLock({ $0 }) { jobq_spawner_close(spawner) } }

  /// Who is told of a start, on the thread that makes the process.
  struct Listener: Sendable {
    /// An attempt with a timeout: its process is about to be made. Its serial.
    var begins: @Sendable (UInt64) -> Void = { _ in }
    /// It was not made, for now: until it is, time does not count.
    var withdraws: @Sendable (UInt64) -> Void = { _ in }
    /// Takes the child over, before anyone can wait for it.
    var hand: @Sendable (SpawnedAttempt) -> Void
    /// It did not start: how it ended by that, or nil where its claim never was.
    var failed: @Sendable (Launch, AttemptEnding?) -> Void
  }

  /// Starts the attempt: prepares it at once, and runs the program when its claim is safe.
  func submit(_ launch: Launch, _ cancellation: Cancellation, _ listener: Listener) {
    threads.submit { [self] in
      guard !cancellation.isRequested else { return listener.failed(launch, AttemptEnding(.cancelled)) }
      var prepared = Result { () throws(SpawnFailure) in try prepare(launch) }
      guard let fate = launch.fate else { return start(launch, cancellation, prepared, listener) }
      if case .success(let preparation) = prepared {
        let begun = pace.lookOn(for: fate, unless: cancellation) { gate in
          Result { () throws(SpawnFailure) in
            try start(launch, cancellation, preparation, behind: gate, listener)
          }
        }
        switch begun {
        case .success(true): return
        case .success(false), nil: break
        case .failure(let failure): prepared = .failure(failure)
        }
      }
      if fate.isSafe == true { return start(launch, cancellation, prepared, listener) }
      // Where something did not succeed it is not told before the claim is safe either.
      fate.whenDecided { [self, prepared] isSafe in
        threads.submit { [self] in
          if isSafe { return start(launch, cancellation, prepared, listener) }
          discard(prepared)
          listener.failed(launch, nil)
        }
      }
    }
  }

  private func start(
    _ launch: Launch, _ cancellation: Cancellation, _ prepared: Result<Preparation, SpawnFailure>,
    _ listener: Listener
  ) {
    guard !cancellation.isRequested else {
      discard(prepared)
      return listener.failed(launch, AttemptEnding(.cancelled))
    }
    do throws(SpawnFailure) {
      if try start(launch, cancellation, prepared.get(), behind: nil, listener) { return }
      discard(prepared)
      listener.failed(launch, AttemptEnding(.cancelled))
    } catch {
      var ending = AttemptEnding(
        .spawnFailed, exitCode: error.isNotFound ? 127 : 126, error: error.error.message, errno: error.error.errno)
      ending.userSeconds = 0
      ending.systemSeconds = 0
      listener.failed(launch, ending)
    }
  }

  private func discard(_ prepared: Result<Preparation, SpawnFailure>) {
    if case .success(let prepared) = prepared { _ = prepared.cgroup?.cgroup.remove() }
  }

  /// What an attempt needs of the kernel before there is a process.
  private struct Preparation: Sendable {
    let mark: ProcessMark
    var outputs: [(stream: LogStream, pipe: Descriptor)] = []
    /// The job's own three.
    var ends: [Descriptor] = []
    var cgroup: (cgroup: Cgroup, directory: Descriptor)?
  }

  private struct SpawnFailure: Error {
    var error: ProcessError
    /// The program itself is not there.
    var isNotFound = false
  }

  private func prepare(_ launch: Launch) throws(SpawnFailure) -> Preparation {
    var prepared = Preparation(mark: ProcessMark(store: store, key: launch.key))
    var tried = "cannot make the standard input"
    do throws(Failure) {
      prepared.ends.append(try launch.plan.stdin.map(Self.inputFile) ?? null)
      tried = "cannot make a pipe for the output"
      for stream in launch.streams {
        let pipe = try System.pipe()
        prepared.outputs.append((stream, pipe.read))
        prepared.ends.append(try pipe.write.aboveStandard())
      }
      if prepared.ends.count == 2 { prepared.ends.append(prepared.ends[1]) }
      tried = "cannot make the cgroup \"\(cgroups?.path ?? "")/\(prepared.mark.cgroupName)\""
      prepared.cgroup = try cgroups?.make(prepared.mark)
      return prepared
    } catch {
      throw SpawnFailure(error: ProcessError(tried, error))
    }
  }

  /// - Parameter gate: what must have opened before the program runs.
  /// - Returns: false where nothing has begun: it did not open soon, or the attempt has been cancelled.
  private func start(
    _ launch: Launch, _ cancellation: Cancellation, _ prepared: Preparation, behind gate: FateGate?,
    _ listener: Listener
  ) throws(SpawnFailure) -> Bool {
    let (mark, cgroup) = (prepared.mark, prepared.cgroup)
    let spawner = free.withLock { $0.removeLast() }
    defer { free.withLock { $0.append(spawner) } }
    let count = outOfMemory.count(noOlderThan: Self.outOfMemorySampleAge)
    starts.begin(launch, spawner: spawner, cgroup: cgroup?.cgroup)
    // A cancel before this was looked for in vain; one after it is not.
    guard !cancellation.isRequested else {
      _ = starts.end(launch)
      listener.withdraws(launch.serial)
      return false
    }
    if launch.plan.timeout != nil { listener.begins(launch.serial) }
    do throws(SpawnFailure) {
      CrashPoint.spawning.pass()
      let child: (leader: ProcessEntry, descriptor: Descriptor, waited: ResourceUsage)?
      do throws(SpawnFailure) {
        child = try spawn(launch.plan, mark, prepared.ends, cgroup?.directory, behind: gate, spawner)
      } catch {
        // Nobody listens any more.
        if starts.end(launch) { return true }
        throw error
      }
      guard !starts.end(launch) else {
        child.map { Kernel.signal($0.descriptor.raw, SIGKILL) }
        cgroup?.cgroup.kill()
        return true
      }
      guard let child else {
        listener.withdraws(launch.serial)
        return false
      }
      CrashPoint.spawned.pass()
      launch.started(StartedProcess(pid: child.leader.pid, startTime: child.leader.startTime, bootID: bootID))
      listener.hand(
        SpawnedAttempt(
          launch: launch, cancellation: cancellation, leader: child.leader, descriptor: child.descriptor, mark: mark,
          cgroup: cgroup?.cgroup, waited: child.waited, outputs: prepared.outputs, outOfMemoryCount: count))
      return true
    } catch {
      _ = cgroup?.cgroup.remove()
      throw error
    }
  }

  /// Nil where the gate did not open soon.
  private func spawn(
    _ plan: AttemptPlan, _ mark: ProcessMark, _ ends: [Descriptor], _ cgroup: Descriptor?, behind gate: FateGate?,
    _ spawner: Int32
  ) throws(SpawnFailure) -> (leader: ProcessEntry, descriptor: Descriptor, waited: ResourceUsage)? {
    var environment = plan.env
    environment[ProcessMark.variable] = mark.value
    guard let program = plan.command.first, let directory = CStrings([plan.cwd]),
      let programs = CStrings(Self.candidates(program, path: plan.env["PATH"])), let arguments = CStrings(plan.command),
      let variables = CStrings(environment.map { "\($0)=\($1)" }), let score = CStrings([outOfMemoryScore ?? ""])
    else {
      throw SpawnFailure(
        error: ProcessError("cannot run a command that is empty or holds a NUL", errno: EINVAL, call: "execve"))
    }
    var request = unsafe jobq_spawn()
    unsafe request.programs = UnsafePointer(programs.pointers)
    unsafe request.arguments = UnsafePointer(arguments.pointers)
    unsafe request.environment = UnsafePointer(variables.pointers)
    unsafe request.directory = UnsafePointer(directory.pointers[0])
    unsafe request.umask = mode_t(plan.umask)
    unsafe request.descriptors = (ends[0].raw, ends[1].raw, ends[2].raw)
    unsafe request.cgroup = cgroup?.raw ?? -1
    unsafe request.try_clone3 = cgroups?.bearsChildren ?? true
    unsafe request.oom_score_adj = outOfMemoryScore == nil ? nil : UnsafePointer(score.pointers[0])
    unsafe request.open_files = rlim_t(openFiles ?? UInt64.max)
    unsafe request.gate = unsafe gate.map { unsafe UnsafePointer($0.word) }
    unsafe request.gate_patience_ns = UInt64(FatePace.longest / .nanoseconds(1))
    let result = unsafe jobq_spawn(spawner, &request)
    // What the request points to, and the descriptors, must last until here.
    withExtendedLifetime((ends, cgroup, gate)) {}
    extendLifetime(programs)
    extendLifetime(arguments)
    extendLifetime(variables)
    extendLifetime(directory)
    extendLifetime(score)
    guard result == 0 else {
      let errno = unsafe request.failed_errno
      switch unsafe request.failed_step {
      case jobq_step_exec:
        throw SpawnFailure(
          error: ProcessError("cannot run \"\(program)\"", errno: errno, call: "execve"), isNotFound: errno == ENOENT)
      case jobq_step_directory where plan.isCwdHome:
        var plan = plan
        (plan.cwd, plan.isCwdHome) = ("/", false)
        return try spawn(plan, mark, ends, cgroup, behind: gate, spawner)
      case jobq_step_gate: return nil
      case jobq_step_directory:
        throw SpawnFailure(error: ProcessError("cannot enter \"\(plan.cwd)\"", errno: errno, call: "chdir"))
      case let step:
        throw SpawnFailure(error: ProcessError("cannot start a process", errno: errno, call: Self.call(at: step)))
      }
    }
    let pid = unsafe request.pid
    leaders.withLock { _ = $0.insert(pid) }
    jobq_spawner_settle(spawner)
    let startTime =
      ProcessTable.startTime(after: unsafe request.started_after_ns, by: unsafe request.started_by_ns)
      ?? (try? ProcessTable.entry(pid))?.startTime ?? 0
    let leader = ProcessEntry(
      pid: pid, parent: getpid(), group: pid, session: pid, startTime: startTime, isZombie: false)
    return (leader, unsafe Descriptor(request.pidfd), unsafe ResourceUsage(request.waited))
  }

  private static func call(at step: jobq_step) -> String {
    switch step {
    case jobq_step_session: "setsid"
    case jobq_step_cgroup: "cgroup.procs"
    case jobq_step_oom_score: "oom_score_adj"
    case jobq_step_open_files: "setrlimit"
    case jobq_step_descriptors: "dup2"
    default: "clone"
    }
  }

  /// Where a program is looked for: as it is where it has a slash, else in each directory of the job's own PATH
  /// (an empty one is the
  /// working directory), by the rules of execvp(3).
  static func candidates(_ program: String, path: String?) -> [String] {
    if program.utf8.contains(UInt8(ascii: "/")) || program.isEmpty { return [program] }
    return (path ?? "/bin:/usr/bin").split(separator: ":", omittingEmptySubsequences: false).map {
      $0.isEmpty ? program : "\($0)/\(program)"
    }
  }

  /// A file in memory that holds the input, opened anew for reading: nobody has to write while the job reads.
  private static func inputFile(_ data: Data) throws(Failure) -> Descriptor {
    let file = Descriptor(try System.check("memfd_create") { unsafe jobq_memory_file("jobq-stdin") })
    try System.write(data, to: file)
    return try System.open("/proc/self/fd/\(file.raw)", O_RDONLY).aboveStandard()
  }
}
