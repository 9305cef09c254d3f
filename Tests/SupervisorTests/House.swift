import Foundation
import JobModel
import JobProcess
import JobStore
import Logging
import Supervisor

/// A real store, a real runner and a real supervisor in a directory of their own.
struct House {
  let directory: String
  let store: SQLiteJobStore
  let runner: ProcessRunner
  let time: any TimeSource
  let supervisor: Supervisor
  let service: JobService

  /// Opens the house, hands it to `body` while the supervisor runs, and stops it.
  static func with(
    workers: Int = 2, grace: TimeSpan = .milliseconds(200), directory given: String? = nil,
    hooks: Hooks = Hooks(), hookSettings: HookSettings = HookSettings(), time: (any TimeSource)? = nil,
    schedules: [TimedSchedule] = [], zones: @escaping ZoneLookup = ZoneLookups.utc,
    logger: Logger = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() },
    _ body: (House) async throws -> Void
  ) async throws {
    let directory = given ?? NSTemporaryDirectory() + "jobq-house-\(UUID().uuidString.prefix(8))"
    let house = try await House(
      directory: directory, workers: workers, grace: grace, hooks: hooks, hookSettings: hookSettings, time: time,
      schedules: schedules, zones: zones, logger: logger)
    do {
      try await house.supervisor.recover()
      async let running: Void = house.supervisor.run()
      var failure: (any Error)?
      do { try await body(house) } catch { failure = error }
      await house.supervisor.stop()
      await running
      await house.close()
      if let failure { throw failure }
    }
    if given == nil { try? FileManager.default.removeItem(atPath: directory) }
  }

  private init(
    directory: String, workers: Int, grace: TimeSpan, hooks: Hooks, hookSettings: HookSettings,
    time given: (any TimeSource)?, schedules: [TimedSchedule], zones: @escaping ZoneLookup, logger: Logger
  ) async throws {
    self.directory = directory
    store = try await SQLiteJobStore.open(directory: directory)
    let logs = try LogDirectory(path: directory + "/logs")
    try logs.prepare()
    var options = ProcessRunner.Options(storeIdentity: store.identity, logs: logs)
    options.reapsOrphans = false
    runner = try ProcessRunner(options)
    if let given {
      time = given
    } else {
      let system = try SystemTime()
      try system.start()
      time = system
    }
    var configuration = SupervisorConfiguration(workers: workers, shutdownGrace: grace)
    configuration.hooks = hooks
    configuration.schedules = schedules
    supervisor = Supervisor(
      store: store, runner: runner, time: time, configuration: configuration,
      runAs: RunAs(user: "root", home: "/", shell: "/bin/sh", socket: directory + "/none.sock"), epoch: "test",
      logger: logger,
      hooks: hookSettings, zones: zones)
    service = JobService(supervisor: supervisor, pid: 1)
  }

  private func close() async {
    await store.close()
    await runner.shutdown()
    (time as? SystemTime)?.stop()
  }

  /// Enqueues one shell command.
  func enqueue(_ script: String, _ change: (inout JobRequest) -> Void = { _ in }) async throws -> JobID {
    var request = JobRequest()
    request.command = ["sh", "-c", script]
    change(&request)
    return try await service.enqueue([request], by: Submitter(uid: 0, pid: 1))[0].id
  }

  func end(of id: JobID) async throws -> Job { try await service.wait(id, timeout: .seconds(300), viewer: 0) }

  /// The whole log as text; followed where it is asked.
  func log(_ id: JobID, attempt: Int? = nil, stream: LogStream? = nil, follow: Bool = false) async throws -> String {
    var feed = try await service.log(id, attempt: attempt, stream: stream, offset: 0, tail: nil, follow: follow)
    var bytes: [UInt8] = []
    while let more = try await feed.next() { bytes += more }
    return String(decoding: bytes, as: UTF8.self)
  }
}

extension JobService {
  func enqueue(_ requests: [JobRequest], by submitter: Submitter?) async throws(Problem) -> [Enqueued] {
    var batch = try batch(by: submitter)
    for request in requests { try batch.add(request) }
    return try await enqueue(batch)
  }
}
