import Glibc

/// The most memory that this process had, to tell a job's own figure from it.
///
/// A child begins in its parent's memory, and execve(2) hands the peak of what it leaves on (fs/exec.c,
/// `setmax_mm_hiwater_rss`): ru_maxrss of a child is never less than the parent's own peak. So where it is not more,
/// it says nothing of the job.
struct OwnPeak {
  /// As it was when it was last read: it only grows.
  private var known: Int64 = 0
  /// The kernel counts pages for each processor, and sums them up now and then.
  private static let blur: Int64 = 1 << 20

  /// The figure of a child that has ended, if it is the child's.
  mutating func withoutOwn(_ bytes: Int64) -> Int64? {
    if bytes > known + Self.blur { known = max(known, Self.read() ?? 0) }
    return bytes > known + Self.blur ? bytes : nil
  }

  /// VmHWM, proc_pid_status(5).
  static func read() -> Int64? {
    guard let text = try? System.contents("/proc/self/status") else { return nil }
    for line in text.split(separator: UInt8(ascii: "\n")) where line.starts(with: "VmHWM:".utf8) {
      let digits = line.filter { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }
      return Int64(String(decoding: digits, as: UTF8.self)).map { $0 * 1024 }
    }
    return nil
  }
}
