import Foundation
import JobModel
import JobProcess
import JobStore
import Supervisor
import Testing

@Suite("Hooks with a real store and real processes")
struct HookTests {
  /// What is told to the hook that `note` is goes to a file of this name, one line each, after what it was called with.
  private final class Notes: Sendable {
    let path = NSTemporaryDirectory() + "jobq-notes-\(UUID().uuidString.prefix(8))"

    deinit { try? FileManager.default.removeItem(atPath: path) }

    /// A hook that writes down what it is told. One write(2) for each line.
    func hook(_ script: String = "") -> [String] {
      ["sh", "-c", "line=$(cat); echo \"$JOBQ_ID $JOBQ_QUEUE $JOBQ_OUTCOME $line\" >> \(path); \(script)"]
    }

    var lines: [String] {
      ((try? String(contentsOfFile: path, encoding: .utf8)) ?? "").split(separator: "\n").map(String.init)
    }

    /// Waits for the file to have that many lines: nothing else tells of a hook's run.
    func wait(for count: Int, seconds: Double = 20) async throws -> [String] {
      let deadline = Date().addingTimeInterval(seconds)
      while lines.count < count, Date() < deadline { try await Task.sleep(for: .milliseconds(10)) }
      return lines
    }
  }

  private func counters(_ house: House, until isSeen: (HookCounters) -> Bool) async throws -> HookCounters {
    let deadline = Date().addingTimeInterval(20)
    while Date() < deadline {
      let counters = await house.service.counters().hooks
      if isSeen(counters) { return counters }
      try await Task.sleep(for: .milliseconds(10))
    }
    return await house.service.counters().hooks
  }

  /// What is still to be told, now or later.
  private func waiting(_ house: House) async throws -> [HookDelivery] {
    try await house.store.dueDeliveries(at: Moment(wall: house.time.now().wall, boot: .max), limit: 9).due
  }

  private var fast: HookSettings {
    var settings = HookSettings()
    settings.backoff = Backoff(kind: .fixed, base: .milliseconds(20), max: .seconds(1), jitter: 0)
    settings.tries = 3
    settings.killGrace = .milliseconds(200)
    return settings
  }

