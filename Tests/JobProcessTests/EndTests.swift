import Glibc
import JobModel
import Testing

@testable import JobProcess

@Suite("How a tree is ended", .serialized) struct EndTests {
  /// A tree that will not go: the leader, a child, and one that left the session by a double fork, all deaf to
  /// TERM. It says `ready`.
  static func stubborn(_ token: String) -> String {
    """
    trap '' TERM
    (setsid sh -c "trap '' TERM; (sleep \(token) &) ; echo up; exec sleep \(token)" &)
    read line <<X
    X
    sleep \(token) &
    sleep 0.1
    echo ready
    wait
    """
  }

  static func countProcesses(_ token: String) -> Int {
    Stage.processes.values.filter { entry in
      guard !entry.isZombie, let line = try? System.contents("/proc/\(entry.pid)/cmdline") else { return false }
      return line.split(separator: 0).contains { $0.elementsEqual(token.utf8) }
    }.count
  }

  @Test("A timeout ends a tree that is deaf to TERM, after its grace", arguments: Mode.available)
  func timeout(_ mode: Mode) async throws {
    try await Stage.with(mode) { stage in
      let token = "601.\(stage.store.hashValue.magnitude % 1_000_000)"
      let plan = stage.script(Self.stubborn(token)) {
        $0.timeout = .milliseconds(600)
        $0.killGrace = .milliseconds(200)
      }
      let clock = ContinuousClock()
      let start = clock.now
      let ending = await stage.run(plan)
      #expect((.milliseconds(800) ..< .seconds(60)).contains(clock.now - start))
      #expect(ending.outcome == .timedOut && ending.signal == Int(SIGKILL))
      #expect(ending.error == "not done within its timeout of 600ms")
      #expect(Self.countProcesses(token) == 0)
      try await stage.expectKept(plan, "up\nready\n")
    }
  }

  @Test("A command that ends itself under TERM is timed out all the same, with its own code", arguments: Mode.available)
  func politeTimeout(_ mode: Mode) async throws {
    try await Stage.with(mode) { stage in
      let plan = stage.plan(["perl", "-e", "$SIG{TERM} = sub { print 'bye'; exit 4 }; sleep 60"]) {
        $0.timeout = .milliseconds(1500)
        $0.killGrace = .seconds(20)
      }
      let ending = await stage.run(plan)
      #expect(ending.outcome == .timedOut && ending.exitCode == 4)
      try await stage.expectKept(plan, "bye")
    }
  }

  @Test("A cancellation ends the whole tree and is told when it is gone", arguments: Mode.available)
  func cancel(_ mode: Mode) async throws {
    try await Stage.with(mode) { stage in
      let token = "602.\(stage.store.hashValue.magnitude % 1_000_000)"
      let ending = await stage.cancel(stage.script(Self.stubborn(token)), afterOutput: 9)
      #expect(ending?.outcome == .cancelled && ending?.signal == Int(SIGKILL))
      #expect(Self.countProcesses(token) == 0)
    }
  }

  @Test("A stopped tree acts on TERM", arguments: Mode.available)
  func stopped(_ mode: Mode) async throws {
    try await Stage.with(mode) { stage in
      let plan = stage.script("trap 'exit 3' TERM; echo up; kill -STOP $$; sleep 60") { $0.killGrace = .seconds(20) }
      let ending = await stage.cancel(plan, afterOutput: 3)
      #expect(ending?.outcome == .cancelled && ending?.exitCode == 3)
    }
  }

  @Test("What a leader leaves behind ends with it, and the outcome stays the leader's", arguments: Mode.available)
  func escapees(_ mode: Mode) async throws {
    try await Stage.with(mode) {
      $0.leftoverGrace = .milliseconds(200)
    } _: { stage in
      let token = "603.\(stage.store.hashValue.magnitude % 1_000_000)"
      let plan = stage.script(
        "trap '' TERM; (setsid sh -c '(sleep \(token) &)' &); sleep \(token) & sleep 0.1; echo left; exit 6")
      let ending = await stage.run(plan)
      #expect(ending.outcome == .failed && ending.exitCode == 6)
      #expect(Self.countProcesses(token) == 0)
    }
  }

  @Test("What leaves session, parent and environment is found too", .enabled(if: Mode.available.contains(.cgroup)))
  func cleanEscapee() async throws {
    try await Stage.with(.cgroup) {
      $0.leftoverGrace = .milliseconds(100)
    } _: { stage in
      let token = "604.\(stage.store.hashValue.magnitude % 1_000_000)"
      let plan = stage.script("trap '' TERM; (setsid env -i sh -c '(exec env -i sleep \(token) &)' &); sleep 0.1")
      #expect(await stage.run(plan).outcome == .succeeded)
      #expect(Self.countProcesses(token) == 0)
    }
  }

