import JobModel
import JobStore
import Logging
import ServiceLifecycle
import Supervisor
import UnixSignals

/// What the daemon does on signals: TERM and INT stop it, a second one ends the grace of running attempts at
/// once, HUP reloads.
struct Lifecycle: Sendable {
  let supervisor: Supervisor
  let notifier: Notifier
  let log: DaemonLog
  let logger: Logger
  let file: ConfigurationFile

  /// Both durations bound a stop: what has not ended by then is given up. A job's own grace is at most 10 s at
  /// a stop; what KILL does not end
  /// within 5 s is left to the next start.
  func configuration(services: [any Service], grace: TimeSpan) -> ServiceGroupConfiguration {
    var configuration = ServiceGroupConfiguration(
      services: services.map { .init(service: $0) }, gracefulShutdownSignals: [], logger: logger)
    configuration.maximumGracefulShutdownDuration = (grace + .seconds(20)).duration
    configuration.maximumCancellationDuration = .seconds(10)
    return configuration
  }

  /// What is trapped before the daemon says that it is ready, so that none of these kills it from then on.
  struct Signals: Sendable {
    /// Trapped before the configuration is read: a reload that is asked for during the start is done after it.
    let reload: UnixSignalsSequence
    /// Trapped once there is something to stop in order; before that they just end the process.
    let stop: UnixSignalsSequence
  }

  static func trapReload() async -> UnixSignalsSequence { await UnixSignalsSequence(trapping: .sighup) }
  static func trapStop() async -> UnixSignalsSequence { await UnixSignalsSequence(trapping: .sigterm, .sigint) }

  /// Handles signals until the task is cancelled.
  func listen(_ signals: Signals, _ stop: @escaping @Sendable () async -> Void) async {
    await withTaskGroup(of: Void.self) { group in
      group.addTask { for await _ in signals.reload { await reload() } }
      group.addTask {
        var isStopping = false
        for await signal in signals.stop {
          guard !isStopping else {
            logger.notice("a second signal: running attempts are ended now")
            await supervisor.hurry()
            continue
          }
          isStopping = true
          logger.notice("stopping", metadata: ["signal": "\(signal)"])
          await stop()
        }
      }
    }
  }

  /// All or nothing: a file with a complaint changes nothing.
  private func reload() async {
    await notifier.sendReloading()
    do throws(ConfigurationError) {
      let loaded = try await file.reload()
      do throws(StoreError) {
        try await supervisor.reconfigure(loaded.configuration.supervisor)
      } catch {
        throw ConfigurationError(
          file: file.path, [Complaint(line: nil, key: "schedules", message: "cannot be stored: \(error)")])
      }
      log.level = loaded.configuration.logLevel
      logger.notice("the configuration was reloaded", metadata: ["file": "\(file.path)"])
      await notifier.send(.ready, .status("ready"))
    } catch {
      for complaint in error.description.split(separator: "\n") { logger.error("\(complaint)") }
      logger.error("the configuration was not reloaded, and the one before stays in force")
      await notifier.send(.ready, .status("ready; the last reload was refused, see the log"))
    }
  }
}
