import Glibc
import JobModel

/// The listening socket that systemd hands to the daemon it starts: sd_listen_fds(3), without libsystemd.
package struct ListeningSocket: Sendable, Hashable {
  /// Owned by the caller; closed on exec.
  package var descriptor: Int32
  /// Where it listens; nil for one without a name in the file system.
  package var path: String?

  /// The first descriptor that is handed over: SD_LISTEN_FDS_START.
  static let first: Int32 = 3

  /// Takes over what the variables LISTEN_PID, LISTEN_FDS and LISTEN_FDNAMES announce; nil where they announce
  /// nothing to this process.
  /// - Throws: `StartError` (78) where it is anything but one listening stream socket of the Unix family:
  ///   another socket unit has been
  ///   tied to this service by mistake.
  package static func adopt(environment: [String: String], pid: Int32) throws(StartError) -> ListeningSocket? {
    try adopt(environment: environment, pid: pid, from: first)
  }

  static func adopt(environment: [String: String], pid: Int32, from first: Int32) throws(StartError) -> ListeningSocket?
  {
    guard environment["LISTEN_PID"] == String(pid), let count = environment["LISTEN_FDS"].flatMap(Int32.init), count > 0
    else { return nil }
    let names = environment["LISTEN_FDNAMES"].map { " (\($0.printable))" } ?? ""
    // Whatever becomes of them, no job may inherit them.
    for descriptor in first..<(first + min(count, 1024)) { _ = fcntl(descriptor, F_SETFD, FD_CLOEXEC) }
    guard count == 1 else {
      throw StartError(.configuration, "systemd hands over \(count) sockets\(names); jobqd listens on one")
    }
    guard option(SO_DOMAIN, of: first) == AF_UNIX, option(SO_TYPE, of: first) == Int32(SOCK_STREAM.rawValue),
      option(SO_ACCEPTCONN, of: first) == 1
    else {
      throw StartError(
        .configuration,
        "descriptor \(first)\(names) from systemd is no listening stream socket in the file system; see ListenStream= in jobq.socket"
      )
    }
    return ListeningSocket(descriptor: first, path: path(of: first))
  }

  /// An option of a socket that is a number, socket(7); nil for what is no socket.
  private static func option(_ name: Int32, of descriptor: Int32) -> Int32? {
    var value: Int32 = 0
    var length = socklen_t(MemoryLayout<Int32>.size)
    return getsockopt(descriptor, SOL_SOCKET, name, &value, &length) == 0 ? value : nil
  }

  private static func path(of descriptor: Int32) -> String? {
    var address = sockaddr_un()
    var length = socklen_t(MemoryLayout<sockaddr_un>.size)
    let code = withUnsafeMutablePointer(to: &address) {
      $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { getsockname(descriptor, $0, &length) }
    }
    guard code == 0 else { return nil }
    let path = withUnsafeBytes(of: address.sun_path) { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) }
    return path.isEmpty ? nil : path
  }
}
