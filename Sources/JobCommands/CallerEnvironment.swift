import Glibc
import JobModel

/// What of the caller's surroundings a job gets.
enum CallerEnvironment {
  /// Sent wherever the daemon runs: they mean the same to everyone on the machine.
  static let common = ["PATH", "LANG", "TZ"]
  /// Sent only to one's own daemon. Another runs the job as its own user, whose values it knows.
  static let personal = ["HOME", "USER", "SHELL"]

  /// The daemon sets these for each job, or they are between a service and its manager.
  static func isPrivate(_ name: String) -> Bool {
    ["JOBQ_ID", "JOBQ_ATTEMPT", "JOBQ_QUEUE", "JOBQ_MARK", "JOBQ_SOCKET", "NOTIFY_SOCKET"].contains(name)
      || name.hasPrefix("LISTEN_")
  }

  /// getenv(3). Nil where it is unset, or no UTF-8.
  static func variable(_ name: String) -> String? { getenv(name).flatMap { String(validatingCString: $0) } }

  /// The variables of a job.
  /// - Parameters:
  ///   - isOwnDaemon: whether jobs run as the caller.
  ///   - inherited: all that the caller has, where `--inherit-env` is given.
  ///   - settings: of `--env`, `K=V` or `K`.
  /// - Throws: 64 where a `K` is not set.
  static func collect(
    isOwnDaemon: Bool, inherited: [String: String]?, settings: [String], variable: (String) -> String? = variable
  ) throws(Failure) -> [String: String] {
    var env = inherited?.filter { !isPrivate($0.key) } ?? [:]
    for name in common + (isOwnDaemon ? personal : []) { env[name] = variable(name) ?? env[name] }
    for setting in settings {
      guard let equals = setting.firstIndex(of: "=") else {
        guard let value = variable(setting) else {
          throw .usage("--env \(setting.printable): you have no such variable (or it is not UTF-8); --env K=V sets one")
        }
        env[setting] = value
        continue
      }
      guard equals != setting.startIndex else {
        throw .usage("--env \(setting.printable): K or K=V is expected")
      }
      env[String(setting[..<equals])] = String(setting[setting.index(after: equals)...])
    }
    return env
  }

  /// All variables of this process, as proc(5) `environ` has them from the exec on: nothing here sets one.
  static func all() throws(Failure) -> [String: String] {
    let bytes = try InputFile("/proc/self/environ").readAll(upTo: .max)
    var all: [String: String] = [:]
    for entry in bytes.split(separator: 0) {
      guard let equals = entry.firstIndex(of: 0x3D), equals != entry.startIndex else { continue }
      guard let text = String(validating: entry, as: UTF8.self) else {
        throw .usage(
          "--inherit-env: \(String(decoding: entry[..<equals], as: UTF8.self).printable) is not UTF-8, and cannot be sent; unset it"
        )
      }
      let name = text.prefix { $0 != "=" }
      if all[String(name)] == nil { all[String(name)] = String(text.dropFirst(name.count + 1)) }
    }
    return all
  }

  /// getcwd(3): without symbolic links.
  static func directory() throws(Failure) -> String {
    guard let path = getcwd(nil, 0) else {
      throw .usage("the current directory: \(String(cString: strerror(errno))); name one with --cwd")
    }
    defer { free(path) }
    guard let text = String(validatingCString: path) else {
      throw .usage("the current directory's path is not UTF-8; name one with --cwd")
    }
    return text
  }

  /// The caller's umask, in octal digits. umask(2) can only be read by setting it; this program has one thread, and makes no file between.
  static func umask() -> String {
    let mask = Glibc.umask(0o077)
    _ = Glibc.umask(mask)
    let digits = String(mask & 0o777, radix: 8)
    return String(repeating: "0", count: 3 - digits.utf8.count) + digits
  }
}
