import CJobProcess
import Glibc

/// The calls of `CJobProcess` that need neither memory nor a reason: an ended process is no error.
enum Kernel {
  static func openProcess(_ pid: pid_t) -> Int32 { jobq_pidfd_open(pid) }

  static func signal(_ descriptor: Int32, _ signal: Int32) { _ = jobq_pidfd_send_signal(descriptor, signal) }

  /// How a child ended; nil while it runs. The child stays a zombie, and its number its own, until it is reaped.
  static func end(of child: Descriptor) -> (end: LeaderEnd, usage: ResourceUsage)? {
    var (code, status) = (Int32(0), Int32(0))
    var usage = rusage()
    guard unsafe jobq_wait(child.raw, false, &code, &status, &usage) == 1 else { return nil }
    let way: LeaderEnd.Way = code == CLD_EXITED ? .exited(Int(status)) : .killed(signal: Int(status))
    return (LeaderEnd(way: way), ResourceUsage(usage))
  }

  static func reap(_ child: Descriptor) {
    var (code, status) = (Int32(0), Int32(0))
    var usage = rusage()
    _ = unsafe jobq_wait(child.raw, true, &code, &status, &usage)
  }
}

/// What a process used, with those of its children that it waited for: getrusage(2).
struct ResourceUsage: Sendable {
  private(set) var userSeconds: Double
  private(set) var systemSeconds: Double
  /// Nil where it cannot be told from this process's own (`OwnPeak`).
  var maxRSSBytes: Int64?

  init(_ usage: rusage) {
    userSeconds = Self.seconds(usage.ru_utime)
    systemSeconds = Self.seconds(usage.ru_stime)
    maxRSSBytes = Int64(usage.ru_maxrss) * 1024
  }

  /// Without the time that it had used when its program began.
  func since(_ start: ResourceUsage) -> ResourceUsage {
    var usage = self
    usage.userSeconds = max(0, userSeconds - start.userSeconds)
    usage.systemSeconds = max(0, systemSeconds - start.systemSeconds)
    return usage
  }

  private static func seconds(_ time: timeval) -> Double { Double(time.tv_sec) + Double(time.tv_usec) / 1_000_000 }
}
