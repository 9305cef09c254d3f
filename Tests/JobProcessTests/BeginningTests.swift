import CJobProcess
import FoundationEssentials
import Glibc
import JobModel
import Testing

@testable import JobProcess

/// A program whose file does not answer: whoever opens it waits for a lease to be given up (fcntl(2), F_SETLEASE), in which only
/// KILL disturbs it.
private final class Withheld {
  let path: String
  private let file: Descriptor
  /// Of <fcntl.h>, for Linux alone.
  private static let (setSignal, setLease): (Int32, Int32) = (10, 1024)

  init(_ directory: String) throws {
    path = directory + "/withheld"
    try make(file: path, "", mode: 0o755)
    try System.write(System.contents("/bin/true"), to: System.open(path, O_WRONLY))
    file = try System.open(path, O_RDONLY)
    // Who waits is told of by a signal: by one that is ignored.
    _ = try System.check("F_SETSIG") { fcntl(file.raw, Self.setSignal, SIGWINCH) }
    // A child that another test is just making may have the file open, as this process had: until it calls exec.
    while fcntl(file.raw, Self.setLease, F_WRLCK) != 0 {
      guard errno == EAGAIN else { throw Failure(errno: errno, call: "F_SETLEASE") }
      sched_yield()
    }
  }

  func release() { _ = fcntl(file.raw, Self.setLease, F_UNLCK) }

  deinit { unlink(path) }
}

@Suite("An attempt whose process is still being made", .serialized) struct BeginningTests {
  /// The child that waits for its program's file, once there is one.
  private func child() async -> pid_t {
    while true {
      for entry in Stage.processes.values where entry.parent == getpid() && !entry.isZombie {
        let wait = (try? String(contentsOfFile: "/proc/\(entry.pid)/wchan", encoding: .utf8)) ?? ""
        if wait.contains("lease") { return entry.pid }
      }
      await Task.yield()
    }
  }

  @Test("Its timeout ends it, and a cancel does", arguments: Mode.available)
  func ends(_ mode: Mode) async throws {
    try await Stage.with(mode) { stage in
      for isCancelled in [false, true] {
        let withheld = try Withheld(stage.directory)
        let plan = stage.plan([withheld.path]) {
          if !isCancelled { $0.timeout = .milliseconds(200) }
          $0.killGrace = .milliseconds(100)
        }
        let began = ContinuousClock.now
        let task = Task { await stage.runner.run(plan, started: { _ in }, unkillable: {}) }
        // One with a timeout may be gone before anyone has seen it.
        if isCancelled {
          _ = await child()
          task.cancel()
        }
        let ending = await task.value
        #expect(ending?.outcome == (isCancelled ? .cancelled : .timedOut))
        // The kernel gives up a lease by itself, after 45 s.
        #expect(.now - began < .seconds(20))
        withheld.release()
      }
    }
  }

  @Test("One that is let in meanwhile goes on, and keeps its timeout", arguments: Mode.available)
  func goesOn(_ mode: Mode) async throws {
    try await Stage.with(mode) { stage in
      for timeout in [nil, TimeSpan.seconds(30)] {
        let withheld = try Withheld(stage.directory)
        let plan = stage.plan([withheld.path]) { $0.timeout = timeout }
        let task = Task { await stage.runner.run(plan, started: { _ in }, unkillable: {}) }
        _ = await child()
        withheld.release()
        #expect(await task.value?.outcome == .succeeded)
      }
      let plan = stage.script("sleep 600") {
        $0.timeout = .milliseconds(200)
        $0.killGrace = .milliseconds(100)
      }
      #expect(await stage.run(plan).outcome == .timedOut)
    }
  }

  @Test(
    "What KILL does not end is reported once, and a stop lets it go", .enabled(if: FrozenGroup.isPossible),
    arguments: Mode.available)
  func unkillable(_ mode: Mode) async throws {
    let stage = try Stage(mode) {
      $0.unkillableAfter = .milliseconds(200)
      $0.abandonAfter = .milliseconds(200)
    }
    let frozen = try FrozenGroup(name: stage.store)
    let withheld = try Withheld(stage.directory)
    let plan = stage.plan([withheld.path]) { $0.killGrace = .milliseconds(50) }
    let reports = Box(0)
    let (told, post) = AsyncStream.makeStream(of: Void.self)
    let task = Task {
      await stage.runner.run(plan, started: { _ in }) {
        reports.value += 1
        post.yield()
      }
    }
    let pid = await child()
    try System.write("\(pid)", to: "\(frozen.path)/cgroup.procs")
    try frozen.freeze()
    task.cancel()
    for await _ in told { break }
    stage.runner.abandonUnkillable()
    #expect(await task.value == nil)
    #expect(reports.value == 1)
    try frozen.thaw()
    withheld.release()
    // Whoever made it sees to it that it ends, and nobody is told.
    #expect(waitpid(pid, nil, 0) == pid)
    let next = try Stage.next(after: stage)
    #expect(await next.endLeftovers([]).isEmpty)
    await next.shutdown()
    await stage.close()
    frozen.remove()
  }
}
