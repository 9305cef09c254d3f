import FoundationEssentials
import Glibc
import JobModel
import SeededRandom
import Synchronization
import Testing

@testable import JobProcess

/// How a test's trees are kept together. Tests of behaviour run in each mode that this machine has.
enum Mode: String, CaseIterable, CustomTestStringConvertible {
  case cgroup, session

  var testDescription: String { rawValue }

  static let available: [Mode] = {
    let usable = (try? CgroupParent.find(given: nil, store: "probe-\(getpid())"))
    usable?.remove()
    return usable == nil ? [.session] : [.cgroup, .session]
  }()
}

/// A runner with a store and a log directory of its own, and what tests ask of it.
final class Stage: Sendable {
  let runner: ProcessRunner
  let store: String
  let directory: String
  private let numbers = Atomic<Int64>(1)

  init(_ mode: Mode, configure: (inout ProcessRunner.Options) -> Void = { _ in }) throws {
    store = UUID().uuidString.lowercased()
    directory = "/tmp/jobq-test-\(store)"
    let logs = try LogDirectory(path: directory)
    try logs.prepare()
    var options = ProcessRunner.Options(storeIdentity: store, logs: logs)
    options.preference = mode == .cgroup ? .automatic : .session
    // Other tests have children in this process.
    options.reapsOrphans = false
    options.spawningThreads = 2
    configure(&options)
    runner = try ProcessRunner(options)
    #expect(runner.containment == (mode == .cgroup ? .cgroup : .session))
  }

  /// Runs the body on a new stage, and clears it.
  static func with(
    _ mode: Mode, configure: (inout ProcessRunner.Options) -> Void = { _ in }, _ body: (Stage) async throws -> Void
  ) async throws {
    let stage = try Stage(mode, configure: configure)
    do {
      try await body(stage)
    } catch {
      await stage.close()
      throw error
    }
    #expect(stage.living.isEmpty, "a process outlived its job")
    await stage.close()
    if mode == .cgroup { #expect(access(stage.runner.containmentNote, F_OK) != 0, "the cgroup was left behind") }
  }

  func close() async {
    await runner.shutdown()
    await runner.logs.remove((1..<numbers.load(ordering: .relaxed)).map { JobID($0) })
    rmdir(directory)
  }

  /// Every process there is. Empty where the kernel could not say.
  static var processes: [pid_t: ProcessEntry] { (try? ProcessTable.read()) ?? [:] }

  /// The processes that carry this store's mark.
  var living: [pid_t] {
    Self.processes.values.filter { !$0.isZombie && (try? ProcessTable.mark(of: $0.pid))?.store == store }.map(\.pid)
  }

  func plan(_ command: [String], _ change: (inout AttemptPlan) -> Void = { _ in }) -> AttemptPlan {
    let id = numbers.wrappingAdd(1, ordering: .relaxed).oldValue
    var plan = AttemptPlan(
      id: JobID(id), attempt: 1, command: command, cwd: "/", env: ["PATH": "/usr/local/bin:/usr/bin:/bin"],
      umask: 0o022, stdin: nil, timeout: nil, killGrace: .milliseconds(300), splitOutput: false, logMax: 1 << 20)
    change(&plan)
    return plan
  }

  func script(_ script: String, _ change: (inout AttemptPlan) -> Void = { _ in }) -> AttemptPlan {
    plan(["sh", "-c", script], change)
  }

  /// Runs it to its end.
  func run(_ plan: AttemptPlan) async -> AttemptEnding {
    let ending = await runner.run(plan, started: { _ in }, unkillable: {})
    return ending ?? AttemptEnding(.interrupted, error: "abandoned")
  }

  /// Begins it, and returns once it has started, or has failed to.
  func begin(
    _ plan: AttemptPlan, unkillable: @escaping @Sendable () -> Void = {},
    started: @escaping @Sendable (StartedProcess) -> Void = { _ in }
  ) async -> Task<AttemptEnding?, Never> {
    let (starts, post) = AsyncStream.makeStream(of: Void.self)
    let task = Task {
      defer { post.finish() }
      return await runner.run(
        plan,
        started: {
          started($0)
          post.yield()
        }, unkillable: unkillable)
    }
    for await _ in starts { break }
    return task
  }

  /// Runs it until it has written `bytes`, then cancels it.
  func cancel(_ plan: AttemptPlan, afterOutput bytes: Int64) async -> AttemptEnding? {
    let task = await begin(plan)
    await written(plan, bytes)
    task.cancel()
    return await task.value
  }

  /// Returns once the attempt, which has started, has written this many bytes or has ended.
  @discardableResult
  func written(_ plan: AttemptPlan, _ bytes: Int64, stream: LogStream = .combined) async -> Bool {
    await runner.waitForOutput(plan.id, attempt: plan.attempt, stream: stream, beyond: bytes - 1)
  }

  func reader(_ plan: AttemptPlan, _ stream: LogStream = .combined) -> LogReader {
    runner.logs.reader(plan.id, attempt: plan.attempt, stream: stream)
  }

  func output(_ plan: AttemptPlan, _ stream: LogStream = .combined) async throws -> String {
    String(decoding: try await bytes(plan, stream), as: UTF8.self)
  }

  /// Runs it, and expects that it succeeds and writes exactly this.
  func expect(_ plan: AttemptPlan, writes text: String, at location: SourceLocation = #_sourceLocation) async throws {
    let ending = await run(plan)
    #expect(ending.outcome == .succeeded, "\(ending)", sourceLocation: location)
    let written = try await output(plan)
    #expect(written == text, sourceLocation: location)
  }

  func bytes(_ plan: AttemptPlan, _ stream: LogStream = .combined, chunk: Int = 4096) async throws -> [UInt8] {
    let reader = reader(plan, stream)
    var bytes: [UInt8] = []
    var offset: Int64 = 0
    while true {
      let next = try await reader.read(from: offset, max: chunk)
      if next.bytes.isEmpty { return bytes }
      bytes += next.bytes
      offset = next.next
    }
  }
}

/// Reads a seed from the environment or draws one, and says it, so that a failure can be had again.
func seeded(_ name: String) -> SplitMix {
  let seed = testSeed()
  print("\(name): JOBQ_TEST_SEED=\(seed)")
  return SplitMix(seed: seed)
}
