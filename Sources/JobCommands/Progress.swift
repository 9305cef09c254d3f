import Glibc
import JobModel

/// How far a long enqueue has come: one line on standard error, redrawn in place, on a terminal only.
struct Progress {
  private let total: Int64?
  private let isShown: Bool
  private let started: Timestamp
  private var lastDrawn: Timestamp?

  /// - Parameter total: bytes, where they are known.
  init(total: Int64?) {
    self.total = total
    isShown = isatty(STDERR_FILENO) == 1 && CallerEnvironment.variable("TERM") != "dumb"
    started = .now
  }

  /// At most ten times a second.
  mutating func show(jobs: Int, bytes: Int64) {
    guard isShown else { return }
    let now = Timestamp.now
    if let lastDrawn, (now - lastDrawn).milliseconds < 100 { return }
    lastDrawn = now
    let line = Progress.line(
      jobs: jobs, bytes: bytes, total: total, elapsed: now - started, width: Terminal.width(of: STDERR_FILENO))
    // CR, the line, and EL (erase to its end), ECMA-48.
    Output.toStandardError("\r\(line)\u{1B}[K")
  }

  /// Takes the line away.
  mutating func end() {
    guard lastDrawn != nil else { return }
    lastDrawn = nil
    Output.toStandardError("\r\u{1B}[K")
  }

  static func line(jobs: Int, bytes: Int64, total: Int64?, elapsed: TimeSpan, width: Int) -> String {
    let rate = Int(Double(jobs) / max(elapsed.seconds, 0.001))
    let text = "\(jobs) jobs, \(rate)/s"
    guard let total, total > 0 else { return text.cut(to: max(1, width - 1)) }
    let part = min(1, Double(bytes) / Double(total))
    let percent = "\(Int(part * 100))%"
    let room = min(30, width - text.count - percent.count - 6)
    guard room >= 5 else { return "\(percent) \(text)".cut(to: max(1, width - 1)) }
    let done = Int(part * Double(room))
    return "[\(String(repeating: "#", count: done))\(String(repeating: ".", count: room - done))] \(percent)  \(text)"
  }
}
