import CJobProcess
import FoundationEssentials
import Glibc
import JobModel
import SeededRandom
import Testing

@testable import JobProcess

@Suite("A process that is all but its program", .serialized) struct GateTests {
  /// What a child behind the gate has come to: the step, how long it took, and what was written into its output.
  private func spawn(patience: Duration, _ open: (UnsafeMutablePointer<UInt32>, Descriptor) -> Void) throws
    -> (step: jobq_step, took: Duration, waited: rusage, output: String)
  {
    let pipe = try System.pipe()
    let end = try pipe.write.aboveStandard()
    let null = try System.open("/dev/null", O_RDONLY).aboveStandard()
    let spawner = try System.check("spawner") { jobq_spawner_open() }
    defer { jobq_spawner_close(spawner) }
    let word = UnsafeMutablePointer<UInt32>.allocate(capacity: 1)
    defer { word.deallocate() }
    word.initialize(to: 0)
    let programs = CStrings(["/bin/echo"])!
    let arguments = CStrings(["echo", "run"])!
    let environment = CStrings([])!
    let directory = CStrings(["/"])!
    var request = jobq_spawn()
    request.programs = UnsafePointer(programs.pointers)
    request.arguments = UnsafePointer(arguments.pointers)
    request.environment = UnsafePointer(environment.pointers)
    request.directory = UnsafePointer(directory.pointers[0])
    request.descriptors = (null.raw, end.raw, end.raw)
    request.cgroup = -1
    request.try_clone3 = true
    request.open_files = rlim_t(UInt64.max)
    request.gate = UnsafePointer(word)
    request.gate_patience_ns = UInt64(patience / .nanoseconds(1))
    open(word, end)
    let began = ContinuousClock.now
    let result = unsafe jobq_spawn(spawner, &request)
    let took = ContinuousClock.now - began
    extendLifetime(programs)
    extendLifetime(arguments)
    extendLifetime(environment)
    extendLifetime(directory)
    withExtendedLifetime((null, end)) {}
    #expect((result == 0) == (request.failed_step == jobq_step_none))
    if result == 0 {
      var entry = pollfd(fd: request.pidfd, events: Int16(POLLIN), revents: 0)
      #expect(poll(&entry, 1, 10_000) == 1)
      let child = Descriptor(request.pidfd)
      Kernel.reap(child)
      jobq_spawner_settle(spawner)
    } else {
      #expect(kill(request.pid, 0) != 0 && errno == ESRCH, "it is gone, and reaped")
    }
    // What the child had is closed; so is this end after it.
    let text = (try? System.read(pipe.read, max: 100)) ?? []
    return (request.failed_step, took, request.waited, String(decoding: text, as: UTF8.self))
  }

  @Test("It runs its program once the gate opens")
  func opens() throws {
    let ready = try spawn(patience: .seconds(10)) { word, _ in jobq_gate_open(word) }
    #expect(ready.step == jobq_step_none && ready.output == "run\n")

    let late = try spawn(patience: .seconds(10)) { word, end in
      nonisolated(unsafe) let word = word
      try? startThread("opener") {
        usleep(50_000)
        try? System.write("open\n".utf8, to: end)
        jobq_gate_open(word)
      }
    }
    #expect(late.step == jobq_step_none && late.output == "open\nrun\n")
    // What it waited is not the program's.
    let waited = ResourceUsage(late.waited)
    #expect(waited.userSeconds + waited.systemSeconds > 0)
    var whole = late.waited
    whole.ru_utime.tv_sec += 2
    let own = ResourceUsage(whole).since(waited)
    #expect(abs(own.userSeconds - 2) < 0.001 && own.systemSeconds == 0)
    #expect(waited.since(ResourceUsage(whole)).userSeconds == 0)
  }

  @Test("Where it does not open the process goes away, and its program never ran")
  func shut() throws {
    let patience = Duration.milliseconds(30)
    let shut = try spawn(patience: patience) { _, end in try? System.write("nothing\n".utf8, to: end) }
    #expect(shut.step == jobq_step_gate && shut.took >= patience && shut.output == "nothing\n")
  }

