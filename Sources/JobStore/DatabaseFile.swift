import FoundationEssentials
import Glibc
import SQLite

/// The database as a file: how it is made, and how it is looked at before anything is trusted.
struct DatabaseFile {
  /// Below this size a quick check takes no time that anyone would notice.
  static let smallSize: Int64 = 64 << 20

  let directory: StateDirectory
  /// Of this boot of the machine.
  let bootID: String
  var path: String { directory.database }

  /// What was found at the opening.
  struct Finding: Sendable {
    /// Whether the contents were checked; else that is still to be done.
    var isChecked: Bool
    /// The log ends before its last frame: a power cut tore it.
    var isLogTorn = false
  }

  /// Makes the database where there is none and never was, else looks at it. Nothing that is refused is
  /// changed.
  func prepare() throws(StoreError) -> Finding {
    var status = stat()
    if lstat(path, &status) == 0 { return try inspect(status, .whereInDoubt) }
    guard errno == ENOENT else { throw .system("stat", path, errno) }
    for trace in ["-wal", "-shm", "-journal"] where lstat(path + trace, &status) == 0 {
      throw StoreError(
        .refused(.missing),
        "the database \(path) is missing, but \(path + trace) is there, so that there was one. Put the database back "
          + "beside it, or move that file away to begin with an empty store")
    }
    try create()
    return Finding(isChecked: true)
  }

  // MARK: Making

  /// Under another name until it is whole and synced: no crash leaves half a database behind.
  private func create() throws(StoreError) {
    let unborn = directory.unborn
    for leftover in ["", "-wal", "-shm", "-journal"] { unlink(unborn + leftover) }
    let descriptor = open(unborn, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0o600)
    guard descriptor >= 0 else { throw .system("open", unborn, errno) }
    // A umask may only have taken bits away; the owner's must be there.
    guard fchmod(descriptor, 0o600) == 0 else {
      defer { close(descriptor) }
      throw .system("chmod", unborn, errno)
    }
    close(descriptor)
    do throws(SQLiteError) {
      let connection = try Connection(unborn, .readWrite)
      // Both before the first table: auto_vacuum cannot be set later.
      try connection.execute("PRAGMA auto_vacuum = INCREMENTAL; PRAGMA application_id = \(Schema.applicationID)")
      try Schema.migrate(connection)
      // Pages that the steps have left free.
      try connection.execute("PRAGMA incremental_vacuum")
      try connection.prepare("UPDATE store SET identity = ?").bind(UUID().uuidString.lowercased()).run()
      guard try connection.value("PRAGMA journal_mode = WAL") == "wal" else {
        throw SQLiteError(code: 1, message: "the file system cannot hold a WAL", doing: "PRAGMA journal_mode = WAL")
      }
    } catch {
      throw .refusal(error, unborn)
    }
    try Self.sync(unborn)
    // link(2) does not replace, as rename(2) would: should a database have come meanwhile, it stays.
    guard link(unborn, path) == 0 else { throw .system("link", path, errno) }
    unlink(unborn)
    try StateDirectory.sync(directory: directory.path)
  }

