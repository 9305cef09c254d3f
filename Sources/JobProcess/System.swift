import CJobProcess
import Glibc
import JobModel

/// System calls, each behind one function that calls again when a signal interrupts and throws errno with the
/// call's name.
///
/// They take descriptors, not numbers: who calls keeps a descriptor open for as long as the call lasts. A number
/// taken from the last owner is that of a closed file.
enum System {
  static func check(_ call: String, _ body: () -> Int32) throws(Failure) -> Int32 {
    while true {
      let result = body()
      if result >= 0 { return result }
      if errno != EINTR { throw Failure(errno: errno, call: call) }
    }
  }

  static func check(_ call: String, _ body: () -> Int) throws(Failure) -> Int {
    while true {
      let result = body()
      if result >= 0 { return result }
      if errno != EINTR { throw Failure(errno: errno, call: call) }
    }
  }

  // MARK: Files

  /// Where relative paths begin: a directory, or this process's own.
  private static func place(_ directory: Descriptor?) -> Int32 { directory?.raw ?? AT_FDCWD }

  static func open(_ path: String, at directory: Descriptor? = nil, _ flags: Int32, mode: mode_t = 0)
    throws(Failure) -> Descriptor
  {
    Descriptor(try check("openat") { unsafe openat(place(directory), path, flags | O_CLOEXEC, mode) })
  }

  static func openDirectory(_ path: String, at directory: Descriptor? = nil) throws(Failure) -> Descriptor {
    try open(path, at: directory, O_RDONLY | O_DIRECTORY | O_NOFOLLOW)
  }

  static func makeDirectory(_ path: String, at directory: Descriptor? = nil, mode: mode_t) throws(Failure) {
    _ = try check("mkdirat") { unsafe mkdirat(place(directory), path, mode) }
  }

  static func remove(_ path: String, at directory: Descriptor? = nil) throws(Failure) {
    _ = try check("unlinkat") { unsafe unlinkat(place(directory), path, 0) }
  }

  static func removeDirectory(_ path: String, at directory: Descriptor? = nil) throws(Failure) {
    _ = try check("unlinkat") { unsafe unlinkat(place(directory), path, AT_REMOVEDIR) }
  }

  static func exists(_ path: String, at directory: Descriptor? = nil) -> Bool {
    unsafe faccessat(place(directory), path, F_OK, AT_SYMLINK_NOFOLLOW) == 0
  }

  /// When something was last written to the file; nil where it is not there.
  static func lastWrite(to path: String, at directory: Descriptor? = nil) -> Timestamp? {
    var status = stat()
    guard unsafe fstatat(place(directory), path, &status, AT_SYMLINK_NOFOLLOW) == 0 else { return nil }
    return Timestamp(milliseconds: Int64(status.st_mtim.tv_sec) * 1000 + Int64(status.st_mtim.tv_nsec) / 1_000_000)
  }

  static func size(_ descriptor: Descriptor) throws(Failure) -> Int64 {
    var status = stat()
    _ = try check("fstat") { unsafe fstat(descriptor.raw, &status) }
    return Int64(status.st_size)
  }

  /// The names in a directory, without `.` and `..`.
  static func names(in directory: Descriptor) throws(Failure) -> [String] {
    // A descriptor of its own: closedir closes what fdopendir was given.
    let copy = try check("openat") { unsafe openat(directory.raw, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC) }
    guard let stream = unsafe fdopendir(copy) else {
      let failure = Failure(errno: errno, call: "fdopendir")
      close(copy)
      throw failure
    }
    defer { unsafe closedir(stream) }
    var names: [String] = []
    while let entry = unsafe readdir(stream) {
      let name = unsafe withUnsafePointer(to: &entry.pointee.d_name) {
        unsafe $0.withMemoryRebound(to: CChar.self, capacity: 256) { unsafe String(cString: $0) }
      }
      if name != ".", name != ".." { names.append(name) }
    }
    return names
  }

  /// The whole of a small file, such as one of /proc, which must be read from its beginning to be consistent.
  static func contents(_ path: String, at directory: Descriptor? = nil) throws(Failure) -> [UInt8] {
    try contents(of: try open(path, at: directory, O_RDONLY))
  }