  @Test("What a leader leaves has its grace to end by itself", arguments: Mode.available)
  func leftoverGrace(_ mode: Mode) async throws {
    try await Stage.with(mode) {
      $0.leftoverGrace = .seconds(600)
    } _: { stage in
      let plan = stage.plan([
        "perl", "-e",
        """
        pipe(R, W); if (!fork) { $SIG{TERM} = sub { print 'saved'; exit }; syswrite(W, 'x'); sleep 60 }
        sysread(R, $_, 1)
        """,
      ])
      let clock = ContinuousClock()
      let start = clock.now
      #expect(await stage.run(plan).outcome == .succeeded)
      #expect(clock.now - start < .seconds(300))
      try await stage.expectKept(plan, "saved")
    }
  }

  @Test("A limit of the grace reaches an attempt that is being ended", arguments: Mode.available)
  func limitGrace(_ mode: Mode) async throws {
    try await Stage.with(mode) { stage in
      let plan = stage.script("trap '' TERM; echo up; while :; do sleep 0.05; done") { $0.killGrace = .seconds(600) }
      let task = await stage.begin(plan)
      await stage.written(plan, 3)
      task.cancel()
      stage.runner.limitGrace(to: .milliseconds(100))
      #expect(await task.value?.outcome == .cancelled)
    }
  }

  @Test("Hundreds of hostile trees leave nothing", arguments: Mode.available)
  func hostile(_ mode: Mode) async throws {
    try await Stage.with(mode) {
      $0.leftoverGrace = .milliseconds(50)
    } _: { stage in
      await Self.runHostileTrees(
        on: stage, token: "605.\(stage.store.hashValue.magnitude % 1_000_000)", hardest: mode == .cgroup)
    }
  }

  /// How many: 200, or what `CASES` says.
  private static let hostileTrees = getenv("CASES").flatMap { Int(String(cString: $0)) } ?? 200

