import Glibc
import JobModel

/// A file that gets its name once all of it is on the disk. Until then it lies beside under another name, and goes with
/// the value.
struct BackupFile: ~Copyable {
  let path: String
  private(set) var size: Int64 = 0
  private let replaces: Bool
  private let directory: String
  private let part: String
  private let descriptor: Int32
  private var isPublished = false

  /// Makes the part, mode 0600, under a name that nobody can know before: mkstemp(3).
  /// - Throws: where that would be a daemon's state directory, where the file is there and is not to be replaced, and where none can be made there.
  init(at path: String, replaces: Bool) throws(Failure) {
    self.path = path
    self.replaces = replaces
    directory = Self.directory(of: path)
    // A database that is replaced under its daemon is lost, and so is one beside which another's log lies.
    guard access("\(directory)/jobq.lock", F_OK) != 0 else {
      throw Failure(
        1,
        "\(directory.printable) is the state directory of a jobqd, and no place for backups; choose another directory")
    }
    var status = stat()
    if lstat(path, &status) == 0 {
      guard replaces else { throw Failure(1, "\(path.printable) is there already; --force replaces it") }
      guard status.st_mode & S_IFMT == S_IFREG else {
        throw Failure(1, "\(path.printable) is no regular file, and is not replaced")
      }
    }
    // mkstemp(3) puts letters of its own in the place of the six.
    var name = Array("\(path).part-XXXXXX".utf8CString)
    let descriptor = mkstemp(&name)
    guard descriptor >= 0 else { throw Self.failure("cannot write beside \(path)") }
    self.descriptor = descriptor
    part = String(decoding: name.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
  }

  deinit {
    close(descriptor)
    if !isPublished { unlink(part) }
  }

  mutating func write(_ bytes: [UInt8]) throws(Failure) {
    var rest = bytes[...]
    while !rest.isEmpty {
      let count = rest.withUnsafeBytes { Glibc.write(descriptor, $0.baseAddress, $0.count) }
      if count < 0 {
        if errno == EINTR { continue }
        throw Self.failure("cannot write \(part)")
      }
      rest = rest.dropFirst(count)
    }
    size += Int64(bytes.count)
  }

  /// Syncs it, gives it its name, and syncs that.
  mutating func publish() throws(Failure) {
    guard fsync(descriptor) == 0 else { throw Self.failure("cannot sync \(part)") }
    if replaces {
      guard rename(part, path) == 0 else { throw Self.failure("cannot write \(path)") }
    } else {
      // Unlike rename(2), link(2) replaces nothing that came meanwhile.
      guard link(part, path) == 0 else {
        if errno == EEXIST { throw Failure(1, "\(path.printable) has come meanwhile; --force replaces it") }
        throw Self.failure("cannot write \(path)")
      }
      unlink(part)
    }
    isPublished = true
    let opened = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
    guard opened >= 0 else { throw Self.failure("cannot sync \(directory)") }
    defer { close(opened) }
    guard fsync(opened) == 0 else { throw Self.failure("cannot sync \(directory)") }
  }

  private static func directory(of path: String) -> String {
    path.lastIndex(of: "/").map { $0 == path.startIndex ? "/" : String(path[..<$0]) } ?? "."
  }

  /// What the latest system call met: try again, not permitted, or an error of the disk (sysexits.h).
  private static func failure(_ what: String) -> Failure {
    let code = errno
    let exit: Int32 =
      switch code {
      case ENOSPC, EDQUOT: EX_TEMPFAIL
      case EACCES, EPERM, EROFS: EX_NOPERM
      case ENOENT, ENOTDIR, EISDIR, ENAMETOOLONG: 1
      default: EX_IOERR
      }
    return Failure(exit, "\(what.printable): \(String(cString: strerror(code)))")
  }
}
