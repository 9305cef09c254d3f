import ControlServer
import CrashPoints
import Glibc
import JobModel
import JobProcess
import JobStore
import Logging
import ServiceLifecycle
import Supervisor
import UnixSignals

/// The wiring: which part is made with which, and in which order they start and stop.
enum Daemon {
  /// Runs until it is told to stop. Returns after an orderly stop.
  /// - Parameter reload: where reloads are asked for.
  static func run(_ launch: Launch, _ reload: UnixSignalsSequence) async throws(StartError) {
    Allocator.giveBack()
    // Writing to a client that has gone is an error to be handled, not a reason to die. signal(7).
    signal(SIGPIPE, SIG_IGN)
    let log = DaemonLog(style: .detected(environment: launch.environment))
    log.level = launch.configuration.logLevel
    let logger = log.logger("jobqd")
    let inherited = HostSettings.current()
    OpenFiles.raiseLimit()

    let adopted = try ListeningSocket.adopt(environment: launch.environment, pid: getpid())
    let store = try await open(launch)
    CrashPoint.opened.pass()
    do throws(StartError) {
      let parts = try await Parts(launch, adopted, store, inherited, log)
      try await parts.run(reload, logger)
    } catch {
      await store.close()
      throw error
    }
    logger.notice("stopped")
    log.sink.flush(within: .seconds(2))
  }

  private static func open(_ launch: Launch) async throws(StartError) -> SQLiteJobStore {
    do throws(StoreError) {
      return try await SQLiteJobStore.open(
        directory: launch.places.stateDirectory, hasLogRoom: true, hooks: launch.configuration.supervisor.hooks)
    } catch {
      throw StartError(error)
    }
  }
}

/// All parts of a running daemon.
private struct Parts: Sendable {
  let launch: Launch
  let store: SQLiteJobStore
  let runner: ProcessRunner
  let time: SystemTime
  let supervisor: Supervisor
  let server: ControlServer
  let notifier: Notifier
  let log: DaemonLog

  init(
    _ launch: Launch, _ adopted: ListeningSocket?, _ store: SQLiteJobStore, _ inherited: HostSettings, _ log: DaemonLog
  ) async throws(StartError) {
    self.launch = launch
    self.store = store
    self.log = log
    notifier = Notifier(path: launch.environment["NOTIFY_SOCKET"], logger: log.logger("systemd"))
    do {
      let logs = try LogDirectory(path: launch.places.stateDirectory + "/logs")
      try logs.prepare()
      var options = ProcessRunner.Options(storeIdentity: store.identity, logs: logs)
      options.inherited = inherited
      runner = try ProcessRunner(options)
      time = try SystemTime()
      try time.start()
    } catch {
      throw StartError(.system, "\(error)")
    }
    let account = Account(uid: getuid())
    let socket = adopted?.path ?? launch.socket
    supervisor = Supervisor(
      store: store, runner: runner, time: time, configuration: launch.configuration.supervisor,
      runAs: RunAs(
        user: account?.user ?? String(getuid()), home: account?.home ?? "/", shell: account?.shell ?? "/bin/sh",
        socket: socket),
      epoch: String(UInt64.random(in: 0...UInt64.max), radix: 36), logger: log.logger("supervisor"),
      zones: SystemZones.lookup)
    let settings = launch.configuration.socket
    var limits = ServerLimits()
    limits.connections = OpenFiles.connections(
      atMost: limits.connections, workers: launch.configuration.supervisor.workers)
    server = ControlServer(
      socket: adopted.map { .adopt(descriptor: $0.descriptor) }
        ?? .bind(
          path: socket, mode: settings.mode, group: settings.group ?? Account.groupID(of: "jobq").map { _ in "jobq" }),
      service: JobService(
        supervisor: supervisor, pid: getpid(),
        surroundings: { [file = launch.places.configuration] in await Doctor.surroundings(socket, file) }),
      logger: log.logger("server"), limits: limits)
  }

  /// Starts everything, waits for the end, and stops it in the reverse order: the supervisor first, so that
  /// clients are answered while jobs
  /// end; then the server; the store last, when nobody is left to ask it.
  func run(_ reload: UnixSignalsSequence, _ logger: Logger) async throws(StartError) {
    do throws(ControlServerError) {
      // Bound before jobs run again: a second daemon at this socket must not get that far.
      try await server.start()
    } catch {
      throw StartError(.unavailable, "\(error)")
    }
    do throws(StoreError) {
      try await supervisor.recover()
    } catch {
      await server.stop(within: .zero)
      throw StartError(error)
    }
    let grace = launch.configuration.supervisor.shutdownGrace
    let lifecycle = Lifecycle(
      supervisor: supervisor, notifier: notifier, log: log, logger: logger, file: launch.places.configuration)
    var services: [any Service] = [
      ServerService(server: server, logger: logger),
      SupervisorService(supervisor: supervisor, notifier: notifier, grace: grace),
    ]
    let watchdog = Watchdog(
      environment: launch.environment, pid: getpid(), notifier: notifier, logger: logger,
      isAlive: { [server, supervisor] in
        await supervisor.answers()
        return await server.answers()
      })
    if let watchdog { services.append(WatchdogService(watchdog: watchdog)) }
    let group = ServiceGroup(configuration: lifecycle.configuration(services: services, grace: grace))
    let trapped = Lifecycle.Signals(reload: reload, stop: await Lifecycle.trapStop())
    let signals = Task { await lifecycle.listen(trapped) { await group.triggerGracefulShutdown() } }
    logger.notice(
      "ready",
      metadata: [
        "version": "\(JobQVersion.current)", "socket": "\(supervisor.socket)",
        "state": "\(launch.places.stateDirectory)",
        "workers": "\(launch.configuration.supervisor.workers)", "containment": "\(runner.containment.rawValue)",
      ])
    if runner.containment == .session {
      logger.warning(
        "no cgroup can be made for jobs; sessions and marks hold their processes together",
        metadata: ["why": "\(runner.containmentNote)"])
    }
    await notifier.send(.ready, .status("ready"))
    Allocator.forgetStart()
    var failure: (any Error)?
    do { try await group.run() } catch { failure = error }
    signals.cancel()
    await signals.value
    await supervisor.stop()
    await server.stop(within: .zero)
    await store.close()
    await runner.shutdown()
    time.stop()
    if let failure { throw StartError(.fault, "\(failure)") }
  }
}
