import CJobProcess
import Glibc
import JobModel
import Testing

@testable import JobProcess

@Suite("Many attempts", .serialized) struct LoadTests {
  @Test("A hundred at once end as they should, each with its own output", arguments: Mode.available)
  func hundred(_ mode: Mode) async throws {
    try await Stage.with(mode) { stage in
      try await withThrowingTaskGroup(of: Void.self) { group in
        for number in 0..<100 {
          let plan = stage.script("read x; echo $x; echo e >&2; exit $x") {
            $0.stdin = .init("\(number)\n".utf8)
            $0.splitOutput = number % 2 == 0
          }
          group.addTask {
            let ending = await stage.run(plan)
            #expect(ending.exitCode == number)
            let text = try await stage.output(plan, plan.splitOutput ? .stdout : .combined)
            #expect(text == (plan.splitOutput ? "\(number)\n" : "\(number)\ne\n"))
          }
        }
        try await group.waitForAll()
      }
    }
  }

  @Test(
    "After five hundred runs, failures, timeouts and leftovers among them, no descriptor is left, with cgroups",
    .enabled(if: Mode.available.contains(.cgroup)))
  func descriptorsInCgroups() async {
    await #expect(processExitsWith: .success) { try await LoadTests.countDescriptors(.cgroup) }
  }

  @Test("After five hundred runs, failures, timeouts and leftovers among them, no descriptor is left, in sessions")
  func descriptorsInSessions() async {
    await #expect(processExitsWith: .success) { try await LoadTests.countDescriptors(.session) }
  }

  /// In a process of its own, where nobody else opens anything.
  private static func countDescriptors(_ mode: Mode) async throws {
    try await Stage.with(mode) {
      $0.leftoverGrace = .milliseconds(1)
      $0.reapsOrphans = true
    } _: { stage in
      func run(_ count: Int) async {
        await withTaskGroup(of: Void.self) { group in
          for number in 0..<count {
            if number >= 8 { await group.next() }
            let plan =
              switch number % 10 {
              case 0: stage.plan(["no-such-program"])
              case 1: stage.plan(["true"]) { $0.cwd = "/no/such/place" }
              case 2: stage.script("sleep 614 & exit 0")
              case 3: stage.script("sleep 614") { $0.timeout = .milliseconds(1) }
              case 4: stage.script("echo a; echo b >&2") { $0.splitOutput = true }
              case 5: stage.plan(["cat"]) { $0.stdin = .init("x".utf8) }
              default: stage.plan(["echo", "x"])
              }
            group.addTask { _ = await stage.run(plan) }
          }
        }
      }
      await run(20)
      let before = try countEntries("/proc/self/fd")
      await run(500)
      // Of each kind of attempt there were fifty: what one of them kept would show.
      let after = try await settled("/proc/self/fd", atMost: before + 8)
      #expect(after <= before + 8)
      let children = try ProcessTable.children().map { String(describing: try ProcessTable.entry($0)) }
      #expect(children.isEmpty, "not reaped: \(children)")
    }
  }

  @Test("While jobs only sleep, whether or not they have closed their output, nothing runs here")
  func idle() async {
    await #expect(processExitsWith: .success) {
      try await Stage.with(Mode.available[0]) { stage in
        let plans = ["exec >&- 2>&-; sleep 0.6", "sleep 0.6", "exec >&-; sleep 0.6"].map { script in
          stage.script(script) { $0.splitOutput = script.hasSuffix("6") }
        }
        for plan in plans { #expect(await stage.run(plan).outcome == .succeeded) }
        // What it costs to start and end nine of them is in this too.
        let before = processorTime()
        await withTaskGroup(of: Void.self) { group in
          for plan in plans + plans + plans { group.addTask { _ = await stage.run(plan) } }
        }
        #expect(processorTime() - before < .milliseconds(150))

        // A child between clone and exec has copies of all descriptors for a moment; here it is a long one.
        let closing = stage.script("sleep 0.1; exec >&- 2>&-; sleep 0.6")
        let task = await stage.begin(closing)
        let copies = try System.names(in: System.openDirectory("/proc/self/fd")).compactMap { name in
          Int32(name).map { fcntl($0, F_DUPFD_CLOEXEC, 100) }
        }
        let start = processorTime()
        #expect(await task.value?.outcome == .succeeded)
        #expect(processorTime() - start < .milliseconds(150))
        for copy in copies { close(copy) }
      }
    }
  }

  @Test("A runner that is shut down has closed what it opened and ended its threads")
  func shutdown() async {
    await #expect(processExitsWith: .success) {
      // The first brings up the threads of the pool and what the libraries keep.
      try await LoadTests.useOnce()
      let descriptors = try countEntries("/proc/self/fd")
      let threads = try countEntries("/proc/self/task")
      for _ in 0..<20 { try await LoadTests.useOnce() }
      let threadsLeft = try await settled("/proc/self/task", atMost: threads + 2)
      let descriptorsLeft = try await settled("/proc/self/fd", atMost: descriptors)
      #expect(threadsLeft <= threads + 2 && descriptorsLeft <= descriptors)
    }
  }

  private static func useOnce() async throws {
    try await Stage.with(Mode.available[0]) { stage in
      #expect(await stage.run(stage.plan(["true"])).outcome == .succeeded)
    }
  }

  @Test(
    "A leader that the kernel ended for want of memory is told as such", .enabled(if: MemoryLimit.isPossible),
    arguments: Mode.available)
  func outOfMemory(_ mode: Mode) async throws {
    try await Stage.with(mode) { stage in
      let limit = try MemoryLimit(name: stage.store, bytes: 24 << 20)
      let greedy = "echo $$ > \(limit.path)/cgroup.procs; exec perl -e '$x = q(a) x (200 << 20)'"
      let ending = await stage.run(stage.script(greedy))
      #expect(ending.outcome == .oomKilled && ending.signal == Int(SIGKILL))
      rmdir(limit.path)
    }
  }
}

/// What this process has used of the processors.
private func processorTime() -> Duration {
  var time = timespec()
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time)
  return .seconds(time.tv_sec) + .nanoseconds(time.tv_nsec)
}

/// The number of entries once it is at most this, or after ten seconds: who answers lets go of what it holds a
/// moment later.
private func settled(_ path: String, atMost most: Int) async throws -> Int {
  let deadline = ContinuousClock.now + .seconds(10)
  while try countEntries(path) > most, ContinuousClock.now < deadline { await Task.yield() }
  return try countEntries(path)
}

private func countEntries(_ path: String) throws -> Int { try System.names(in: System.openDirectory(path)).count }

/// A limit of the v1 memory controller, which a job puts itself under.
struct MemoryLimit {
  static let root = "/sys/fs/cgroup/memory"
  static var isPossible: Bool { getuid() == 0 && System.exists("\(root)/memory.limit_in_bytes") }

  let path: String

  init(name: String, bytes: Int) throws {
    path = "\(Self.root)/\(name)"
    try System.makeDirectory(path, mode: 0o755)
    try System.write(String(bytes), to: "\(path)/memory.limit_in_bytes")
  }
}
