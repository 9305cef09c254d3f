import CSQLite

/// The write-ahead log of a connection, to be synced on another thread than the one that has the connection: so that it can
/// go on with its next transaction meanwhile.
///
/// It is SQLite's own file: an error of the kernel's is told once to each open file (fsync(2)), and must not be told to
/// one of two who ask at once and kept from the other. So nobody else syncs it meanwhile: `sync`, and whatever of the
/// connection's may sync (a checkpoint, and the commit that begins the log anew), are never done at the same time. And the
/// connection must outlive it.
@safe
// Unchecked, and safe on these terms: `xSync` of CSQLiteLog reads one pointer that never changes, and leaves what waits to be
// written to the connection's thread; that of SQLite's unix VFS, which it calls, touches the file's descriptor, which stays
// the same, and what it notes of failures, which only the same callers read, one at a time. `lengthen` is for the
// connection's own thread, before another has this.
package struct LogFile: @unchecked Sendable {
  private let file: UnsafeMutablePointer<sqlite3_file>
  private let path: String

  init(_ file: UnsafeMutablePointer<sqlite3_file>, _ path: String) {
    unsafe self.file = unsafe file
    self.path = path
  }

  /// Makes room for so many bytes at once. A log that grows has its file's size and place written with each sync, which
  /// takes half as long again as one that is written over. Zeros at the end of a log are no frames, and are passed over
  /// (https://www.sqlite.org/fileformat2.html#walformat). Blocks. A failure leaves the log as good as it was.
  package func lengthen(to size: Int64) { _ = unsafe csqlite_lengthen(file, size) }

  /// Returns once all that has been written to the log is on the disk. Blocks.
  /// - Throws: `SQLITE_IOERR_FSYNC`: what the kernel keeps of the log may not be what is on the disk.
  package func sync() throws(SQLiteError) {
    let code = unsafe csqlite_sync(file)
    guard code == SQLITE_OK else {
      throw SQLiteError(
        code: code, systemErrno: unsafe csqlite_file_errno(file), message: unsafe String(cString: sqlite3_errstr(code)),
        doing: "sync of \(path)-wal")
    }
  }
}

extension Connection {
  /// Its write-ahead log.
  /// - Throws: where it has none, or has not used it yet.
  package func logFile() throws(SQLiteError) -> LogFile {
    guard let file = unsafe csqlite_log_file(handle) else {
      throw SQLiteError(code: SQLITE_MISUSE, message: "there is no write-ahead log", doing: path)
    }
    return unsafe LogFile(file, path)
  }
}
