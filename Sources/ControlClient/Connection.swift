import Glibc
import JobModel

/// One connection to a Unix socket: blocking, closed with the object.
final class Connection {
  let descriptor: Int32

  /// connect(2). Throws `.unreachable` or `.notPermitted`.
  init(to socket: SocketLocation) throws(ClientError) {
    var address = sockaddr_un()
    address.sun_family = sa_family_t(AF_UNIX)
    let path = Array(socket.path.utf8)
    // The last byte stays 0. unix(7): sun_path has 108 bytes.
    guard !path.isEmpty, path.count < MemoryLayout.size(ofValue: address.sun_path), !path.contains(0) else {
      throw ClientError(
        .unreachable, "\"\(socket.path.printable)\" cannot be a socket's path: 1 to 107 bytes are expected")
    }
    unsafe withUnsafeMutableBytes(of: &address.sun_path) { unsafe $0.copyBytes(from: path) }

    descriptor = Glibc.socket(AF_UNIX, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
    guard descriptor >= 0 else {
      throw ClientError(.unreachable, "cannot make a socket: \(errorText(errno))")
    }
    while true {
      let result = unsafe withUnsafePointer(to: &address) {
        unsafe $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
          unsafe connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_un>.size))
        }
      }
      if result == 0 { return }
      if errno == EINTR { continue }
      // All properties are set: deinit runs, and closes the descriptor.
      throw ClientError.connecting(to: socket, errno)
    }
  }

  deinit { if descriptor >= 0 { close(descriptor) } }

  /// Who listens, as the kernel noted it at listen(2): SO_PEERCRED, unix(7). The layout is `struct ucred`'s, which glibc shows only
  /// under _GNU_SOURCE, and so not to Swift.
  var peerUserID: UInt32? {
    var peer: (pid: Int32, uid: UInt32, gid: UInt32) = (0, 0, 0)
    var size = socklen_t(MemoryLayout.size(ofValue: peer))
    guard unsafe getsockopt(descriptor, SOL_SOCKET, SO_PEERCRED, &peer, &size) == 0 else { return nil }
    return peer.uid
  }

  /// False where the peer has closed, or has said something that nobody asked for: not a connection for another request.
  var isOpen: Bool {
    var state = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
    return unsafe poll(&state, 1, 0) == 0
  }

  /// Sends all bytes. A peer that is gone is an error, never a signal.
  func send(_ bytes: [UInt8]) throws(ClientError) {
    var sent = 0
    while sent < bytes.count {
      let count = unsafe bytes.withUnsafeBytes {
        unsafe Glibc.send(descriptor, $0.baseAddress! + sent, $0.count - sent, Int32(MSG_NOSIGNAL))
      }
      if count >= 0 {
        sent += count
      } else if errno != EINTR {
        throw ClientError(.lost, "the connection to jobqd broke: \(errorText(errno))")
      }
    }
  }

  /// The next bytes; empty where the peer has closed.
  /// Throws `.lost`, or `.deadline` where nothing comes until then.
  func receive(until deadline: Deadline? = nil) throws(ClientError) -> [UInt8] {
    while true {
      if let deadline, try !Connection.waitForAny([descriptor], until: deadline).contains(descriptor) {
        throw ClientError(.deadline, "jobqd did not answer in time")
      }
      var count = 0
      let bytes = unsafe [UInt8](unsafeUninitializedCapacity: 64 << 10) { buffer, filled in
        count = unsafe recv(descriptor, buffer.baseAddress, buffer.count, 0)
        filled = max(count, 0)
      }
      if count >= 0 { return bytes }
      guard errno == EINTR else { throw ClientError(.lost, "the connection to jobqd broke: \(errorText(errno))") }
    }
  }

  /// Waits until one of these can be read, or has come to its end; the empty set where the deadline comes first.
  static func waitForAny(_ descriptors: [Int32], until deadline: Deadline? = nil) throws(ClientError) -> Set<Int32> {
    var waiting = descriptors.map { pollfd(fd: $0, events: Int16(POLLIN), revents: 0) }
    while true {
      let count = unsafe poll(&waiting, nfds_t(waiting.count), deadline?.pollTimeout ?? -1)
      if count > 0 { return Set(waiting.filter { $0.revents != 0 }.map(\.fd)) }
      if count < 0, errno != EINTR { throw ClientError(.lost, "poll: \(errorText(errno))") }
      if let deadline, deadline.hasPassed { return [] }
    }
  }
}
