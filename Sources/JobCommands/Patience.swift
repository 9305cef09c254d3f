import ControlClient
import Glibc
import JobModel

/// Goes on over a restart of the daemon: 30 s from the moment that it went away, with a pause between tries that
/// grows from 50 ms to a second.
struct Patience {
  private static let limit: Int64 = 30_000
  /// When the daemon went away; nil while it answers.
  private var lostAt: Int64?
  private var pause: UInt32 = 50

  /// Does `body` until it answers. What the daemon refuses is thrown at once; so is its absence, after 30 s.
  mutating func persist<Value>(_ body: () throws(ClientError) -> Value) throws -> Value {
    while true {
      do throws(ClientError) {
        let value = try body()
        lostAt = nil
        pause = 50
        return value
      } catch {
        guard Self.mayPass(error) else { throw error }
        let now = Self.now()
        if lostAt == nil {
          lostAt = now
          Output.note("jobq: the daemon went away; waiting for it to come back")
        }
        guard let lostAt, now - lostAt < Self.limit else { throw error }
        usleep(pause * 1000)
        pause = min(pause * 2, 1000)
      }
    }
  }

  /// Whether it may be otherwise in a moment: the daemon restarts.
  private static func mayPass(_ error: ClientError) -> Bool {
    switch error {
    case .noDaemon, .lost: true
    case .refused(let problem): problem.code == .notReady
    case .notPermitted, .foreign: false
    }
  }

  private static func now() -> Int64 {
    var now = timespec()
    clock_gettime(CLOCK_MONOTONIC, &now)
    return Int64(now.tv_sec) * 1000 + Int64(now.tv_nsec) / 1_000_000
  }
}

/// What Ctrl-C says while a job is waited for: the job goes on.
enum Interrupt {
  // Written once, before the handler that reads it is set; never changed or freed after.
  private nonisolated(unsafe) static var message: UnsafeMutablePointer<CChar>?

  static func explain(_ id: JobID) {
    guard message == nil else { return }
    message = strdup("\njobq: job \(id) goes on; `jobq cancel \(id)` ends it\n")
    // Only calls that signal-safety(7) allows.
    signal(SIGINT) { _ in
      if let message = Interrupt.message { _ = write(STDERR_FILENO, message, strlen(message)) }
      _exit(130)
    }
  }
}