  static func contents(of file: Descriptor) throws(Failure) -> [UInt8] {
    var bytes: [UInt8] = []
    while true {
      let more = try read(file, at: Int64(bytes.count), max: 4096)
      if more.isEmpty { return bytes }
      bytes += more
    }
  }

  static func read(_ file: Descriptor, at offset: Int64, max: Int) throws(Failure) -> [UInt8] {
    var failure: Failure?
    let bytes = unsafe [UInt8](unsafeUninitializedCapacity: max) { buffer, count in
      do throws(Failure) {
        count = try check("pread") { unsafe pread(file.raw, buffer.baseAddress, max, off_t(offset)) }
      } catch {
        failure = error
      }
    }
    if let failure { throw failure }
    return bytes
  }

  /// Writes all of it.
  static func write(_ bytes: some Collection<UInt8>, to file: Descriptor) throws(Failure) {
    let bytes = Array(bytes)
    var done = 0
    while done < bytes.count {
      done += try check("write") {
        unsafe bytes.withUnsafeBytes { unsafe Glibc.write(file.raw, $0.baseAddress! + done, $0.count - done) }
      }
    }
  }

  static func write(_ text: String, to path: String, at directory: Descriptor? = nil) throws(Failure) {
    try write(text.utf8, to: open(path, at: directory, O_WRONLY))
  }

  // MARK: Pipes

  /// A pipe of which the reading end does not block.
  static func pipe() throws(Failure) -> (read: Descriptor, write: Descriptor) {
    var ends: [Int32] = [-1, -1]
    _ = try check("pipe2") { unsafe jobq_pipe(&ends) }
    let (read, write) = (Descriptor(ends[0]), Descriptor(ends[1]))
    _ = try check("fcntl") { fcntl(read.raw, F_SETFL, O_NONBLOCK) }
    return (read, write)
  }

  /// Moves bytes from a pipe to a file at its position, without copying them through this process: splice(2).
  /// 0: no writer is left.
  static func splice(_ pipe: Descriptor, to file: Descriptor, max: Int) throws(Failure) -> Int {
    try check("splice") { jobq_splice(pipe.raw, file.raw, max) }
  }

  /// Reads from a pipe that does not block.
  static func read(_ pipe: Descriptor, max: Int) throws(Failure) -> [UInt8] {
    var failure: Failure?
    let bytes = unsafe [UInt8](unsafeUninitializedCapacity: max) { buffer, count in
      do throws(Failure) {
        count = try check("read") { unsafe Glibc.read(pipe.raw, buffer.baseAddress, max) }
      } catch {
        failure = error
      }
    }
    if let failure { throw failure }
    return bytes
  }

  /// Whether a pipe has something to move, without moving it.
  static func look(into pipe: Descriptor) -> PipeStep {
    var entry = pollfd(fd: pipe.raw, events: Int16(POLLIN), revents: 0)
    guard unsafe poll(&entry, 1, 0) > 0 else { return .empty }
    return Int32(entry.revents) & POLLIN != 0 ? .moved : .ended
  }

  // MARK: Events and time

  static func eventCounter(_ flags: Int = 0) throws(Failure) -> Descriptor {
    Descriptor(try check("eventfd") { eventfd(0, Int32(EFD_CLOEXEC | flags)) })
  }

  static func add(_ count: UInt64, to counter: Descriptor) {
    // It fails only where the counter would overflow; it is then readable already.
    eventfd_write(counter.raw, count)
  }

  /// Takes the count, waiting for it where the counter blocks.
  static func take(from counter: Descriptor) {
    var count: UInt64 = 0
    while unsafe eventfd_read(counter.raw, &count) < 0, errno == EINTR {}
  }

  /// CLOCK_MONOTONIC in nanoseconds.
  static func monotonicNow() -> UInt64 {
    var time = timespec()
    unsafe clock_gettime(CLOCK_MONOTONIC, &time)
    return UInt64(time.tv_sec) * 1_000_000_000 + UInt64(time.tv_nsec)
  }
}

/// What came of looking into a pipe, or of moving a part of what is in it.
enum PipeStep {
  case moved
  case empty
  /// No writer is left.
  case ended
}
