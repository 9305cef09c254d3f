import CJobProcess
import Glibc
import JobModel
import Synchronization

/// The reactor's thread: it sleeps in epoll_wait(2) until a process ends, output comes, a deadline passes or a
/// command is given.
/// Nothing in here is touched by another thread. It waits for nothing else, but for the disk under the logs where that is
/// slow to take a write, and for a child that could not be watched (`unwatchable`).
final class ReactorLoop {
  /// What a descriptor is watched for. With the attempt's serial it is its number in the queue.
  enum Watched: UInt64 {
    case command, timer, childDeath
    case leader, output, secondOutput, cgroup, member
  }

  let parts: ReactorParts
  let queue: EventQueue
  private let timer: Descriptor
  let null: Descriptor
  let shelf: LogShelf

  var attempts: [UInt64: RunningAttempt] = [:]
  var beginnings: [UInt64: Beginning] = [:]
  var timers = TimerQueue<Timer>()
  enum Timer: Hashable {
    /// The one of its machine.
    case attempt(UInt64)
    /// Another look at its tree.
    case check(UInt64)
  }
  private var armedDeadline: UInt64?
  var orphans = OrphanKeeper()
  private var ownPeak = OwnPeak()
  /// Attempts whose tree is to be looked for at the end of this turn: one look serves them all.
  var toCheck: [RunningAttempt] = []
  var hasChildDeaths = false
  /// Cgroups without a process that could not be removed yet.
  var cgroupsToRemove: [Cgroup] = []
  var graceLimit: TimeSpan?
  private(set) var isStopping = false
  private var stopped: (@Sendable () -> Void)?

  init(_ parts: ReactorParts) throws(Failure) {
    self.parts = parts
    queue = try EventQueue()
    timer = Descriptor(
      try System.check("timerfd_create") {
        timerfd_create(CLOCK_MONOTONIC, Int32(TFD_CLOEXEC | TFD_NONBLOCK))
      })
    null = try System.open("/dev/null", O_WRONLY)
    shelf = LogShelf(path: parts.options.logs.path)
    try watch(parts.reactor.wake, .command)
    try watch(timer, .timer)
    if parts.adoptsOrphans { try watch(parts.childDeaths, .childDeath) }
  }

  func run() {
    while stopped == nil {
      queue.wait(handle)
      checkTrees()
      setTimer()
    }
    for cgroup in cgroupsToRemove { cgroup.removeAll() }
    stopped?()
  }

  // MARK: What is watched

  func watch(
    _ descriptor: Descriptor, _ what: Watched, of serial: UInt64 = 0, _ interest: EventQueue.Interest = .readable
  ) throws(Failure) {
    try queue.add(descriptor, interest, number: serial << 8 | what.rawValue)
  }

  private func handle(_ number: UInt64) {
    // Only numbers that `watch` made come back.
    guard let what = Watched(rawValue: number & 0xFF) else { return }
    switch what {
    case .command:
      System.take(from: parts.reactor.wake)
      for command in parts.reactor.take() { perform(command) }
    case .timer:
      System.take(from: timer)
      armedDeadline = nil
      for timer in timers.due(at: System.monotonicNow()) {
        switch timer {
        case .attempt(let serial):
          if let attempt = attempts[serial] { deadlinePassed(attempt) } else { feed(beginning: serial, .timer) }
        case .check(let serial): attempts[serial].map(check)
        }
      }
    case .childDeath:
      System.take(from: parts.childDeaths)
      hasChildDeaths = true
    default:
      // An attempt may have ended earlier in this turn.
      guard let attempt = attempts[number >> 8] else { return }
      switch what {
      case .leader: leaderEnded(attempt)
      case .output: copyOutput(attempt, 0)
      case .secondOutput: copyOutput(attempt, 1)
      case .cgroup: check(attempt)
      default: memberEnded(attempt)
      }
    }
  }

  private func perform(_ command: Reactor.Command) {
    switch command {
    case .begins(let serial): begins(serial)
    case .withdraws(let serial): forget(beginning: serial)
    case .adopt(let spawned): adopt(spawned)
    case .cancel(let serial):
      if let attempt = attempts[serial] { cancel(attempt) } else { feed(beginning: serial, .cancel) }
    case .swept(let serial, let number, let sweep):
      if let attempt = attempts[serial], attempt.sweep == number { swept(attempt, sweep) }
    case .limitGrace(let span):
      graceLimit = min(span, graceLimit ?? span)
      for attempt in attempts.values { feed(attempt, .limitGrace(span)) }
      for serial in Array(beginnings.keys) { feed(beginning: serial, .limitGrace(span)) }
    case .abandonUnkillable:
      isStopping = true
      for attempt in attempts.values { feed(attempt, .stopping) }
      for serial in Array(beginnings.keys) { feed(beginning: serial, .stopping) }
    case .stop(let done): stopped = done
    }
  }

  private func setTimer() {
    let next = timers.next()
    guard next != armedDeadline else { return }
    armedDeadline = next
    var setting = itimerspec()
    if let next {
      // A deadline of 0 would disarm it.
      let deadline = max(next, 1)
      setting.it_value = timespec(tv_sec: Int(deadline / 1_000_000_000), tv_nsec: Int(deadline % 1_000_000_000))
    }
    unsafe timerfd_settime(timer.raw, Int32(TFD_TIMER_ABSTIME), &setting, nil)
  }