  private static func sync(_ path: String) throws(StoreError) {
    let descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW)
    guard descriptor >= 0 else { throw .system("open", path, errno) }
    defer { close(descriptor) }
    guard fsync(descriptor) == 0 else { throw .system("fsync", path, errno) }
  }

  // MARK: Looking

  /// How far the contents are checked.
  enum Check: Sendable {
    /// A quick check where the last stop was not clean or the file is small.
    case whereInDoubt
    /// `PRAGMA integrity_check`.
    case whole
  }

  /// Looks, and changes nothing. Nobody else may have the database open.
  func inspect(_ status: stat, _ check: Check) throws(StoreError) -> Finding {
    guard status.st_mode & S_IFMT == S_IFREG else {
      throw StoreError(.refused(.foreign), "\(path) is no regular file, so it is no database of jobqd's; move it away")
    }
    var log = stat()
    let hasLog = stat(path + "-wal", &log) == 0 && log.st_size > 0
    try inspectHeader(size: Int64(status.st_size), hasLog: hasLog)
    let logState = try WriteAheadLog(of: path + "-wal")?.state ?? .whole
    if logState == .noHeader {
      throw .refusedAsDamaged(
        path, "its log \(path)-wal has no header any more, so that what is only there cannot be read")
    }
    do {
      // Without a log the file is all there is. Either way nothing is made beside it, and nothing there is changed.
      let connection = try Connection(path, hasLog ? .alone : .immutable)
      try connection.neverCheckpointOnClose()
      try connection.execute("PRAGMA cell_size_check = ON; PRAGMA trusted_schema = OFF; PRAGMA query_only = ON")
      let version = try connection.value("PRAGMA user_version", as: Int.self) ?? 0
      try refuseOther(application: try connection.value("PRAGMA application_id") ?? 0, version: version)
      if let flaw = try Schema.flaw(in: connection, version: version) {
        throw StoreError.refusedAsDamaged(path, "its schema is not as jobqd made it: \(flaw)")
      }
      var isLogTorn = false
      if case .broken(let frame, let commits) = logState {
        isLogTorn = true
        // In the same boot and place there was no power cut: what the death of a daemon leaves is cut short, not broken.
        if directory.lastOpening == directory.opening(in: bootID) {
          throw StoreError.refusedAsDamaged(
            path, "its log \(path)-wal is broken at frame \(frame), and \(commits) transactions behind it would be lost"
          )
        }
      }
      if check == .whole {
        if let flaw = try Self.flaw(connection, "integrity_check") { throw StoreError.refusedAsDamaged(path, flaw) }
        return Finding(isChecked: true, isLogTorn: isLogTorn)
      }
      let wasClean = try connection.value("SELECT clean FROM runs ORDER BY run DESC LIMIT 1", as: Bool.self) ?? false
      guard !wasClean || status.st_size < Self.smallSize else {
        return Finding(isChecked: false, isLogTorn: isLogTorn)
      }
      if let flaw = try Self.flaw(connection, "quick_check") { throw StoreError.refusedAsDamaged(path, flaw) }
      return Finding(isChecked: true, isLogTorn: isLogTorn)
    } catch let error as StoreError {
      throw error
    } catch let error as SQLiteError {
      throw .refusal(error, path)
    } catch {
      throw StoreError(.storage(.failed), "\(path): \(error)")
    }
  }

  /// What `PRAGMA quick_check`, or `integrity_check`, finds first; nil where all is well.
  static func flaw(_ connection: Connection, _ check: String = "quick_check") throws(SQLiteError) -> String? {
    let answer = try connection.value("PRAGMA \(check)(1)", as: String.self)
    return answer == "ok" ? nil : answer ?? "no answer"
  }

  /// Reads the first 100 bytes (https://www.sqlite.org/fileformat.html#the_database_header) with plain reads,
  /// before SQLite sees the file: what is not ours is not even opened. Must come before any connection of this
  /// process: closing the descriptor would drop its locks.
  private func inspectHeader(size: Int64, hasLog: Bool) throws(StoreError) {
    let descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW)
    guard descriptor >= 0 else { throw .system("open", path, errno) }
    defer { close(descriptor) }
    var header = [UInt8](repeating: 0, count: 100)
    let count = pread(descriptor, &header, header.count, 0)
    guard count >= 0 else { throw .system("read", path, errno) }
    guard count > 0 else { throw .refusedAsDamaged(path, "it is empty") }
    func number(_ offset: Int, _ bytes: Int) -> Int64 {
      header[offset..<offset + bytes].reduce(0) { $0 << 8 | Int64($1) }
    }
    guard header.starts(with: "SQLite format 3\0".utf8) else {
      throw StoreError(
        .refused(.foreign),
        "\(path) is no SQLite database, so it is none of jobqd's. It was left untouched; move it away, or use "
          + "another --state-dir"
      )
    }
    guard count == header.count else { throw .refusedAsDamaged(path, "it ends within its header") }
    try refuseOther(application: number(68, 4), version: Int(number(60, 4)))
    let pageSize = number(16, 2) == 1 ? 65_536 : number(16, 2)
    // With a log the file may be behind it: then the quick check decides.
    guard hasLog || size >= number(28, 4) * pageSize else {
      throw .refusedAsDamaged(path, "it is cut off: \(size) bytes instead of \(number(28, 4) * pageSize)")
    }
  }

  private func refuseOther(application: Int64, version: Int) throws(StoreError) {
    guard application == Schema.applicationID else {
      throw StoreError(
        .refused(.foreign),
        "\(path) is the SQLite database of another program (application_id \(application)). It was left untouched; "
          + "move it away, or use another --state-dir")
    }
    guard version <= Schema.version else {
      throw StoreError(
        .refused(.newer),
        "the database \(path) is newer than this jobqd: it has schema \(version), and this one knows up to "
          + "\(Schema.version). It was left untouched; install the jobqd that wrote it, or a newer one")
    }
    guard version > 0 else { throw .refusedAsDamaged(path, "it has no schema") }
  }
}