  @Test("a hook is told once of each end that it wants, with the job as it ended")
  func told() async throws {
    let notes = Notes()
    try await House.with(hooks: Hooks([.failed: notes.hook(), .cancelled: notes.hook()])) { house in
      let failed = try await house.enqueue("exit 3") { $0.env = ["SECRET": "s3cr3t"] }
      _ = try await house.end(of: failed)
      let held = try await house.enqueue("true") { $0.hold = true }
      _ = try await house.service.cancel(held, viewer: 0)
      _ = try await house.end(of: try await house.enqueue("true"))
      let slow = try await house.enqueue("sleep 600") { $0.timeout = .milliseconds(100) }
      _ = try await house.end(of: slow)
      _ = try await counters(house) { $0.delivered == 3 && $0.running == 0 }
      let lines = notes.lines.sorted()
      #expect(
        lines.map { $0.split(separator: " ").prefix(3).joined(separator: " ") }
          == ["\(failed) default failed", "\(held) default cancelled", "\(slow) default timed_out"])
      let text = try #require(lines.first?.drop { $0 != "{" })
      let job = try JSONDecoder().decode(Job.self, from: Data(text.utf8))
      let shown = try await house.service.job(failed, viewer: 1)
      #expect(job == shown)
      #expect(job.exitCode == 3 && job.env == ["SECRET": nil])
    }
  }

  @Test("a hook that fails is tried again a bounded number of times, and harms no one")
  func failing() async throws {
    let notes = Notes()
    let failing = notes.hook("echo cannot; exit 1")
    try await House.with(hooks: Hooks([.failed: failing]), hookSettings: fast) { house in
      let id = try await house.enqueue("exit 1")
      #expect(try await house.end(of: id).state == .failed)
      let counters = try await counters(house) { $0.givenUp == 1 && $0.running == 0 }
      #expect(counters.failed == 3 && counters.givenUp == 1 && counters.delivered == 0)
      #expect(notes.lines.count == 3)
      #expect(try await waiting(house).isEmpty)
    }
  }

  @Test("a hook that cannot be started is a hook that fails")
  func missing() async throws {
    try await House.with(hooks: Hooks([.failed: ["/nowhere/page"]]), hookSettings: fast) { house in
      _ = try await house.enqueue("exit 1")
      let counters = try await counters(house) { $0.givenUp == 1 }
      #expect(counters.failed == 3)
    }
  }

  @Test("hooks that hang hold no job up, and their trees are ended at the timeout, children that left included")
  func hanging() async throws {
    let notes = Notes()
    let token = "615.\(UInt32.random(in: 1...999_999))"
    var settings = fast
    settings.timeout = .milliseconds(400)
    settings.tries = 1
    let hangs = notes.hook("setsid sh -c \"trap '' TERM; sleep \(token); sleep \(token)\" & sleep \(token)")
    try await House.with(workers: 1, hooks: Hooks([.failed: hangs]), hookSettings: settings) { house in
      for _ in 0..<3 { _ = try await house.enqueue("exit 1") }
      let ids = try await (0..<20).asyncMap { _ in try await house.enqueue("true") }
      for id in ids { #expect(try await house.end(of: id).state == .succeeded) }
      let counters = try await counters(house) { $0.givenUp == 3 }
      #expect(counters.givenUp == 3)
      #expect(notes.lines.count == 3)
      #expect(Self.count(token) == 0)
    }
  }

  @Test("no more hooks run at once than the pool is wide")
  func bounded() async throws {
    let notes = Notes()
    let (steps, go) = (notes.path + ".steps", notes.path + ".go")
    defer { for path in [steps, go] { try? FileManager.default.removeItem(atPath: path) } }
    let hook = notes.hook("echo + >> \(steps); until test -e \(go); do sleep 0.02; done; echo - >> \(steps)")
    try await House.with(workers: 4, hooks: Hooks([.failed: hook])) { house in
      for _ in 0..<12 { _ = try await house.end(of: try await house.enqueue("exit 1")) }
      #expect(try await notes.wait(for: 2).count == 2)
      _ = FileManager.default.createFile(atPath: go, contents: nil)
      _ = try await counters(house) { $0.delivered == 12 }
      var running = 0
      var most = 0
      for step in try String(contentsOfFile: steps, encoding: .utf8).split(separator: "\n") {
        running += step == "+" ? 1 : -1
        most = max(most, running)
      }
      #expect(running == 0 && most == 2)
      #expect(Set(notes.lines.map { $0.prefix { $0 != " " } }).count == 12)
    }
  }

  @Test("a stop lets a hook that runs finish within the grace")
  func stopWithinGrace() async throws {
    let notes = Notes()
    try await House.with(
      grace: .seconds(20), hooks: Hooks([.failed: notes.hook("sleep 0.5; echo done >> \(notes.path)")])
    ) {
      house in
      _ = try await house.enqueue("exit 1")
      _ = try await notes.wait(for: 1)
    }
    #expect(notes.lines.last == "done")
  }

  @Test("a hook that a stop cuts short is told again after the start, and one that waits is told then")
  func stopAndAgain() async throws {
    let directory = NSTemporaryDirectory() + "jobq-house-\(UUID().uuidString.prefix(8))"
    defer { try? FileManager.default.removeItem(atPath: directory) }
    let notes = Notes()
    try await House.with(directory: directory, hooks: Hooks([.failed: notes.hook("sleep 600")])) { house in
      for _ in 0..<3 { _ = try await house.enqueue("exit 1") }
      _ = try await notes.wait(for: 2)
      _ = try await house.end(of: JobID(3))
    }
    #expect(notes.lines.count == 2)
    try await House.with(directory: directory, hooks: Hooks([.failed: notes.hook()])) { house in
      let counters = try await counters(house) { $0.delivered == 3 }
      #expect(counters.delivered == 3)
    }
    #expect(Set(notes.lines.map { $0.prefix { $0 != " " } }) == ["1", "2", "3"])
  }

  @Test("a reload changes the hooks, also of what waits; where none is left nothing is told")
  func reload() async throws {
    let notes = Notes()
    var settings = fast
    settings.backoff = Backoff(kind: .fixed, base: .milliseconds(300), max: .seconds(1), jitter: 0)
    try await House.with(hooks: Hooks([.failed: ["false"]]), hookSettings: settings) { house in
      _ = try await house.enqueue("exit 1")
      _ = try await counters(house) { $0.failed == 1 && $0.running == 0 }
      var configuration = SupervisorConfiguration(workers: 2, shutdownGrace: .seconds(1))
      configuration.hooks = Hooks([.failed: notes.hook()])
      try await house.supervisor.reconfigure(configuration)
      #expect(try await notes.wait(for: 1).count == 1)
      _ = try await counters(house) { $0.delivered == 1 && $0.running == 0 }
      configuration.hooks = Hooks()
      try await house.supervisor.reconfigure(configuration)
      _ = try await house.end(of: try await house.enqueue("exit 1"))
      #expect(try await waiting(house).isEmpty)
    }
  }

  private static func count(_ token: String) -> Int {
    let pids = (try? FileManager.default.contentsOfDirectory(atPath: "/proc")) ?? []
    return pids.filter { pid in
      guard pid.allSatisfy(\.isNumber), let words = FileManager.default.contents(atPath: "/proc/\(pid)/cmdline") else {
        return false
      }
      return String(decoding: words, as: UTF8.self).contains("sleep\0\(token)")
    }.count
  }
}

extension Sequence {
  fileprivate func asyncMap<Value>(_ body: (Element) async throws -> Value) async rethrows -> [Value] {
    var values: [Value] = []
    for element in self { values.append(try await body(element)) }
    return values
  }
}
