import ControlServer
import Foundation
import JobModel
import JobProcess
import JobStore
import Logging
import Supervisor

/// A real server before a real supervisor, runner and store, in a directory of its own.
struct TestServer {
  let directory: String
  let service: JobService
  let supervisor: Supervisor
  let server: ControlServer

  var path: String { directory + "/jobq.sock" }

  /// Starts everything, hands it to `body`, and stops it whatever `body` does.
  static func with(
    workers: Int = 2, limits: ServerLimits = ServerLimits(), _ body: (TestServer) async throws -> Void
  ) async throws {
    let directory = NSTemporaryDirectory() + "jobq-srv-\(UUID().uuidString.prefix(8))"
    let store = try await SQLiteJobStore.open(directory: directory)
    let logs = try LogDirectory(path: directory + "/logs")
    try logs.prepare()
    var options = ProcessRunner.Options(storeIdentity: store.identity, logs: logs)
    options.reapsOrphans = false
    let runner = try ProcessRunner(options)
    let time = try SystemTime()
    try time.start()
    let silent = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
    let supervisor = Supervisor(
      store: store, runner: runner, time: time,
      configuration: SupervisorConfiguration(workers: workers, shutdownGrace: .milliseconds(100)),
      runAs: RunAs(user: "root", home: "/", shell: "/bin/sh", socket: directory + "/jobq.sock"), epoch: "test",
      logger: silent)
    let service = JobService(supervisor: supervisor, pid: getpid())
    let server = ControlServer(
      socket: .bind(path: directory + "/jobq.sock", mode: 0o660, group: nil), service: service, logger: silent,
      limits: limits)
    try await server.start()
    try await supervisor.recover()
    async let running: Void = supervisor.run()
    var failure: (any Error)?
    do {
      try await body(
        TestServer(directory: directory, service: service, supervisor: supervisor, server: server))
    } catch {
      failure = error
    }
    await server.stop(within: .seconds(2))
    await supervisor.stop()
    await running
    await store.close()
    await runner.shutdown()
    time.stop()
    try? FileManager.default.removeItem(atPath: directory)
    if let failure { throw failure }
  }

  /// Sends one request on a connection of its own and reads the reply.
  func ask(_ method: String, _ target: String, body: String? = nil, headers: [String: String] = [:]) async throws
    -> RawReply
  {
    let client = try RawClient(path)
    defer { client.close() }
    return try await client.ask(method, target, body: body, headers: headers)
  }

  /// Enqueues by the API and gives the number.
  func enqueue(_ json: String) async throws -> Int {
    let reply = try await ask("POST", "/v1/jobs", body: json)
    guard reply.status == 201, let id = try reply.object()["id"] as? Int else { throw TestFault("\(reply)") }
    return id
  }
}

struct TestFault: Error, CustomStringConvertible {
  var description: String
  init(_ description: String) { self.description = description }
}
