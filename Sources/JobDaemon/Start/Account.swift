package import Glibc

/// A user of this host, as the passwd database knows it: getpwuid_r(3).
package struct Account: Sendable, Hashable {
  package var user: String
  package var home: String
  package var shell: String

  /// Nil where the database has no such user. Blocks: a name service may lie on another host.
  package init?(uid: uid_t) {
    let entry: (user: String, home: String, shell: String)? = withUnsafeTemporaryAllocation(
      of: CChar.self, capacity: Self.bufferSize
    ) { buffer in
      guard let base = buffer.baseAddress else { return nil }
      var entry = passwd()
      var found: UnsafeMutablePointer<passwd>?
      guard getpwuid_r(uid, &entry, base, buffer.count, &found) == 0, found != nil else { return nil }
      return (String(cString: entry.pw_name), String(cString: entry.pw_dir), String(cString: entry.pw_shell))
    }
    guard let entry else { return nil }
    (user, home, shell) = entry
  }

  /// The number of a group; nil where there is none of that name. getgrnam_r(3). Blocks, as above.
  package static func groupID(of name: String) -> gid_t? {
    withUnsafeTemporaryAllocation(of: CChar.self, capacity: bufferSize) { buffer in
      guard let base = buffer.baseAddress else { return nil }
      var entry = group()
      var found: UnsafeMutablePointer<group>?
      guard getgrnam_r(name, &entry, base, buffer.count, &found) == 0, found != nil else { return nil }
      return entry.gr_gid
    }
  }

  /// Room for the strings of an entry; a group's has the names of its members.
  private static let bufferSize = 256 << 10
}
