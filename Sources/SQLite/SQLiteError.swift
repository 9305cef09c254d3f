import CSQLite

/// What SQLite answered when it did not do what was asked (https://www.sqlite.org/rescode.html).
@usableFromInline package struct SQLiteError: Error, Sendable, Hashable, CustomStringConvertible {
  /// The extended result code; its low byte is the primary one.
  package var code: Int32
  /// errno of the last system call that failed; 0 where none did (`sqlite3_system_errno`).
  package var systemErrno: Int32
  /// SQLite's own words.
  package var message: String
  /// What was being done: the statement, or the name of the call.
  package var doing: String

  package init(code: Int32, systemErrno: Int32 = 0, message: String, doing: String) {
    self.code = code
    self.systemErrno = systemErrno
    self.message = message
    self.doing = doing
  }

  /// A value that no sound database of ours holds.
  @usableFromInline package static func corrupt(_ what: String, doing: String) -> SQLiteError {
    SQLiteError(code: SQLITE_CORRUPT, message: what, doing: doing)
  }

  /// A system call of ours on one of SQLite's files failed.
  package static func system(_ doing: String, _ errno: Int32) -> SQLiteError {
    SQLiteError(
      code: SQLITE_IOERR, systemErrno: errno, message: unsafe String(cString: sqlite3_errstr(SQLITE_IOERR)),
      doing: doing)
  }

  package var primaryCode: Int32 { code & 0xFF }

  package var isFull: Bool { primaryCode == SQLITE_FULL }
  /// The database's bytes are not what they must be.
  package var isDamage: Bool { primaryCode == SQLITE_CORRUPT || primaryCode == SQLITE_NOTADB }
  package var isBusy: Bool { primaryCode == SQLITE_BUSY || primaryCode == SQLITE_LOCKED }
  /// A progress handler, or the caller of a copy, ended it.
  package var isInterrupt: Bool { primaryCode == SQLITE_INTERRUPT }

  /// A constraint, a type or a limit that the statement or its values break, or a misuse of the library: asked again,
  /// it is refused again.
  package var isFault: Bool {
    [SQLITE_CONSTRAINT, SQLITE_MISMATCH, SQLITE_TOOBIG, SQLITE_RANGE, SQLITE_MISUSE].contains(primaryCode)
  }
  package var isPermission: Bool {
    primaryCode == SQLITE_PERM || primaryCode == SQLITE_READONLY || primaryCode == SQLITE_CANTOPEN
      || primaryCode == SQLITE_AUTH
  }

  @usableFromInline package var description: String { "SQLite says \"\(message)\" (\(code)) at: \(doing)" }
}
