import Glibc
import JobModel
package import Logging
import Synchronization

/// The daemon's log: one sink and one style for every logger of the process.
package struct DaemonLog: Sendable {
  package let sink: LogSink
  fileprivate let style: LogStyle
  private let threshold = Threshold()

  /// What is not said, of all loggers that have no level of their own. May be changed at any time.
  private final class Threshold: Sendable {
    let level = Mutex(Logger.Level.info)
  }

  /// - Parameter journal: where the journal takes entries, in its style.
  package init(style: LogStyle, descriptor: Int32 = 2, journal: String = "/run/systemd/journal/socket") {
    self.style = style
    let journal = style == .journal ? Journal(path: journal) : nil
    sink = LogSink(descriptor: descriptor, journal: journal) { dropped in
      style.line(
        .warning, "lines of the log were dropped: its reader did not keep up", ["lines": "\(dropped)"], at: .now)
    }
  }

  /// A logger whose label says which part of the daemon speaks; the label is not written.
  package func logger(_ label: String) -> Logger {
    Logger(label: label) { _ in Handler(log: self) }
  }

  /// From now on, for every logger of this log: the least level that is written.
  package var level: Logger.Level {
    get { threshold.level.withLock { $0 } }
    nonmutating set { threshold.level.withLock { $0 = newValue } }
  }

  private struct Handler: LogHandler {
    let log: DaemonLog

    init(log: DaemonLog) { self.log = log }

    private var own: Logger.Level?
    var logLevel: Logger.Level {
      get { own ?? log.level }
      set { own = newValue }
    }
    var metadata = Logger.Metadata()
    var metadataProvider: Logger.MetadataProvider?

    subscript(metadataKey key: String) -> Logger.Metadata.Value? {
      get { metadata[key] }
      set { metadata[key] = newValue }
    }

    func log(event: LogEvent) {
      var fields = metadata
      if let provided = metadataProvider?.get() { fields.merge(provided) { $1 } }
      if let given = event.metadata { fields.merge(given) { $1 } }
      if let error = event.error { fields["error"] = "\(error)" }
      let message = "\(event.message)"
      log.sink.write(
        log.style.line(event.level, message, fields, at: .now),
        entry: Journal.entry(event.level, LogStyle.text(message, fields), fields))
    }
  }
}

extension Timestamp {
  fileprivate static var now: Timestamp {
    var now = timespec()
    clock_gettime(CLOCK_REALTIME, &now)
    return Timestamp(milliseconds: Int64(now.tv_sec) * 1000 + Int64(now.tv_nsec) / 1_000_000)
  }
}
