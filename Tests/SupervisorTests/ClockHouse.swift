import Foundation
import JobModel
import JobProcess
import JobStore
import Logging
import Synchronization

@testable import Supervisor

/// Clocks that stand still until a test moves them. Both alarms go off as `TimeSource` promises: once their clock has
/// reached them, and whenever the wall clock is set.
final class JumpingTime: TimeSource {
  private struct State {
    var now: Moment
    var wall: Timestamp?
    var boot: Int64?
    var handler: (@Sendable () -> Void)?
    var late = 0

    var isDue: Bool {
      if let wall, wall <= now.wall { return true }
      if let boot, boot <= now.boot { return true }
      return false
    }
  }

  private let state: Mutex<State>

  init(_ start: Moment) { state = Mutex(State(now: start)) }

  func now() -> Moment { state.withLock { $0.now } }
  /// How often an alarm was set for a time that had come.
  var late: Int { state.withLock { $0.late } }
  func onAlarm(_ handler: @escaping @Sendable () -> Void) { state.withLock { $0.handler = handler } }

  func arm(wall: Timestamp?, boot: Int64?) {
    let handler = state.withLock { state -> (@Sendable () -> Void)? in
      (state.wall, state.boot) = (wall, boot)
      guard state.isDue else { return nil }
      state.late += 1
      return state.handler
    }
    handler?()
  }

  /// Time goes by for both clocks, as in a suspend too.
  func pass(_ span: TimeSpan) {
    ring { state in
      state.now.wall = state.now.wall + span
      state.now.boot += span.milliseconds
      return state.isDue
    }
  }

  /// Somebody sets the wall clock, by this much.
  func setWall(by span: TimeSpan) {
    ring { state in
      state.now.wall = Timestamp(milliseconds: state.now.wall.milliseconds + span.milliseconds)
      return true
    }
  }

  private func ring(_ change: (inout State) -> Bool) {
    let handler = state.withLock { state in change(&state) ? state.handler : nil }
    handler?()
  }
}

/// A real store, runner and supervisor on clocks that a test moves, over several boots of a machine.
struct ClockHouse {
  let store: SQLiteJobStore
  let time: JumpingTime
  let service: JobService
  let hub: ChangeHub

  static func with(
    _ directory: String, bootID: String, at start: Moment,
    logger: Logger = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }, _ body: (ClockHouse) async throws -> Void
  ) async throws {
    let store = try await SQLiteJobStore.open(directory: directory, bootID: bootID)
    let logs = try LogDirectory(path: directory + "/logs")
    try logs.prepare()
    var options = ProcessRunner.Options(storeIdentity: store.identity, logs: logs)
    options.reapsOrphans = false
    let runner = try ProcessRunner(options)
    let time = JumpingTime(start)
    let supervisor = Supervisor(
      store: store, runner: runner, time: time,
      configuration: SupervisorConfiguration(workers: 4, shutdownGrace: .milliseconds(200)),
      runAs: RunAs(user: "root", home: "/", shell: "/bin/sh", socket: directory + "/none.sock"), epoch: "test",
      logger: logger, random: { 0 })
    let house = ClockHouse(
      store: store, time: time, service: JobService(supervisor: supervisor, pid: 1), hub: supervisor.hub)
    try await supervisor.recover()
    async let running: Void = supervisor.run()
    var failure: (any Error)?
    do { try await body(house) } catch { failure = error }
    await supervisor.stop()
    await running
    await store.close()
    await runner.shutdown()
    if let failure { throw failure }
  }

  func enqueue(_ script: String = "true", _ change: (inout JobRequest) -> Void = { _ in }) async throws -> JobID {
    var request = JobRequest()
    request.command = ["sh", "-c", script]
    change(&request)
    return try await service.enqueue([request], by: nil)[0].id
  }

  /// The state once all that the alarms asked for has been done: a job that is enqueued after it has run to its end.
  func state(_ id: JobID) async throws -> JobState {
    for _ in 0..<2 { _ = try await end(of: try await enqueue()) }
    return try await service.job(id, viewer: 0).state
  }

  /// Returns once a job that runs waits for its next attempt.
  func isScheduled(_ id: JobID) async throws {
    try await hub.watching(id) { watch in
      while try await service.job(id, viewer: 0).state != .scheduled { await watch.next() }
    }
  }

  func end(of id: JobID) async throws -> Job { try await service.wait(id, timeout: .seconds(30), viewer: 0) }
}
