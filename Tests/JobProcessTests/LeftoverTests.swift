import FoundationEssentials
import Glibc
import JobModel
import Testing

@testable import JobProcess

@Suite("What a dead daemon leaves", .serialized) struct LeftoverTests {
  /// A process that this test starts itself, outside of any runner: a child with this environment.
  final class Stray: Sendable {
    let pid: pid_t

    init(_ command: [String], _ environment: [String: String]) throws {
      pid = try Stray.spawn(command, environment)
    }

    deinit {
      kill(pid, SIGKILL)
      waitpid(pid, nil, 0)
    }

    private static func spawn(_ command: [String], _ environment: [String: String]) throws -> pid_t {
      guard let arguments = CStrings(command), let variables = CStrings(environment.map { "\($0)=\($1)" }) else {
        throw Failure(errno: EINVAL, call: "posix_spawn")
      }
      // Threads of the cooperative pool block signals, and a child would inherit that.
      var attributes = posix_spawnattr_t()
      posix_spawnattr_init(&attributes)
      defer { posix_spawnattr_destroy(&attributes) }
      var none = sigset_t()
      sigemptyset(&none)
      posix_spawnattr_setsigmask(&attributes, &none)
      posix_spawnattr_setflags(&attributes, Int16(POSIX_SPAWN_SETSIGMASK))
      var pid: pid_t = 0
      let error = posix_spawn(&pid, command[0], nil, &attributes, arguments.pointers, variables.pointers)
      extendLifetime(arguments)
      extendLifetime(variables)
      if error != 0 { throw Failure(errno: error, call: "posix_spawn") }
      return pid
    }

    /// How it ended; nil if it lives.
    var end: Int32? {
      var status: Int32 = 0
      return waitpid(pid, &status, WNOHANG) == pid ? status : nil
    }
  }

