import Glibc
import JobModel
import NIOCore

/// Who is at the other end, as the kernel saw it at connect(2): SO_PEERCRED, unix(7). The layout is `struct
/// ucred`'s, which glibc shows only under _GNU_SOURCE, and so not to Swift.
struct PeerCredentials: Sendable, Hashable {
  var pid: Int32
  var uid: UInt32
  var gid: UInt32

  var submitter: Submitter { Submitter(uid: uid, pid: pid) }

  /// Fails where the channel is no Unix socket.
  static func of(_ channel: any Channel) -> EventLoopFuture<PeerCredentials> {
    guard let socket = channel as? any SocketOptionProvider else {
      return channel.eventLoop.makeFailedFuture(ChannelError.operationUnsupported)
    }
    return socket.unsafeGetSocketOption(level: .socket, name: .init(rawValue: SO_PEERCRED))
  }
}
