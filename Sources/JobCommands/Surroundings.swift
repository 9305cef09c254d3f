import Glibc
import JobModel

/// What the client takes from the place that it is called in.
enum Surroundings {
  static func variable(_ name: String) -> String? { getenv(name).map { String(cString: $0) } }

  /// The whole environment, in its own order.
  static func environment() -> [(name: String, value: String)] {
    var variables: [(String, String)] = []
    var entry = environ
    while let text = entry.pointee {
      let parts = String(cString: text).split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
      if parts.count == 2, !parts[0].isEmpty { variables.append((String(parts[0]), String(parts[1]))) }
      entry += 1
    }
    return variables
  }

  static func directory() throws -> String {
    guard let path = getcwd(nil, 0) else {
      throw Failure(64, "the directory that this is called in is gone; go to one that is there, or give --cwd")
    }
    defer { free(path) }
    return String(cString: path)
  }

  /// Read without being changed: there is no call that only reads it, but nothing else runs here meanwhile. umask(2).
  static func umask() -> String {
    let mask = Glibc.umask(0o077)
    _ = Glibc.umask(mask)
    let digits = String(mask & 0o777, radix: 8)
    return String(repeating: "0", count: 3 - digits.count) + digits
  }

  /// Variables that belong to a job or to a service, and not to what they start.
  private static func isPrivate(_ name: String) -> Bool {
    name.hasPrefix("JOBQ_") || name.hasPrefix("LISTEN_")
      || ["NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID"].contains(name)
  }

  /// The variables that a job is given.
  /// - Parameters:
  ///   - named: `K=V`, or `K` for the caller's own value.
  ///   - isOwnDaemon: the daemon runs as the caller, whose HOME, USER and SHELL are then right for the job.
  ///     Asked only where it matters.
  static func jobEnvironment(
    named: [String], inheritAll: Bool, all: [(name: String, value: String)], isOwnDaemon: () throws -> Bool
  ) throws -> [String: String] {
    var chosen: [String: String] = [:]
    let isOwn = try isOwnDaemon()
    for (name, value) in all where !isPrivate(name) {
      switch name {
      case "PATH", "LANG", "TZ": chosen[name] = value
      case "HOME", "USER", "SHELL": if isOwn { chosen[name] = value }
      default: if inheritAll { chosen[name] = value }
      }
    }
    for text in named {
      let parts = text.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
      let name = String(parts[0])
      guard !name.isEmpty else { throw Failure(64, "--env \(text): K=V or the name of a variable is expected") }
      if parts.count == 2 {
        chosen[name] = String(parts[1])
      } else if let value = all.last(where: { $0.name == name })?.value {
        chosen[name] = value
      } else {
        throw Failure(64, "--env \(name): the variable is not set here; give --env \(name)=VALUE")
      }
    }
    return chosen
  }

  /// A point in time as a person gives it: RFC 3339, or `HH:MM[:SS]` of the local day (past: of the next).
  static func time(_ text: String, now: Int) -> Timestamp? {
    if let time = Timestamp(rfc3339: text) { return time }
    let parts = text.split(separator: ":", omittingEmptySubsequences: false)
    guard (2...3).contains(parts.count),
      parts.allSatisfy({ $0.count == 2 && $0.allSatisfy { $0.isASCII && $0.isNumber } })
    else { return nil }
    let numbers = parts.compactMap { Int32($0) }
    guard numbers[0] < 24, numbers[1] < 60, numbers.count < 3 || numbers[2] < 60 else { return nil }
    var start = time_t(now)
    var civil = tm()
    localtime_r(&start, &civil)
    civil.tm_hour = numbers[0]
    civil.tm_min = numbers[1]
    civil.tm_sec = numbers.count == 3 ? numbers[2] : 0
    civil.tm_isdst = -1
    var due = civil
    var time = mktime(&due)
    if time <= start {
      civil.tm_mday += 1
      time = mktime(&civil)
    }
    return Timestamp(milliseconds: Int64(time) * 1000)
  }
}
