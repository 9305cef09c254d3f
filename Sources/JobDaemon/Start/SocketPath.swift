/// Paths that a Unix socket can be bound to.
enum SocketPath {
  /// unix(7): `sun_path` has 108 bytes, the last of them NUL.
  static let most = 107

  /// An absolute path that fits.
  static func isUsable(_ path: String) -> Bool {
    path.hasPrefix("/") && path.utf8.count <= most && !path.utf8.contains(0)
  }
}
