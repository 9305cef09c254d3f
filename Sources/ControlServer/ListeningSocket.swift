import Glibc
import JobModel

/// A listening Unix socket: bound at a path of ours, or adopted.
///
/// While a path is looked at, cleaned and bound, its directory is locked (flock(2)), so that two daemons that start at
/// once cannot each take the other's socket for a stale one. No calls here wait.
struct ListeningSocket: Sendable {
  /// The caller's to close, unless it hands it on.
  let descriptor: Int32
  /// The path that is ours to unlink, and the file that was made there.
  private let owned: (path: String, file: FileIdentity)?

  /// The most bytes of a path in `sockaddr_un`, its NUL left out. unix(7).
  static let longestPath = MemoryLayout.size(ofValue: sockaddr_un().sun_path) - 1

  init(_ socket: ControlSocket) throws(ControlServerError) {
    switch socket {
    case .adopt(let descriptor): try self.init(adopting: descriptor)
    case .bind(let path, let mode, let group): try self.init(path: path, mode: mode, group: group)
    }
  }

  private init(adopting descriptor: Int32) throws(ControlServerError) {
    guard Self.option(SO_DOMAIN, of: descriptor) == AF_UNIX,
      Self.option(SO_TYPE, of: descriptor) == Int32(SOCK_STREAM.rawValue),
      Self.option(SO_ACCEPTCONN, of: descriptor) == 1
    else {
      throw ControlServerError(.unusable, "descriptor \(descriptor) is no listening Unix stream socket")
    }
    self.descriptor = descriptor
    owned = nil
  }

  private init(path: String, mode: UInt16, group: String?) throws(ControlServerError) {
    guard path.hasPrefix("/"), !path.utf8.contains(0) else {
      throw ControlServerError(.unusable, "the socket's path \"\(path.printable)\" is not absolute")
    }
    guard path.utf8.count <= Self.longestPath else {
      throw ControlServerError(
        .unusable,
        "the socket's path \"\(path)\" has \(path.utf8.count) bytes; the system takes \(Self.longestPath) at most")
    }
    let gid = try group.map { name throws(ControlServerError) in try Self.gid(of: name) }
    let lock = try DirectoryLock(parentOf: path)
    defer { lock.unlock() }
    try Self.makeWay(at: path)

    let descriptor = Glibc.socket(AF_UNIX, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
    guard descriptor >= 0 else { throw ControlServerError("socket", path, errno: errno) }
    do throws(ControlServerError) {
      // Linux makes the file with the mode of the unbound socket (`unix_bind` takes it from the inode): for nobody
      // but us until group and mode are set. Unlike umask(2) this touches no other thread.
      guard fchmod(descriptor, 0o600) == 0 else { throw ControlServerError("fchmod", path, errno: errno) }
      guard Self.withAddress(path, { Glibc.bind(descriptor, $0, $1) }) == 0 else {
        throw ControlServerError("bind", path, errno: errno)
      }
      do throws(ControlServerError) {
        if let gid, lchown(path, uid_t.max, gid) != 0 {
          throw ControlServerError("chown to the group \(group ?? "")", path, errno: errno)
        }
        guard chmod(path, mode_t(mode) & 0o777) == 0 else { throw ControlServerError("chmod", path, errno: errno) }
        guard listen(descriptor, SOMAXCONN) == 0 else { throw ControlServerError("listen", path, errno: errno) }
        guard let file = FileIdentity(path) else { throw ControlServerError("stat", path, errno: errno) }
        owned = (path, file)
      } catch {
        unlink(path)
        throw error
      }
    } catch {
      close(descriptor)
      throw error
    }
    self.descriptor = descriptor
  }

  /// Takes the path away where it is still the file that we made: it may be a successor's by now.
  func unlinkIfOurs() {
    guard let (path, file) = owned, let lock = try? DirectoryLock(parentOf: path) else { return }
    if FileIdentity(path) == file { unlink(path) }
    lock.unlock()
  }

  // MARK: Taking the path

  /// Removes a socket that nobody listens at; refuses one that answers, and whatever is no socket.
  private static func makeWay(at path: String) throws(ControlServerError) {
    var status = stat()
    guard lstat(path, &status) == 0 else {
      if errno == ENOENT { return }
      throw ControlServerError("stat", path, errno: errno)
    }
    guard status.st_mode & S_IFMT == S_IFSOCK else {
      throw ControlServerError(.unusable, "\"\(path)\" exists and is no socket; remove it, or choose another path")
    }
    // Not blocking: a listener whose backlog is full answers EAGAIN, and lives.
    let probe = Glibc.socket(
      AF_UNIX, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue | SOCK_NONBLOCK.rawValue), 0)
    guard probe >= 0 else { throw ControlServerError("socket", path, errno: errno) }
    defer { close(probe) }
    guard withAddress(path, { Glibc.connect(probe, $0, $1) }) != 0 else {
      throw ControlServerError(.inUse, "another daemon answers at \"\(path)\"")
    }
    switch errno {
    case ECONNREFUSED:
      guard unlink(path) == 0 || errno == ENOENT else { throw ControlServerError("unlink", path, errno: errno) }
    case ENOENT: return
    case EAGAIN: throw ControlServerError(.inUse, "another daemon listens at \"\(path)\", and is busy")
    case EPROTOTYPE: throw ControlServerError(.unusable, "the socket at \"\(path)\" is not of jobqd's kind")
    default: throw ControlServerError("connect", path, errno: errno)
    }
  }

