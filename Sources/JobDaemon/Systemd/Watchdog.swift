package import Logging

/// Says that the daemon is alive, as often as the service manager wants to hear it (sd_watchdog_enabled(3)), as
/// long as it is: the event loop and the
/// supervisor must have answered. Storage is not asked: a stalled disk must not get the daemon and its jobs killed.
package struct Watchdog: Sendable {
  /// After how long without a sign of life the manager ends the daemon.
  private let limit: Duration
  private let notifier: Notifier
  private let logger: Logger
  private let isAlive: @Sendable () async -> Bool

  /// Nil where no watchdog is wanted of this process.
  /// - Parameters:
  ///   - environment: with WATCHDOG_USEC, and WATCHDOG_PID where another process is meant.
  ///   - isAlive: asks the parts that must be alive. It may hang: then nothing is said, which is the truth.
  package init?(
    environment: [String: String], pid: Int32, notifier: Notifier, logger: Logger,
    isAlive: @escaping @Sendable () async -> Bool
  ) {
    guard notifier.isHeard, let limit = environment["WATCHDOG_USEC"].flatMap(Int64.init), limit > 0 else { return nil }
    if let meant = environment["WATCHDOG_PID"], meant != String(pid) { return nil }
    self.limit = .microseconds(limit)
    self.notifier = notifier
    self.logger = logger
    self.isAlive = isAlive
  }

  /// Pings at each half of the limit until the calling task is cancelled.
  package func run() async {
    while !Task.isCancelled {
      let answers = await answersInTime()
      if Task.isCancelled { return }
      if answers {
        await notifier.send(.watchdog)
      } else {
        logger.error("the daemon did not answer its watchdog", metadata: ["limit": "\(limit)"])
      }
      try? await Task.sleep(for: limit / 2)
    }
  }

  /// An answer that comes late is none: then the manager, not the daemon, is right about the time that has passed.
  private func answersInTime() async -> Bool {
    await withTaskGroup(of: Bool.self) { group in
      group.addTask { [isAlive] in await isAlive() }
      group.addTask { [limit] in
        try? await Task.sleep(for: limit / 2)
        return false
      }
      let first = await group.next() ?? false
      group.cancelAll()
      return first
    }
  }
}
