import CLinux

/// What the daemon gives back to the kernel.
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

  /// Once it is ready. Reading the configuration, opening and checking the store and recovering touch code that is not
  /// used again, for as long as the daemon lives.
  static func forgetStart() {
    clinux_forget_code()
    malloc_trim(0)
  }
}
