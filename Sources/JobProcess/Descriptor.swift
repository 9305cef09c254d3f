import Glibc

/// An open descriptor, closed with its last owner. Close-on-exec, like every descriptor of ours.
final class Descriptor: Sendable {
  let raw: Int32

  init(_ raw: Int32) { self.raw = raw }

  deinit { close(raw) }
}

extension Descriptor {
  /// Another descriptor of the same open file that is 3 or greater, so that it can become a child's 0, 1 or 2
  /// in any order.
  func aboveStandard() throws(Failure) -> Descriptor {
    if raw > 2 { return self }
    return Descriptor(try System.check("fcntl") { fcntl(raw, F_DUPFD_CLOEXEC, 3) })
  }
}
