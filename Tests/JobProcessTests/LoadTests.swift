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
    "After five hundred runs, failures, timeouts and leftovers among them, no descriptor is left",
    arguments: Mode.available)
  func descriptors(_ mode: Mode) async throws {
    try await Stage.with(mode) {
      $0.leftoverGrace = .milliseconds(1)
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
      let before = stage.descriptors()
      await run(500)
      #expect(stage.descriptors() <= before)
    }
  }
}

extension Stage {
  /// What this process has open of the kinds that a runner opens, by kind: other suites have some too, but not of this store's files.
  func descriptors() -> Int {
    let names = (try? System.names(in: System.openDirectory("/proc/self/fd"))) ?? []
    return names.filter { name in
      var target = [CChar](repeating: 0, count: 512)
      guard readlink("/proc/self/fd/\(name)", &target, 511) > 0 else { return false }
      let path = String(decoding: target.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
      return path.contains(store) || path.hasPrefix("pipe:")
    }.count
  }
}
