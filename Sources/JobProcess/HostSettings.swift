import Glibc

/// What a process hands on to its children and a daemon changes for itself. Read it before the change; the jobs
/// get it back.
package struct HostSettings: Sendable, Hashable {
  /// The soft limit of open files, getrlimit(2).
  package var openFiles: UInt64
  /// -1000…1000, proc_pid_oom_score_adj(5).
  package var outOfMemoryScore: Int

  package init(openFiles: UInt64, outOfMemoryScore: Int) {
    self.openFiles = openFiles
    self.outOfMemoryScore = outOfMemoryScore
  }

  /// As they are now. Reads a file of /proc.
  package static func current() -> HostSettings {
    var limit = rlimit()
    unsafe getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
    let text = (try? System.contents("/proc/self/oom_score_adj")) ?? []
    let score = Int(String(decoding: text.prefix { $0 != UInt8(ascii: "\n") }, as: UTF8.self))
    return HostSettings(openFiles: UInt64(limit.rlim_cur), outOfMemoryScore: score ?? 0)
  }
}
