import CSQLite

extension Connection {
  /// Copies the whole database into `target`, page by page (https://www.sqlite.org/c3ref/backup_finish.html).
  ///
  /// Within a read transaction it is the database as that transaction sees it, whoever writes meanwhile; without one
  /// the copy begins anew at each change that another connection makes.
  /// - Parameters:
  ///   - pages: how many between two looks at `goesOn`.
  ///   - goesOn: false ends it with SQLITE_INTERRUPT; `target` is of no use then.
  package func copy(to target: Connection, pages: Int32, while goesOn: () -> Bool) throws(SQLiteError) {
    guard let backup = unsafe sqlite3_backup_init(target.handle, "main", handle, "main") else {
      throw unsafe target.error(sqlite3_errcode(target.handle), doing: "copy of \(path)")
    }
    var code = SQLITE_OK
    while code == SQLITE_OK { code = goesOn() ? unsafe sqlite3_backup_step(backup, pages) : SQLITE_INTERRUPT }
    // The error, where there was one, is left in the target.
    _ = unsafe sqlite3_backup_finish(backup)
    guard code == SQLITE_DONE else { throw target.error(code, doing: "copy of \(path) to \(target.path)") }
  }

  /// The SQLite that this process runs with: as people write it, and as SQLITE_VERSION_NUMBER.
  package static var library: (version: String, number: Int) {
    (unsafe String(cString: sqlite3_libversion()), Int(sqlite3_libversion_number()))
  }
}