  @Test("What a daemon left is found by its mark or its cgroup, and ended in its whole", arguments: Mode.available)
  func marked(_ mode: Mode) async throws {
    let stage = try Stage(mode)
    let token = "611.\(stage.store.hashValue.magnitude % 1_000_000)"
    // The runner is told nothing of its death, but the next one takes it for dead: it is another object.
    let plans = (0..<5).map { _ in stage.script(EndTests.stubborn(token)) { $0.killGrace = .seconds(600) } }
    var tasks: [Task<AttemptEnding?, Never>] = []
    for plan in plans {
      tasks.append(await stage.begin(plan))
      await stage.written(plan, 9)
    }
    let next = try Stage.next(after: stage)
    // Nothing is known of them: the daemon died between the claim and the spawn's note.
    #expect(await next.endLeftovers([]).isEmpty)
    #expect(EndTests.countProcesses(token) == 0 && stage.living.isEmpty)
    for task in tasks { #expect(await task.value?.signal == Int(SIGKILL)) }
    await stage.close()
    await next.shutdown()
  }

  @Test(
    "A hook is no attempt of its job: it has a log and a mark of its own, and a dead daemon's is ended",
    arguments: Mode.available)
  func hooks(_ mode: Mode) async throws {
    let stage = try Stage(mode)
    let token = "614.\(stage.store.hashValue.magnitude % 1_000_000)"
    let job = stage.script("echo job")
    var hook = job
    hook.kind = .hook
    hook.command = ["sh", "-c", "cat; exec sleep \(token)"]
    hook.stdin = Data("told\n".utf8)
    hook.killGrace = .seconds(600)
    let hung = await stage.begin(hook)
    try await stage.expect(job, writes: "job\n")
    let log = stage.runner.logs.reader(hook: hook.attempt, of: hook.id)
    while await log.length < 5 { try await Task.sleep(for: .milliseconds(5)) }
    #expect(String(decoding: try await log.read(from: 0, max: 99).bytes, as: UTF8.self) == "told\n")
    let next = try Stage.next(after: stage)
    #expect(await next.endLeftovers([]).isEmpty)
    #expect(await hung.value?.signal == Int(SIGTERM))
    #expect(EndTests.countProcesses(token) == 0 && stage.living.isEmpty)
    await stage.close()
    await next.shutdown()
  }

  @Test("TERM comes first, and whoever acts on it within the grace is left to")
  func polite() async throws {
    let stage = try Stage(.session)
    let plan = stage.plan(["perl", "-e", "$SIG{TERM} = sub { print 'bye'; exit 4 }; syswrite(STDOUT, 'up'); sleep 60"])
    let task = await stage.begin(plan)
    await stage.written(plan, 2)
    let next = try Stage.next(after: stage) { $0.leftoverGrace = .seconds(20) }
    #expect(await next.endLeftovers([]).isEmpty)
    #expect(await task.value?.exitCode == 4)
    try await stage.expectKept(plan, "upbye")
    await stage.close()
    await next.shutdown()
  }

  @Test(
    "A leader without a mark is known by pid, start time and boot id; with another of them it is not touched"
  )
  func identity() async throws {
    let stage = try Stage(.session)
    let stray = try Stray(["/bin/sleep", "612"], [:])
    let entry = try #require(try ProcessTable.entry(stray.pid))
    let bootID = try ProcessTable.bootID()
    func leftover(_ startTime: UInt64?, _ bootID: String?) -> LeftoverProcess {
      LeftoverProcess(id: JobID(1), attempt: 1, pid: stray.pid, startTime: startTime, bootID: bootID)
    }
    // A number that was recycled: the same pid, another start; or another boot; or nothing else known.
    for wrong in [
      leftover(entry.startTime - 1, bootID), leftover(entry.startTime, "another"), leftover(nil, bootID),
      leftover(entry.startTime, nil), leftover(nil, nil),
    ] {
      #expect(await stage.runner.endLeftovers([wrong]).isEmpty)
      #expect(stray.end == nil)
    }
    #expect(await stage.runner.endLeftovers([leftover(entry.startTime, bootID)]).isEmpty)
    #expect(stray.end == SIGTERM)
    await stage.close()
  }

  @Test("Another store's processes, and those of attempts under way, are left alone", arguments: Mode.available)
  func others(_ mode: Mode) async throws {
    try await Stage.with(mode) { stage in
      let other = UUID().uuidString.lowercased()
      let strays = try ["\(other)/1/1", stage.store, "\(stage.store)/1", "x\(stage.store)/1/1"].map {
        try Stray(["/bin/sleep", "613"], ["JOBQ_MARK": $0])
      }
      let plan = stage.script("echo up; sleep 613")
      let task = await stage.begin(plan)
      await stage.written(plan, 3)
      #expect(await stage.runner.endLeftovers([]).isEmpty)
      for stray in strays { #expect(stray.end == nil) }
      task.cancel()
      #expect(await task.value?.outcome == .cancelled)
    }
  }

  @Test("A thousand leftovers of which nothing lives cost one look at the processes")
  func many() async throws {
    try await Stage.with(.session) { stage in
      let leftovers = (1...1000).map {
        LeftoverProcess(id: JobID(Int64($0)), attempt: 1, pid: pid_t(40_000 + $0), startTime: 1, bootID: "gone")
      }
      let clock = ContinuousClock()
      func time(_ leftovers: [LeftoverProcess]) async -> Duration {
        await clock.measure { #expect(await stage.runner.endLeftovers(leftovers).isEmpty) }
      }
      let before = await time([])
      let took = await time(leftovers)
      let after = await time([])
      print("a thousand leftovers: \(took), none: \(before), \(after)")
      // However busy the machine is; a look for each of them would take a thousand times as long.
      #expect(took < max(before, after, .milliseconds(10)) * 50)
    }
  }

  @Test("Cgroups that a dead daemon left empty are removed", .enabled(if: Mode.available.contains(.cgroup)))
  func emptyCgroups() async throws {
    try await Stage.with(.cgroup) { stage in
      let path = stage.runner.containmentNote
      let mine = "\(path)/\(stage.store).77.1"
      try make(directory: "\(mine)/inner")
      try make(directory: "\(path)/unrelated")
      #expect(await stage.runner.endLeftovers([]).isEmpty)
      #expect(!System.exists(mine) && System.exists("\(path)/unrelated"))
      rmdir("\(path)/unrelated")
    }
  }
}
