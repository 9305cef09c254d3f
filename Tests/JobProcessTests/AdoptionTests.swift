import Glibc
import JobModel
import Testing

@testable import JobProcess

/// The daemon's own way without cgroups: orphans come to it, and it reaps them. Each test is a process of its
/// own, since a process has one subreaper and these take every child for theirs.
@Suite("Orphans that come to the daemon", .serialized) struct AdoptionTests {
  static func with(_ body: (Stage) async throws -> Void) async throws {
    try await Stage.with(.session) {
      $0.reapsOrphans = true
      $0.leftoverGrace = .milliseconds(200)
    } _: { stage in
      try await body(stage)
      let children = try ProcessTable.children().map { String(describing: try ProcessTable.entry($0)) }
      #expect(children.isEmpty, "not reaped: \(children)")
    }
  }

  @Test("What left its session, and its parent, ends with its job")
  func escapees() async {
    await #expect(processExitsWith: .success) {
      try await AdoptionTests.with { stage in
        let token = "621.\(getpid())"
        let plan = stage.script(
          "trap '' TERM; (setsid sh -c '(sleep \(token) &)' &); sleep \(token) & sleep 0.1; echo left; exit 6")
        let ending = await stage.run(plan)
        #expect(ending.outcome == .failed && ending.exitCode == 6)
        #expect(EndTests.countProcesses(token) == 0)
      }
    }
  }

  @Test("What left its environment too is ended with the last attempt that can have started it")
  func unmarked() async {
    await #expect(processExitsWith: .success) {
      try await AdoptionTests.with { stage in
        let token = "622.\(getpid())"
        let long = stage.script("echo up; sleep 622")
        let other = await stage.begin(long)
        await stage.written(long, 3)
        let hidden = "trap '' TERM; (setsid env -i sh -c '(exec env -i sleep \(token) &)' &); sleep 0.1"
        #expect(await stage.run(stage.script(hidden)).outcome == .succeeded)
        #expect(EndTests.countProcesses(token) == 1)
        other.cancel()
        #expect(await other.value?.outcome == .cancelled)
        #expect(EndTests.countProcesses(token) == 0)
        // Where it can be nobody else's it ends with its own job.
        #expect(await stage.run(stage.script(hidden)).outcome == .succeeded)
        #expect(EndTests.countProcesses(token) == 0)
      }
    }
  }

  @Test("A daemonised process of a job under way does not hold up another's end, and is not touched by it")
  func attribution() async {
    await #expect(processExitsWith: .success) {
      try await AdoptionTests.with { stage in
        let token = "623.\(getpid())"
        let long = stage.script("(setsid sleep \(token) &); sleep 0.05; echo up; exec sleep 623")
        let other = await stage.begin(long)
        await stage.written(long, 3)
        let clock = ContinuousClock()
        let start = clock.now
        for _ in 0..<20 { #expect(await stage.run(stage.plan(["true"])).outcome == .succeeded) }
        #expect(clock.now - start < .seconds(100))
        #expect(EndTests.countProcesses(token) == 1)
        other.cancel()
        #expect(await other.value?.outcome == .cancelled)
        #expect(EndTests.countProcesses(token) == 0)
      }
    }
  }

  @Test("Orphans that end while their job goes on are reaped, and no leader's status is taken")
  func reaping() async {
    await #expect(processExitsWith: .success) {
      try await AdoptionTests.with { stage in
        let long = stage.script(
          "for i in $(seq 200); do (exit 0 & exit 0); (sh -c 'exit 0 &' &); done | cat; echo done; sleep 624")
        let other = await stage.begin(long)
        await withTaskGroup(of: Void.self) { group in
          for number in 0..<300 {
            if number >= 8 { await group.next() }
            let plan = stage.script("exit \(number % 7)")
            group.addTask { #expect(await stage.run(plan).exitCode == number % 7) }
          }
        }
        // Every orphan holds the pipe that `cat` reads, so all of them have let go of it when "done" is there:
        // what is not dead yet is about to be, at most some endings of other children later.
        await stage.written(long, 5)
        var left = 0
        for _ in 0..<50 {
          _ = await stage.run(stage.plan(["true"]))
          left = (try? ProcessTable.children().count) ?? 0
          // The long job's leader, whose sleep is a child of its own.
          if left == 1 { break }
        }
        #expect(left == 1)
        other.cancel()
        _ = await other.value
      }
    }
  }

  @Test("Hundreds of hostile trees leave nothing")
  func hostile() async {
    await #expect(processExitsWith: .success) {
      try await AdoptionTests.with { stage in
        await EndTests.runHostileTrees(on: stage, token: "625.\(getpid())", hardest: true)
      }
    }
  }

  @Test("A tree that forks without end is ended")
  func forking() async {
    await #expect(processExitsWith: .success) {
      try await AdoptionTests.with { stage in try await EndTests.endForkingTree(on: stage) }
    }
  }
}
