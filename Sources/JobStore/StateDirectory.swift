import Glibc

/// The directory in which all of a daemon's state lives, and the names in it.
struct StateDirectory: Sendable {
  /// Absolute, without symbolic links.
  let path: String

  var database: String { path + "/jobq.db" }
  /// A database that is being made: it gets its name once it is whole.
  var unborn: String { path + "/jobq.db.new" }
  /// A copy that is being made, until it has lost its name.
  var copy: String { path + "/jobq.db.copy" }
  var lockFile: String { path + "/jobq.lock" }

  /// Makes the directory and its missing parents, 0700 whatever the umask, and syncs what names them.
  /// - Throws: `.refused(.permission)` where it may not be made, is no directory, or others may write to it;
  ///   `.refused(.network)` where it lies on a file system that cannot hold a database.
  init(_ given: String) throws(StoreError) {
    var missing: [String] = []
    var existing = given
    var status = stat()
    while stat(existing, &status) != 0 {
      guard errno == ENOENT, let parent = Self.parent(of: existing) else { throw .system("stat", existing, errno) }
      missing.append(existing)
      existing = parent
    }
    for path in missing.reversed() {
      guard mkdir(path, 0o700) == 0 || errno == EEXIST else { throw .system("mkdir", path, errno) }
      guard chmod(path, 0o700) == 0 else { throw .system("chmod", path, errno) }
      try Self.sync(directory: Self.parent(of: path) ?? ".")
    }
    guard let resolved = realpath(given, nil) else { throw .system("realpath", given, errno) }
    path = String(cString: resolved)
    free(resolved)
    guard stat(path, &status) == 0 else { throw .system("stat", path, errno) }
    guard status.st_mode & S_IFMT == S_IFDIR else { throw .system("open", path, ENOTDIR) }
    guard status.st_mode & 0o022 == 0 else {
      throw StoreError(
        .refused(.permission), "others may write to the state directory \(path); make it jobqd's own: chmod 700 \(path)"
      )
    }
    try refuseNetwork()
  }

  /// One that is there already: only looked at.
  init(existing path: String) { self.path = path }

  private func refuseNetwork() throws(StoreError) {
    guard let system = FileSystem(of: path), system.fitness == .network else { return }
    throw StoreError(
      .refused(.network),
      "the state directory \(path) lies on a network file system (\(system.type)), where a database is not safe: "
        + "its locks and its log need one machine. Give jobqd a directory on a local disk with --state-dir")
  }

  private static func parent(of path: String) -> String? {
    let trimmed = path.reversed().drop { $0 == "/" }
    guard !trimmed.isEmpty else { return nil }
    let head = trimmed.drop { $0 != "/" }.drop { $0 == "/" }
    if !head.isEmpty { return String(head.reversed()) }
    return path.hasPrefix("/") ? "/" : "."
  }

  static func sync(directory: String) throws(StoreError) {
    let descriptor = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
    guard descriptor >= 0 else { throw .system("open", directory, errno) }
    defer { close(descriptor) }
    guard fsync(descriptor) == 0 else { throw .system("fsync", directory, errno) }
  }

  /// Takes the directory for this daemon, until the lock is let go or the process ends, however it ends.
  /// - Throws: `.refused(.locked)` where another daemon has it.
  func lock() throws(StoreError) -> StateLock {
    let descriptor = open(lockFile, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0o600)
    guard descriptor >= 0 else { throw .system("open", lockFile, errno) }
    let lock = StateLock(descriptor: descriptor)
    // A daemon that was killed while it started a job may have left the lock with the child, until that child's
    // exec closes it: milliseconds. A pause between tries and not a lock that waits, since who holds it may as well be a
    // live daemon that has not written its number yet; on the writer's own thread, at the start, for a second at the most.
    var attemptsLeft = 100
    while flock(descriptor, LOCK_EX | LOCK_NB) != 0 {
      switch errno {
      case EINTR: continue
      case EWOULDBLOCK:
        if hasDeadOwner(descriptor), attemptsLeft > 0 {
          attemptsLeft -= 1
          // The kernel drops a dead process's lock in a moment, and tells nobody. On the writer's own thread, before any work.
          usleep(10_000)
          continue
        }
        let owner = Self.text(of: descriptor)
        throw StoreError(
          .refused(.locked),
          "the state directory \(path) is in use by another jobqd\(owner.isEmpty ? "" : " (process \(owner))"): "
            + "\(lockFile) is locked. Stop that one, or give this one a directory of its own with --state-dir")
      default: throw .system("flock", lockFile, errno)
      }
    }
    lock.write(opening: lock.lastOpening)
    return lock
  }

  /// Marks an opening of the store: the boot, and the directory as the kernel knows it. A copy of the files, or of the disk,
  /// is in another place, and may be torn like after a power cut.
  func opening(in boot: String) -> String {
    var status = stat()
    return stat(path, &status) == 0 ? "\(boot) \(status.st_dev):\(status.st_ino)" : boot
  }

  /// When and where a daemon last opened the store, as the lock file says; nil where that is not noted.
  var lastOpening: String? {
    let descriptor = open(lockFile, O_RDONLY | O_CLOEXEC | O_NOFOLLOW)
    guard descriptor >= 0 else { return nil }
    // Of another open file: closing it lets no lock go.
    defer { close(descriptor) }
    return Self.lines(of: descriptor).dropFirst().first
  }

  /// Whether the process that says it holds the lock is gone.
  private func hasDeadOwner(_ descriptor: Int32) -> Bool {
    guard let owner = pid_t(Self.text(of: descriptor)) else { return false }
    return kill(owner, 0) != 0 && errno == ESRCH
  }

  /// The number of the process that says it has the lock; empty where none does.
  private static func text(of descriptor: Int32) -> String { lines(of: descriptor).first { !$0.isEmpty } ?? "" }

  fileprivate static func lines(of descriptor: Int32) -> [String] {
    var bytes = [UInt8](repeating: 0, count: 256)
    let count = pread(descriptor, &bytes, bytes.count, 0)
    return String(decoding: bytes.prefix(max(0, count)), as: UTF8.self).split(separator: "\n").map(String.init)
  }
}

/// flock(2) on the lock file. It belongs to the open file, so a lock that outlives its daemon cannot be: the
/// kernel drops it. The file itself stays, for a file that is removed while another waits for it locks nobody
/// out.
struct StateLock: ~Copyable {
  fileprivate let descriptor: Int32

  fileprivate var lastOpening: String? { StateDirectory.lines(of: descriptor).dropFirst().first }

  /// The store has been opened: from here on nothing less than a power cut breaks its log.
  func note(opening: String) { write(opening: opening) }

  /// The number of this process is for people, and for the message of who comes second: it is the lock that counts.
  fileprivate func write(opening: String?) {
    let text = "\(getpid())\n" + (opening.map { "\($0)\n" } ?? "")
    if ftruncate(descriptor, 0) == 0 { _ = pwrite(descriptor, text, text.utf8.count, 0) }
  }

  deinit {
    // Not by the close alone: a child between fork and exec has the descriptor too.
    flock(descriptor, LOCK_UN)
    close(descriptor)
  }
}
