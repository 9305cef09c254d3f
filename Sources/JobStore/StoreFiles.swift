import CLinux

/// The files that a store has open, by what the kernel knows them by. What is written into a file that has lost its name is
/// gone with the process, and SQLite does not look: it holds on to what it has opened.
struct StoreFiles {
  private struct Identity: Equatable {
    var device: UInt64
    var inode: UInt64

    /// Nil where there is nothing at the path.
    init?(_ path: [CChar]) {
      var found = clinux_identity()
      guard clinux_identify(path, &found) == 0 else { return nil }
      (device, inode) = (found.device, found.inode)
    }
  }

  /// As the call wants them: nothing is copied at a commit.
  private let files: [(path: [CChar], identity: Identity)]

  /// Of a database that is open, and its log.
  init(ofOpen path: String) {
    files = [path, path + "-wal"].map { Array($0.utf8CString) }.compactMap { path in Identity(path).map { (path, $0) } }
  }

  /// Two calls of statx(2) for a commit that waits for a disk, which they do not make longer: see `clinux_identify`.
  /// - Throws: `.storage` where a path leads to another file now, or to none. Put back, it is the same again.
  func verify() throws(StoreError) {
    for (path, identity) in files where Identity(path) != identity {
      let name = String(decoding: path.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
      throw StoreError(
        .storage(.failed),
        "\(name) is not the file any more that jobqd has open: it was removed or replaced; nothing of this was "
          + "acknowledged. Put it back, or stop jobqd and start it on what is to be used")
    }
  }
}
