import CLinux

/// How malloc(3) deals with what the daemon gives back.
enum Allocator {
  /// Before a second thread runs. A body of 50,000 jobs takes 100 MB for a moment: left to itself the allocator
  /// spreads that over an arena for each thread that had a part in it and, as blocks come to be larger, keeps more and
  /// more of what is free. mallopt(3): two arenas, so that the writer does not wait for who decodes; and what is
  /// free at the end of one, or was large, goes back to the kernel.
  static func giveBack() {
    _ = mallopt(M_ARENA_MAX, 2)
    _ = mallopt(M_TRIM_THRESHOLD, 1 << 20)
    _ = mallopt(M_MMAP_THRESHOLD, 1 << 20)
  }
}
