import Glibc

/// How many descriptors this process may have.
package enum OpenFiles {
  /// Raises the soft limit to the hard one, which is what systemd recommends to programs that need many and do
  /// not use select(2). Only after the
  /// runner of processes has noted the limit that jobs get. getrlimit(2); where it is refused the limit stays as it is.
  package static func raiseLimit() {
    var limit = rlimit()
    let resource = __rlimit_resource_t(RLIMIT_NOFILE.rawValue)
    guard getrlimit(resource, &limit) == 0, limit.rlim_cur < limit.rlim_max else { return }
    limit.rlim_cur = limit.rlim_max
    setrlimit(resource, &limit)
  }

  /// How many connections there is room for: no more than `most`, and what the limit leaves beside the daemon's own files
  /// and those of running attempts. Were all of them given to clients, none could be told so, and no job could start.
  package static func connections(atMost most: Int, workers: Int) -> Int {
    var limit = rlimit()
    guard getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0 else { return most }
    return connections(atMost: most, workers: workers, descriptors: Int(min(limit.rlim_cur, 1 << 30)))
  }

  static func connections(atMost most: Int, workers: Int, descriptors: Int) -> Int {
    let left = descriptors - own - perAttempt * workers
    // A sixteenth beyond the limit is let in for as long as it takes to be refused.
    return min(most, max(least, left * 16 / 17))
  }

  private static let own = 64
  private static let perAttempt = 8
  private static let least = 16
}
