import Glibc
import JobModel
import Logging

/// How a line of the log is written.
package enum LogStyle: Sendable, Hashable {
  /// For the journal: `<6>message key=value`, the priority as sd-daemon(3) has it; the journal knows the time.
  case journal
  /// For people: `2026-11-24T08:14:40.123Z notice message key=value`.
  case plain

  /// The journal's, where standard error is the stream that JOURNAL_STREAM names by device and inode
  /// (systemd.exec(5)): the
  /// variable alone is inherited by programs whose standard error is something else.
  package static func detected(environment: [String: String]) -> LogStyle {
    var status = stat()
    guard let stream = environment["JOURNAL_STREAM"], fstat(STDERR_FILENO, &status) == 0 else { return .plain }
    return stream == "\(status.st_dev):\(status.st_ino)" ? .journal : .plain
  }

  /// One line, with its end. Control characters are made visible, so that no message can forge a line or steer
  /// a terminal.
  func line(_ level: Logger.Level, _ message: String, _ metadata: Logger.Metadata, at time: Timestamp) -> String {
    let text = Self.text(message, metadata)
    return switch self {
    case .journal: "<\(level.priority)>\(text)\n"
    case .plain: "\(time) \(level.rawValue) \(text)\n"
    }
  }

  /// The message and its fields, by name.
  static func text(_ message: String, _ metadata: Logger.Metadata) -> String {
    let fields = metadata.sorted { $0.key < $1.key }.map { " \(key($0.key))=\(value("\($0.value)"))" }
    return message.printable + fields.joined()
  }

  private static func key(_ key: String) -> String {
    String(key.map { $0.isLetter || $0.isNumber || "._-".contains($0) ? $0 : "_" })
  }

  /// logfmt: quoted where it holds a space, a quote or `=`, or nothing.
  private static func value(_ value: String) -> String {
    let text = value.printable
    guard text.isEmpty || text.contains(where: { " \"=".contains($0) }) else { return text }
    return "\"\(text.replacing("\\", with: "\\\\").replacing("\"", with: "\\\""))\""
  }
}

extension Logger.Level {
  /// syslog(3).
  var priority: Int {
    switch self {
    case .trace, .debug: 7
    case .info: 6
    case .notice: 5
    case .warning: 4
    case .error: 3
    case .critical: 2
    }
  }
}
