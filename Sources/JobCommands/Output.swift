import FoundationEssentials
import Glibc
import JobModel

/// Standard output and error of the command line.
enum Output {
  /// Whether standard output is a terminal.
  static var isTerminal: Bool { isatty(STDOUT_FILENO) == 1 }

  /// The terminal's width; nil where the output is none, and nothing is to be cut then.
  static var width: Int? {
    guard isTerminal else { return nil }
    if let columns = Surroundings.variable("COLUMNS").flatMap({ Int($0) }), columns > 0 { return columns }
    var size = winsize()
    return ioctl(STDOUT_FILENO, UInt(TIOCGWINSZ), &size) == 0 && size.ws_col > 0 ? Int(size.ws_col) : 80
  }

  /// Colour only on a terminal that has it, and where NO_COLOR (no-color.org) is not set.
  static var isColoured: Bool {
    isTerminal && (Surroundings.variable("NO_COLOR") ?? "").isEmpty && Surroundings.variable("TERM") != "dumb"
  }

  static func print(_ line: String) throws { try write(Array((line + "\n").utf8)[...]) }

  static func print(_ data: Data) throws { try write(Array(data)[...] + [0x0A]) }

  static func write(_ bytes: ArraySlice<UInt8>) throws { try put(bytes, STDOUT_FILENO) }

  static func note(_ line: String) { try? put(Array((line + "\n").utf8)[...], STDERR_FILENO) }

  /// `jobq: message`, each further line indented.
  static func complain(_ message: String) {
    guard !message.isEmpty else { return }
    note("jobq: " + message.split(separator: "\n", omittingEmptySubsequences: false).joined(separator: "\n  "))
  }

  /// Nothing is held back; a disk that is full shows at the write.
  static func flush() throws {}

  private static func put(_ bytes: ArraySlice<UInt8>, _ descriptor: Int32) throws {
    var rest = bytes
    while !rest.isEmpty {
      let count = rest.withUnsafeBytes { Glibc.write(descriptor, $0.baseAddress, $0.count) }
      if count < 0 {
        if errno == EINTR { continue }
        throw Failure(74, descriptor == STDOUT_FILENO ? "standard output: \(String(cString: strerror(errno)))" : "")
      }
      rest = rest.dropFirst(count)
    }
  }
}

/// Colours by meaning.
enum Paint {
  static func state(_ state: JobState) -> String {
    guard Output.isColoured else { return state.rawValue }
    let code =
      switch state {
      case .succeeded: "32"
      case .failed: "31"
      case .running: "36"
      case .cancelled: "90"
      case .held, .blocked, .scheduled: "33"
      case .queued: "0"
      }
    return "\u{1B}[\(code)m\(state.rawValue)\u{1B}[0m"
  }

  /// How many columns the text takes on a terminal: without the colours.
  static func width(_ text: String) -> Int {
    var count = 0
    var isCode = false
    for character in text {
      if character == "\u{1B}" { isCode = true } else if isCode { isCode = character != "m" } else { count += 1 }
    }
    return count
  }
}

/// Columns of text, aligned. On a terminal the last column is cut so that each row is one line.
struct Table {
  private var rows: [[String]]

  init(_ header: [String]) { rows = [header] }

  mutating func add(_ row: [String]) { rows.append(row) }

  func text(width: Int?) -> String {
    let columns = rows[0].count
    let widths = (0..<columns).map { column in rows.map { Paint.width($0[column]) }.max() ?? 0 }
    return rows.map { row in
      var line = ""
      for column in 0..<columns - 1 {
        line += row[column] + String(repeating: " ", count: widths[column] - Paint.width(row[column]) + 2)
      }
      var last = row[columns - 1]
      if let width {
        let room = max(width - (widths.dropLast().reduce(0, +) + 2 * (columns - 1)), 4)
        if last.count > room { last = last.prefix(room - 1) + "…" }
      }
      line += last
      while line.last == " " { line.removeLast() }
      return line + "\n"
    }.joined()
  }

  func print() throws { try Output.write(Array(text(width: Output.width).utf8)[...]) }
}

/// Texts for people.
enum Words {
  static func now() -> Timestamp {
    var now = timespec()
    clock_gettime(CLOCK_REALTIME, &now)
    return Timestamp(milliseconds: Int64(now.tv_sec) * 1000 + Int64(now.tv_nsec) / 1_000_000)
  }

  /// `12s ago`, `in 5m`; the two largest units at the most.
  static func relative(_ time: Timestamp?, to now: Timestamp) -> String {
    guard let time else { return "-" }
    let span = time - now
    return span.milliseconds > 0 ? "in \(brief(span))" : "\(brief(TimeSpan(milliseconds: -span.milliseconds))) ago"
  }

  static func brief(_ span: TimeSpan) -> String {
    let seconds = span.milliseconds / 1000
    switch seconds {
    case ..<60: return "\(seconds)s"
    case ..<3600: return "\(seconds / 60)m"
    case ..<86_400: return "\(seconds / 3600)h\(seconds % 3600 / 60 > 0 ? "\(seconds % 3600 / 60)m" : "")"
    default: return "\(seconds / 86_400)d\(seconds % 86_400 / 3600 > 0 ? "\(seconds % 86_400 / 3600)h" : "")"
    }
  }

  /// The command as a shell would take it.
  static func command(_ words: [String]) -> String {
    words.map { word in
      let isPlain =
        !word.isEmpty
        && word.utf8.allSatisfy { byte in
          switch byte {
          case 0x30...0x39, 0x41...0x5A, 0x61...0x7A: true
          default: "_-./:=@%+,".utf8.contains(byte)
          }
        }
      return isPlain
        ? word
        : "'" + word.printable.split(separator: "'", omittingEmptySubsequences: false).joined(separator: "'\\''") + "'"
    }.joined(separator: " ")
  }

  /// What a job does, in one line.
  static func work(_ job: Job) -> String {
    if let name = job.name { return name.printable }
    if let command = job.command { return self.command(command) }
    return "(payload)"
  }

  /// How it ended, or what keeps it.
  static func result(_ job: Job) -> String {
    guard let outcome = job.outcome else { return job.cancelling ? "cancelling" : "-" }
    return ending(outcome, job.exitCode, job.signal)
  }

  static func ending(_ outcome: Outcome, _ exitCode: Int?, _ signal: Int?) -> String {
    switch outcome {
    case .succeeded: "ok"
    case .failed: "exit \(exitCode ?? 1)"
    case .signaled: "signal \(signal ?? 0)"
    case .timedOut: "timed out"
    case .spawnFailed: "not started"
    case .oomKilled: "out of memory"
    case .leaseExpired: "lease expired"
    case .cancelled, .interrupted: outcome.rawValue
    }
  }
}