  private static func gid(of group: String) throws(ControlServerError) -> gid_t {
    var entry = Glibc.group()
    var found: UnsafeMutablePointer<Glibc.group>?
    var buffer = [CChar](repeating: 0, count: 1 << 10)
    var code = getgrnam_r(group, &entry, &buffer, buffer.count, &found)
    while code == ERANGE, buffer.count < 1 << 24 {
      buffer = [CChar](repeating: 0, count: buffer.count * 4)
      code = getgrnam_r(group, &entry, &buffer, buffer.count, &found)
    }
    guard code == 0, found != nil else {
      throw ControlServerError(.unusable, "there is no group \"\(group.printable)\" for the socket")
    }
    return entry.gr_gid
  }

  private static func option(_ name: Int32, of descriptor: Int32) -> Int32? {
    var value: Int32 = 0
    var size = socklen_t(MemoryLayout<Int32>.size)
    return getsockopt(descriptor, SOL_SOCKET, name, &value, &size) == 0 ? value : nil
  }

  /// `path` as an address. It fits: see `longestPath`.
  private static func withAddress(_ path: String, _ body: (UnsafePointer<sockaddr>, socklen_t) -> Int32) -> Int32 {
    var address = sockaddr_un()
    address.sun_family = sa_family_t(AF_UNIX)
    withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: path.utf8) }
    return withUnsafePointer(to: address) { pointer in
      pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        body($0, socklen_t(MemoryLayout<sockaddr_un>.size))
      }
    }
  }
}

/// Tells a file from its successor at the same path.
private struct FileIdentity: Hashable, Sendable {
  private let device: UInt
  private let inode: UInt

  init?(_ path: String) {
    var status = stat()
    guard lstat(path, &status) == 0 else { return nil }
    device = status.st_dev
    inode = status.st_ino
  }
}

/// A lock on a directory for as long as a socket in it is taken or given up. It leaves no file behind.
private struct DirectoryLock {
  private let descriptor: Int32

  /// Makes the directory where it is missing: 0755 for root, as /run's are, 0700 for a person. Only that one: a missing
  /// parent is a mistake to be told of.
  init(parentOf path: String) throws(ControlServerError) {
    let slash = path.lastIndex(of: "/") ?? path.startIndex
    let directory = slash == path.startIndex ? "/" : String(path[..<slash])
    if mkdir(directory, geteuid() == 0 ? 0o755 : 0o700) != 0, errno != EEXIST {
      throw ControlServerError("mkdir", directory, errno: errno)
    }
    descriptor = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
    guard descriptor >= 0 else { throw ControlServerError("open", directory, errno: errno) }
    guard flock(descriptor, LOCK_EX | LOCK_NB) == 0 else {
      let code = errno
      close(descriptor)
      if code == EWOULDBLOCK {
        throw ControlServerError(.inUse, "another daemon is just taking a socket in \"\(directory)\"")
      }
      throw ControlServerError("flock", directory, errno: code)
    }
  }

  func unlock() { close(descriptor) }
}
