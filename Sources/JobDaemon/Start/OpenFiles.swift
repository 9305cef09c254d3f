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
}