  /// - Parameter hardest: with those of which only a cgroup knows, or who adopts the orphans: what wipes its
  ///   environment in a session of its own, and what forks faster than /proc can be read.
  static func runHostileTrees(on stage: Stage, token: String, hardest: Bool) async {
    var scripts = [
      "trap '' TERM; sleep \(token) & sleep \(token) & exit 0",
      "trap '' TERM; (setsid sh -c '(sleep \(token) &) ; exec sleep \(token)' &) ; exit 0",
      "perl -e 'for (1..5) { if (!fork) { $SIG{TERM} = sub { fork }; setpgrp; exec q(sleep), q(\(token)) } } exit 0'",
      "trap '' TERM; (sh -c 'kill -STOP $$; sleep \(token)' &) ; exit 0",
      "exec >&- 2>&-; (setsid sleep \(token) </dev/null &) ; exit 0",
      "trap '' TERM HUP INT QUIT USR1; cd /tmp; (setsid sh -c 'cd /; exec 0<&- 1>&- 2>&-; exec sleep \(token)' &); exit 0",
    ]
    if hardest {
      scripts += [
        "trap '' TERM; (setsid env -i sh -c '(cd /; exec env -i sleep \(token) &)' &); exit 0",
        """
        perl -e '$0 = q(\(token)); exit 0 if fork; $SIG{TERM} = q(IGNORE); require POSIX; POSIX::setsid(); $end = time + 20; \
        while (time < $end) { exit if fork; select(undef, undef, undef, 0.004) }'
        """,
      ]
    }
    await withTaskGroup(of: Void.self) { group in
      for index in 0..<hostileTrees {
        if index >= 8 { await group.next() }
        let plan = stage.script(scripts[index % scripts.count])
        group.addTask { #expect(await stage.run(plan).outcome == .succeeded) }
      }
    }
    #expect(Self.countProcesses(token) == 0)
  }

  /// Without cgroups the list of this process's children is needed: `AdoptionTests`.
  @Test("A tree that forks without end is ended", .enabled(if: Mode.available.contains(.cgroup)))
  func forking() async throws {
    try await Stage.with(.cgroup) { stage in try await Self.endForkingTree(on: stage) }
  }

  static func endForkingTree(on stage: Stage) async throws {
    // Each lives for four milliseconds and is followed by another; all are deaf to TERM. After twenty seconds
    // they would stop.
    let plan = stage.plan([
      "perl", "-e",
      """
      $0 = '606.1'; $SIG{TERM} = 'IGNORE'; $| = 1; print "up\\n"; for (1..2) { last if !fork } $end = time + 20;
      while (time < $end) { exit if fork; select(undef, undef, undef, 0.004) }
      """,
    ])
    let leader = Box<pid_t>(0)
    let task = await stage.begin(plan, started: { leader.value = $0.pid })
    await stage.written(plan, 3)
    task.cancel()
    _ = await task.value
    // One look may miss what lives so short.
    for _ in 0..<10 { #expect(!Stage.processes.values.contains { $0.session == leader.value && !$0.isZombie }) }
  }

  @Test("Without cgroup.kill a tree ends all the same", .enabled(if: Mode.available.contains(.cgroup)))
  func oldKernel() async throws {
    try await Stage.with(.cgroup) { stage in
      let token = "607.\(stage.store.hashValue.magnitude % 1_000_000)"
      let plan = stage.script(Self.stubborn(token)) { $0.killGrace = .seconds(600) }
      let task = await stage.begin(plan)
      await stage.written(plan, 9)
      let parent = try System.openDirectory(stage.runner.containmentNote)
      let mark = ProcessMark(store: stage.store, key: AttemptKey(id: plan.id, attempt: 1))
      Cgroup(parent: parent, name: mark.cgroupName).killOneByOne()
      let ending = await task.value
      #expect(ending?.outcome == .signaled && ending?.signal == Int(SIGKILL))
      #expect(Self.countProcesses(token) == 0)
    }
  }

  @Test(
    "Cgroups that a job made inside its own go with it", .enabled(if: Mode.available.contains(.cgroup) && getuid() == 0)
  )
  func nestedCgroups() async throws {
    try await Stage.with(.cgroup) {
      $0.leftoverGrace = .milliseconds(100)
    } _: { stage in
      let token = "608.\(stage.store.hashValue.magnitude % 1_000_000)"
      let path = stage.runner.containmentNote
      let plan = stage.script(
        "cd \(path)/*/ && mkdir -p a/b c && (trap '' TERM; sleep \(token) & echo $! > a/b/cgroup.procs); echo $?")
      try await stage.expect(plan, writes: "0\n")
      #expect(Self.countProcesses(token) == 0)
    }
  }

  @Test(
    "What KILL does not end is reported once; a stop lets it go", .enabled(if: FrozenGroup.isPossible),
    arguments: Mode.available)
  func unkillable(_ mode: Mode) async throws {
    let stage = try Stage(mode) {
      $0.unkillableAfter = .milliseconds(200)
      $0.abandonAfter = .milliseconds(200)
    }
    let frozen = try FrozenGroup(name: stage.store)
    let plan = stage.script("echo $$ > \(frozen.path)/cgroup.procs; echo up; sleep 600") {
      $0.killGrace = .milliseconds(50)
    }
    let reports = Box(0)
    let leader = Box<pid_t>(0)
    let (told, post) = AsyncStream.makeStream(of: Void.self)
    let task = await stage.begin(
      plan,
      unkillable: {
        reports.value += 1
        post.yield()
      }, started: { leader.value = $0.pid })
    await stage.written(plan, 3)
    try frozen.freeze()
    task.cancel()
    for await _ in told { break }
    #expect(reports.value == 1)
    stage.runner.abandonUnkillable()
    #expect(await task.value == nil)
    #expect(reports.value == 1)
    // The next daemon cannot end it either, until it can be.
    let next = try Stage.next(after: stage) { $0.abandonAfter = .milliseconds(200) }
    #expect(await next.endLeftovers([]) == [plan.id])
    let left = LeftoverProcess(id: plan.id, attempt: 1, pid: nil, startTime: nil, bootID: nil)
    #expect(await next.remaining(of: [left]) == [plan.id])
    try frozen.thaw()
    #expect(await next.endLeftovers([]).isEmpty)
    #expect(await next.remaining(of: [left]).isEmpty)
    #expect(stage.living.isEmpty)
    await next.shutdown()
    await stage.close()
    frozen.remove()
    // Init would take what a daemon has let go of. Here the library of tests waits for any child, and sees none of its own
    // behind one that stays.
    #expect(waitpid(leader.value, nil, 0) == leader.value)
  }
}

/// A cgroup v1 freezer: what is frozen in it does not die of KILL.
struct FrozenGroup {
  static let root = "/sys/fs/cgroup/freezer"
  static var isPossible: Bool { getuid() == 0 && System.exists("\(root)/cgroup.procs") }

  let path: String

  init(name: String) throws {
    path = "\(Self.root)/\(name)"
    try System.makeDirectory(path, mode: 0o755)
  }

  func freeze() throws { try System.write("FROZEN", to: "\(path)/freezer.state") }
  func thaw() throws { try System.write("THAWED", to: "\(path)/freezer.state") }
  func remove() { rmdir(path) }
}

extension Stage {
  /// A runner of the same store, as after a daemon's death.
  static func next(
    after stage: Stage, configure: (inout ProcessRunner.Options) -> Void = { _ in }
  ) throws -> ProcessRunner {
    var options = ProcessRunner.Options(storeIdentity: stage.store, logs: stage.runner.logs)
    options.preference = stage.runner.containment == .cgroup ? .automatic : .session
    options.reapsOrphans = false
    options.leftoverGrace = .milliseconds(200)
    configure(&options)
    return try ProcessRunner(options)
  }
}
