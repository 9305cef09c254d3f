import Glibc

/// One connection to a Unix socket: blocking, closed when the last reference goes.
final class Connection {
  private let descriptor: Int32
  private var buffer: [UInt8] = []
  private var start = 0

  /// - Throws: `.noDaemon`, `.notPermitted`.
  init(path: String) throws(ClientError) {
    var address = sockaddr_un()
    address.sun_family = sa_family_t(AF_UNIX)
    guard path.utf8.count < 108, !path.isEmpty else {
      throw .noDaemon(socket: path, reason: "a socket's path has 1 to 107 bytes")
    }
    unsafe withUnsafeMutableBytes(of: &address.sun_path) { unsafe $0.copyBytes(from: path.utf8) }
    descriptor = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
    guard descriptor >= 0 else { throw .noDaemon(socket: path, reason: Self.text(errno)) }
    let length = socklen_t(MemoryLayout<sockaddr_un>.size)
    let code = unsafe withUnsafePointer(to: &address) {
      unsafe $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { unsafe connect(descriptor, $0, length) }
    }
    guard code == 0 else {
      let error = errno
      close(descriptor)
      if error == EACCES || error == EPERM { throw .notPermitted(socket: path) }
      throw .noDaemon(socket: path, reason: Self.text(error))
    }
  }

  /// Over a descriptor that is already connected; owned from now on.
  init(adopting descriptor: Int32) { self.descriptor = descriptor }

  deinit { close(descriptor) }

  /// Who listens, as the kernel knows it: SO_PEERCRED, unix(7). Nil where it does not say.
  var peerUID: UInt32? {
    // glibc's struct ucred is not visible to Swift: pid, uid, gid.
    var credentials: (pid: Int32, uid: UInt32, gid: UInt32) = (0, 0, 0)
    var length = socklen_t(12)
    let code = unsafe getsockopt(descriptor, SOL_SOCKET, SO_PEERCRED, &credentials, &length)
    return code == 0 ? credentials.uid : nil
  }

  func send(_ bytes: [UInt8]) throws(ClientError) {
    var sent = 0
    while sent < bytes.count {
      let count = unsafe bytes.withUnsafeBytes {
        unsafe Glibc.send(descriptor, $0.baseAddress! + sent, $0.count - sent, Int32(MSG_NOSIGNAL))
      }
      if count < 0 {
        if errno == EINTR { continue }
        throw .lost(Self.text(errno))
      }
      sent += count
    }
  }

  /// One line without its CRLF; nil at the end of the connection.
  func line() throws(ClientError) -> String? {
    var scanned = start
    while true {
      if let end = buffer[scanned...].firstIndex(of: 0x0A) {
        var text = buffer[start..<end]
        if text.last == 0x0D { text = text.dropLast() }
        start = end + 1
        return String(decoding: text, as: UTF8.self)
      }
      let seen = buffer.count - start
      guard seen < 64 << 10 else { throw .foreign("a line of its answer is over 64 KiB") }
      guard try fill() else {
        if seen == 0 { return nil }
        throw .lost("it ended in the middle of an answer")
      }
      scanned = start + seen
    }
  }

  /// Up to `most` bytes; empty at the end of the connection.
  func some(_ most: Int) throws(ClientError) -> ArraySlice<UInt8> {
    if start == buffer.count, try !fill() { return [] }
    let end = min(buffer.count, start + most)
    defer { start = end }
    return buffer[start..<end]
  }

  /// False at the end of the connection.
  private func fill() throws(ClientError) -> Bool {
    if start > 0 {
      buffer.removeFirst(start)
      start = 0
    }
    let old = buffer.count
    let room = 64 << 10
    buffer.append(contentsOf: repeatElement(0, count: room))
    while true {
      let count = unsafe buffer.withUnsafeMutableBytes { unsafe recv(descriptor, $0.baseAddress! + old, room, 0) }
      if count < 0, errno == EINTR { continue }
      buffer.removeLast(room - max(count, 0))
      if count < 0 { throw .lost(Self.text(errno)) }
      return count > 0
    }
  }

  static func text(_ code: Int32) -> String {
    switch code {
    case ENOENT: "there is no such socket"
    case ECONNREFUSED: "nobody listens (the socket is a leftover)"
    default: unsafe String(cString: strerror(code))
    }
  }
}
