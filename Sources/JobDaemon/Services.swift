import ControlServer
import JobModel
import Logging
import ServiceLifecycle
import Supervisor

/// The supervisor as a part of the daemon's life: it runs until a stop has ended every attempt.
struct SupervisorService: Service {
  let supervisor: Supervisor
  let notifier: Notifier
  let grace: TimeSpan

  func run() async throws {
    await withTaskGroup(of: Void.self) { group in
      group.addTask { await supervisor.run() }
      group.addTask {
        // Cancelled without a graceful shutdown, another part having failed: that is a stop too.
        try? await gracefulShutdown()
        await notifier.send(.stopping, .status("stopping: running jobs end"), .extendTimeout(grace + .seconds(30)))
        await supervisor.stop()
      }
      await group.waitForAll()
    }
  }
}

/// The server: it answers until the supervisor has stopped.
struct ServerService: Service {
  let server: ControlServer
  let logger: Logger

  func run() async throws {
    try? await gracefulShutdown()
    await server.stop(within: .seconds(5))
  }
}

struct WatchdogService: Service {
  let watchdog: Watchdog

  func run() async throws {
    await cancelWhenGracefulShutdown { await watchdog.run() }
  }
}
