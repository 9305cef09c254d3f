import CSQLite
import CSQLiteLog

/// A connection to a database (https://www.sqlite.org/c3ref/sqlite3.html), for one thread: it is opened, used
/// and let go there. It closes with its last statement, or with itself.
@safe
package final class Connection {
  package enum Access: Sendable, Hashable {
    /// Makes the file where it is missing.
    case create
    /// Its transactions go to the log in one write each: see CSQLiteLog.
    case readWrite
    case readOnly
    /// Read-only, without locks, and without making the files that a WAL needs: for a database that nobody
    /// writes meanwhile.
    case immutable
    /// Read-only and with the WAL, but without locks and without the shared memory that an index of it needs
    /// else: nothing beside the database is made or changed. Only where nobody else has it open.
    case alone
    /// A new one in memory.
    case memory
  }

  package enum Checkpoint: Sendable, Hashable { case passive, truncate }

  /// What a callback from SQLite is given: an object of its own, so that the connection is not needed to stay
  /// at one address.
  private final class Signals {
    var walPages: Int32 = 0
    /// The newest commit's last page in the log, and how many it wrote.
    var logEnd: Int32 = 0
    var newestPages: Int32 = 0
    var walCommits = 0
    var isCancelled: (@Sendable () -> Bool)?
  }

  /// Once a process, before SQLite is used: without its statistics of memory, no allocation takes a lock that
  /// all threads share (https://www.sqlite.org/c3ref/c_config_covering_index_scan.html#sqliteconfigmemstatus).
  /// Too late, it changes nothing.
  private static let isConfigured = csqlite_config(SQLITE_CONFIG_MEMSTATUS, 0) == SQLITE_OK

  let handle: OpaquePointer
  private let signals = Signals()
  package let path: String
  /// For other threads.
  package let interrupter: Interrupter

  /// - Parameter path: absolute; all but `immutable` refuse one with symbolic links.
  package init(_ path: String, _ access: Access) throws(SQLiteError) {
    _ = Self.isConfigured
    self.path = path
    var name = path
    var vfs: UnsafePointer<CChar>?
    // One thread has it, so it needs no mutex. Extended codes from the first call on.
    var flags = SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE
    switch access {
    case .create: flags |= SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOFOLLOW
    case .readWrite:
      flags |= SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOFOLLOW
      unsafe vfs = csqlitelog_vfs()
    case .readOnly: flags |= SQLITE_OPEN_READONLY | SQLITE_OPEN_NOFOLLOW
    case .immutable:
      flags |= SQLITE_OPEN_READONLY | SQLITE_OPEN_URI
      name = "file:\(Self.escaped(path))?immutable=1"
    case .alone:
      flags |= SQLITE_OPEN_READONLY | SQLITE_OPEN_URI | SQLITE_OPEN_NOFOLLOW
      // This VFS has no locks and no shared memory (https://www.sqlite.org/vfs.html#standard_unix_vfses) …
      name = "file:\(Self.escaped(path))?vfs=unix-none"
    case .memory:
      flags |= SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_MEMORY
      name = ":memory:"
    }
    var opened: OpaquePointer?
    let code = unsafe sqlite3_open_v2(name, &opened, flags, vfs)
    guard code == SQLITE_OK, let opened = unsafe opened else {
      let error = unsafe Self.error(opened, code, doing: "open \(path)")
      // A handle is given even where opening failed, and must be closed.
      _ = unsafe sqlite3_close_v2(opened)
      throw error
    }
    unsafe handle = opened
    interrupter = unsafe Interrupter(opened)
    // … and a connection that is exclusive from the start keeps the index in its own memory
    // (https://www.sqlite.org/wal.html#noshm).
    if access == .alone { try execute("PRAGMA locking_mode = EXCLUSIVE") }
  }

  deinit {
    interrupter.detach()
    _ = unsafe sqlite3_close_v2(handle)
  }

  /// A path as it stands in a URI (https://www.sqlite.org/uri.html).
  private static func escaped(_ path: String) -> String {
    let digits = Array("0123456789ABCDEF".utf8)
    var text: [UInt8] = []
    for byte in path.utf8 {
      switch byte {
      case 0x30...0x39, 0x41...0x5A, 0x61...0x7A, 0x2D, 0x2E, 0x2F, 0x5F, 0x7E: text.append(byte)
      default: text += [0x25, digits[Int(byte >> 4)], digits[Int(byte & 15)]]
      }
    }
    return String(decoding: text, as: UTF8.self)
  }

  // MARK: Statements

  /// Prepares one statement; `isKept` where it lives long and is used often (SQLITE_PREPARE_PERSISTENT).
  package func prepare(_ sql: String, isKept: Bool = false) throws(SQLiteError) -> Statement {
    var prepared: OpaquePointer?
    let code = unsafe sqlite3_prepare_v3(
      handle, sql, -1, isKept ? UInt32(SQLITE_PREPARE_PERSISTENT) : 0, &prepared, nil)
    guard code == SQLITE_OK, let prepared = unsafe prepared else { throw error(code, doing: sql) }
    return unsafe Statement(self, handle: prepared, sql: sql, isKept: isKept)
  }

  /// Runs every statement of a script.
  package func execute(_ script: String) throws(SQLiteError) {
    let code = unsafe sqlite3_exec(handle, script, nil, nil, nil)
    guard code == SQLITE_OK else { throw error(code, doing: script) }
  }

  /// The first column of the first row of a statement that is used once; nil where there is no row.
  package func value<Value: SQLiteValue>(_ sql: String, as _: Value.Type = Value.self) throws(SQLiteError) -> Value? {
    try prepare(sql).first { row throws(SQLiteError) in try row.read(Value.self) }
  }

  package var lastInsertedRow: Int64 { unsafe sqlite3_last_insert_rowid(handle) }
  /// How many rows the latest statement changed.
  package var changes: Int { Int(unsafe sqlite3_changes64(handle)) }
  /// How many rows all statements so far have changed, those of foreign keys' actions too.
  package var totalChanges: Int { Int(unsafe sqlite3_total_changes64(handle)) }
  /// True outside of a transaction: also after an error for which SQLite has rolled the transaction back by
  /// itself.
  package var isAutocommit: Bool { unsafe sqlite3_get_autocommit(handle) != 0 }

  // MARK: Configuration

  /// Leaves the WAL alone when this connection closes, even where it is the last.
  package func neverCheckpointOnClose() throws(SQLiteError) {
    try configure(SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, "SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE")
  }

  /// Refuses SQL that could damage the file, such as writes to the schema table.
  package func defend() throws(SQLiteError) { try configure(SQLITE_DBCONFIG_DEFENSIVE, "SQLITE_DBCONFIG_DEFENSIVE") }

  private func configure(_ option: Int32, _ name: String) throws(SQLiteError) {
    let code = unsafe csqlite_db_config(handle, option, 1)
    guard code == SQLITE_OK else { throw error(code, doing: name) }
  }

  /// How long a lock that another connection holds is waited for; 0: not at all.
  package func wait(forLocks milliseconds: Int32) { _ = unsafe sqlite3_busy_timeout(handle, milliseconds) }

  /// Asks `isCancelled` now and then while statements run, and ends them (SQLITE_INTERRUPT) once it says true.
  package func cancel(when isCancelled: @escaping @Sendable () -> Bool) {
    signals.isCancelled = isCancelled
    unsafe sqlite3_progress_handler(
      handle, 10_000,
      { context in
        guard let context = unsafe context else { return 0 }
        let signals = unsafe Unmanaged<Signals>.fromOpaque(context).takeUnretainedValue()
        return signals.isCancelled?() == true ? 1 : 0
      }, Unmanaged.passUnretained(signals).toOpaque())
  }

  // MARK: The write-ahead log (https://www.sqlite.org/wal.html)

  /// Ends SQLite's own checkpoints and counts the WAL's pages instead: from here on `checkpoint` is the
  /// caller's.
  package func takeOverCheckpoints() {
    // This sets the hook with which SQLite checkpoints by itself anew (c3ref/wal_hook.html).
    _ = unsafe sqlite3_wal_hook(
      handle,
      { context, _, _, pages in
        if let context = unsafe context {
          let signals = unsafe Unmanaged<Signals>.fromOpaque(context).takeUnretainedValue()
          // A log that has begun anew has no more than this commit.
          signals.newestPages = pages >= signals.logEnd ? pages - signals.logEnd : pages
          signals.logEnd = pages
          signals.walPages = pages
          signals.walCommits += 1
        }
        return SQLITE_OK
      }, Unmanaged.passUnretained(signals).toOpaque())
  }

  /// Pages in the WAL that the database may still need, after the latest commit or checkpoint of this connection.
  package var walPages: Int { Int(signals.walPages) }
  /// How many pages the newest transaction that has written something wrote to the WAL, more or less: the first since
  /// `takeOverCheckpoints` counts all that the WAL has.
  package var newestPages: Int { Int(signals.newestPages) }
  /// How many transactions of this connection have written something, since `takeOverCheckpoints`.
  package var walCommits: Int { signals.walCommits }

  /// Copies the WAL into the database and syncs it; `.truncate` also empties the WAL, and throws SQLITE_BUSY
  /// where a reader is in the way.
  package func checkpoint(_ mode: Checkpoint) throws(SQLiteError) {
    var (pages, copied) = (Int32(-1), Int32(-1))
    let code = unsafe sqlite3_wal_checkpoint_v2(
      handle, nil, mode == .truncate ? SQLITE_CHECKPOINT_TRUNCATE : SQLITE_CHECKPOINT_PASSIVE, &pages, &copied)
    guard code == SQLITE_OK else { throw error(code, doing: "checkpoint (\(mode)) of \(path)") }
    // Once all is copied the next commit may begin the log anew.
    if mode == .truncate || (pages >= 0 && pages == copied) { signals.walPages = 0 }
  }

  // MARK: Errors

  func error(_ code: Int32, doing: String) -> SQLiteError { unsafe Self.error(handle, code, doing: doing) }

  private static func error(_ handle: OpaquePointer?, _ code: Int32, doing: String) -> SQLiteError {
    guard let handle = unsafe handle else {
      return SQLiteError(code: code, message: unsafe String(cString: sqlite3_errstr(code)), doing: doing)
    }
    // errno is only told for the codes that come from a system call; else it would be an older one's.
    let isSystemCall = [SQLITE_IOERR, SQLITE_CANTOPEN, SQLITE_FULL, SQLITE_PERM, SQLITE_READONLY].contains(code & 0xFF)
    var number = isSystemCall ? unsafe sqlite3_system_errno(handle) : 0
    if number == 0, code & 0xFF == SQLITE_IOERR { number = unsafe csqlite_log_errno(handle) }
    return SQLiteError(
      code: code, systemErrno: number,
      message: unsafe String(cString: sqlite3_errmsg(handle)), doing: doing)
  }
}
