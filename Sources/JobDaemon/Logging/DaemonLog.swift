import Glibc
import JobModel
package import Logging

/// The daemon's log: one sink and one style for every logger of the process.
package struct DaemonLog: Sendable {
  package let sink: LogSink
  fileprivate let style: LogStyle

  package init(style: LogStyle, descriptor: Int32 = 2) {
    self.style = style
    sink = LogSink(descriptor: descriptor) { dropped in
      style.line(
        .warning, "lines of the log were dropped: its reader did not keep up", ["lines": "\(dropped)"], at: .now)
    }
  }

  /// A logger whose label says which part of the daemon speaks; the label is not written.
  package func logger(_ label: String, level: Logger.Level = .info) -> Logger {
    Logger(label: label) { _ in Handler(log: self, logLevel: level) }
  }

  private struct Handler: LogHandler {
    let log: DaemonLog
    var logLevel: Logger.Level
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
      log.sink.write(log.style.line(event.level, "\(event.message)", fields, at: .now))
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