  @Test("One that is killed while it looks has not begun")
  func killed() throws {
    let killed = try spawn(patience: .seconds(10)) { _, _ in
      // This thread's children: "PID/task/TID".
      let link = (try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/thread-self")) ?? ""
      let list = "/proc/\(link)/children"
      try? startThread("killer") {
        // It sleeps in the kernel until the one that it makes is gone.
        while true {
          let text = String(decoding: (try? System.contents(list)) ?? [], as: UTF8.self)
          guard let pid = text.split(separator: " ").last.flatMap({ pid_t($0) }) else { continue }
          kill(pid, SIGKILL)
          return
        }
      }
    }
    #expect(killed.step == jobq_step_gate && killed.output == "")
  }

  @Test("However soon the disk answers, an attempt runs once, and not before", arguments: Mode.available)
  func anyTime(_ mode: Mode) async throws {
    let seed = testSeed()
    var random = SplitMix(seed: seed)
    try await Stage.with(mode) { stage in
      for round in 0..<60 {
        let plan = stage.script("echo run")
        let fate = CommitFate()
        let isSafe = Int.random(in: 0..<5, using: &random) > 0
        let pause = UInt32.random(in: 0...3000, using: &random)
        let order = Box<[String]>([])
        let task = Task {
          await stage.runner.run(
            plan, after: fate, started: { _ in order.value += ["started"] }, unkillable: {})
        }
        await stage.runner.waitForBegin(plan.id, attempt: 1)
        try startThread("disk") {
          usleep(pause)
          order.value += ["decided"]
          fate.decide(isSafe)
        }
        let ending = await task.value
        let seen = "JOBQ_TEST_SEED=\(seed), round \(round), after \(pause) us"
        #expect(ending?.outcome == (isSafe ? .succeeded : nil), "\(seen)")
        #expect(order.value == (isSafe ? ["decided", "started"] : ["decided"]), "\(seen)")
        let written = try await stage.output(plan)
        #expect(written == (isSafe ? "run\n" : ""), "\(seen)")
      }
    }
  }

  @Test("The time that the disk takes is not the attempt's", arguments: Mode.available)
  func slowDisk(_ mode: Mode) async throws {
    try await Stage.with(mode) { stage in
      let plan = stage.script("echo run") {
        $0.timeout = .milliseconds(100)
        $0.killGrace = .milliseconds(50)
      }
      let fate = CommitFate()
      let task = Task { await stage.runner.run(plan, after: fate, started: { _ in }, unkillable: {}) }
      await stage.runner.waitForBegin(plan.id, attempt: 1)
      try startThread("disk") {
        usleep(400_000)
        fate.decide(true)
      }
      let ending = await task.value
      #expect(ending?.outcome == .succeeded)
      // And its own still counts.
      let late = stage.script("sleep 600") { $0.timeout = .milliseconds(100) }
      let soon = CommitFate()
      soon.decide(true)
      #expect(
        await stage.runner.run(late, after: soon, started: { _ in }, unkillable: {})?.outcome == .timedOut)
    }
  }

  @Test("When it started is what /proc says, though that is seldom asked", arguments: Mode.available)
  func startTime(_ mode: Mode) async throws {
    let tick = UInt64(1_000_000_000 / sysconf(Int32(_SC_CLK_TCK)))
    #expect(ProcessTable.startTime(after: 7 * tick, by: 8 * tick - 1) == 7)
    #expect(ProcessTable.startTime(after: 8 * tick - 1, by: 8 * tick) == nil)
    try await Stage.with(mode) { stage in
      for _ in 0..<40 {
        let plan = stage.plan(["cat", "/proc/self/stat"])
        let told = Box<StartedProcess?>(nil)
        let task = await stage.begin(plan, started: { told.value = $0 })
        #expect(await task.value?.outcome == .succeeded)
        let process = try #require(told.value)
        let entry = ProcessTable.parse(try await stage.bytes(plan), pid: process.pid)
        #expect(entry?.startTime == process.startTime)
        #expect(entry?.session == process.pid && entry?.group == process.pid && entry?.parent == getpid())
      }
    }
  }
}