  // MARK: An attempt's life

  private func adopt(_ spawned: SpawnedAttempt) {
    // It may have been told something before.
    let known = beginnings.removeValue(forKey: spawned.launch.serial)?.machine
    if known?.isOver == true { return letGo(spawned) }
    let attempt = RunningAttempt(spawned, machine: known ?? newMachine(for: spawned.launch), shelf: shelf)
    attempts[attempt.serial] = attempt
    do throws(Failure) {
      try watch(spawned.descriptor, .leader, of: attempt.serial, .readableOnce)
      for (index, output) in spawned.outputs.enumerated() {
        try watch(output.pipe, index == 0 ? .output : .secondOutput, of: attempt.serial)
      }
    } catch {
      // The kernel has no memory, or the user's limit of watches is reached: a tree that cannot be watched
      // must not run.
      Kernel.signal(spawned.descriptor.raw, SIGKILL)
      unwatchable(attempt, error)
      return
    }
    if let known {
      // What was sent reached the child alone. (All of a cgroup has it.)
      if spawned.cgroup == nil, known.hasKilled || known.isTerminating {
        end(attempt, known.hasKilled ? .kill : .terminate)
      }
    } else {
      feed(attempt, .started)
      if let graceLimit { feed(attempt, .limitGrace(graceLimit)) }
      if isStopping { feed(attempt, .stopping) }
    }
    if spawned.cancellation.isRequested { cancel(attempt) }
  }

  /// The one wait of this thread: for a child that was given KILL in its first moment.
  private func unwatchable(_ attempt: RunningAttempt, _ failure: Failure) {
    attempt.spawned.cgroup?.kill()
    var entry = pollfd(fd: attempt.spawned.descriptor.raw, events: Int16(POLLIN), revents: 0)
    unsafe poll(&entry, 1, 1000)
    let error = ProcessError("cannot watch a process", failure)
    finish(attempt, AttemptEnding(.spawnFailed, exitCode: 126, error: error.message, errno: error.errno))
  }

  private func cancel(_ attempt: RunningAttempt) {
    // Where the leader has ended and this thread has not heard of it, its own ending counts.
    leaderEnded(attempt)
    feed(attempt, .cancel)
  }

  private func deadlinePassed(_ attempt: RunningAttempt) {
    leaderEnded(attempt)
    feed(attempt, .timer)
  }

  private func leaderEnded(_ attempt: RunningAttempt) {
    guard attempt.usage == nil, case (var end, let whole)? = Kernel.end(of: attempt.spawned.descriptor) else { return }
    var usage = whole.since(attempt.spawned.waited)
    usage.maxRSSBytes = usage.maxRSSBytes.flatMap { ownPeak.withoutOwn($0) }
    attempt.usage = usage
    if end.way == .killed(signal: Int(SIGKILL)), !attempt.machine.hasKilled {
      end.forWantOfMemory =
        attempt.spawned.cgroup?.hasRunOutOfMemory()
        ?? (parts.outOfMemory.count() > attempt.spawned.outOfMemoryCount)
    }
    feed(attempt, .leaderEnded(end))
  }

  func feed(_ attempt: RunningAttempt, _ event: AttemptMachine.Event) {
    for action in attempt.machine.handle(event) {
      switch action {
      case .arm(let span): timers.arm(.attempt(attempt.serial), at: Self.deadline(span))
      case .hasten(let span): hasten(attempt.serial, to: span)
      case .disarm: timers.disarm(.attempt(attempt.serial))
      case .check: check(attempt)
      case .terminate: end(attempt, .terminate)
      case .kill: end(attempt, .kill)
      case .reportUnkillable: attempt.launch.unkillable()
      case .finish(let ending): finish(attempt, ending)
      case .abandon: forget(attempt, nil)
      }
    }
  }

  func hasten(_ serial: UInt64, to span: TimeSpan) {
    let deadline = Self.deadline(span)
    if let armed = timers.deadline(of: .attempt(serial)), armed > deadline {
      timers.arm(.attempt(serial), at: deadline)
    }
  }

  static func deadline(_ span: TimeSpan) -> UInt64 {
    System.monotonicNow() + UInt64(max(span.milliseconds, 0)) * 1_000_000
  }

  // MARK: The end

  private func finish(_ attempt: RunningAttempt, _ ending: AttemptEnding) {
    drain(attempt)
    if let cgroup = attempt.spawned.cgroup, !attempt.hasRemovedCgroup { cgroupsToRemove.append(cgroup) }
    cgroupsToRemove.removeAll { $0.remove() }
    // Only now may its number, which is its session's too, be given to another process.
    Kernel.reap(attempt.spawned.descriptor)
    parts.spawner.leaders.withLock { _ = $0.remove(attempt.spawned.leader.pid) }
    orphans.forget(attempt.serial)
    forget(attempt, attempt.completed(ending))
  }

  private func forget(_ attempt: RunningAttempt, _ ending: AttemptEnding?) {
    timers.disarm(.attempt(attempt.serial))
    timers.disarm(.check(attempt.serial))
    attempts[attempt.serial] = nil
    for index in attempt.outputs.indices { close(attempt, index) }
    if let events = attempt.cgroupEvents { queue.remove(events) }
    parts.board.close(attempt.launch.key)
    attempt.launch.end(ending)
  }
}
