import Glibc
package import JobModel
import SQLite

/// Looks at a state directory as a doctor does: it changes nothing, and makes no file. Blocks.
package struct StoreExamination {
  private typealias Finding = Diagnosis.Finding

  private let directory: StateDirectory
  private var findings: [Finding] = []

  /// Without a daemon: from another process.
  ///
  /// - Parameter path: of the directory, which may be missing.
  package static func findings(ofDirectory path: String) -> [Diagnosis.Finding] {
    guard let resolved = realpath(path, nil) else {
      let code = errno
      guard code == ENOENT else {
        return [
          Finding(
            .bad, "state directory", "\(path): \(String(cString: strerror(code)))",
            advice: "name another with --state-dir, or let jobqd's user get there")
        ]
      }
      return [Finding(.ok, "state directory", "\(path) is not there yet: jobqd makes it at its first start"), library]
    }
    defer { free(resolved) }
    var examination = StoreExamination(directory: StateDirectory(existing: String(cString: resolved)))
    examination.lookAtPlaces()
    examination.lookAtDatabase()
    return examination.findings + [library]
  }

  /// From inside the daemon that has the store open, over a connection of the caller's. No file of the database's is
  /// opened but by SQLite: closing it would drop SQLite's locks (https://www.sqlite.org/howtocorrupt.html, 2.2.1).
  static func findings(of path: String, check: () -> Diagnosis.Finding) -> [Diagnosis.Finding] {
    let directory = String(path.prefix(upTo: path.lastIndex(of: "/") ?? path.endIndex))
    var examination = StoreExamination(directory: StateDirectory(existing: directory))
    examination.lookAtPlaces()
    examination.findings.append(check())
    examination.lookAtLog()
    return examination.findings + [library]
  }

  private init(directory: StateDirectory) { self.directory = directory }

  private mutating func note(_ grade: Diagnosis.Grade, _ what: String, _ detail: String, advice: String? = nil) {
    findings.append(Finding(grade, what, detail, advice: advice))
  }

  // MARK: Places

  private mutating func lookAtPlaces() {
    let path = directory.path
    var status = stat()
    guard stat(path, &status) == 0, status.st_mode & S_IFMT == S_IFDIR else {
      return note(.bad, "state directory", "\(path) is no directory", advice: "name another with --state-dir")
    }
    let mode = status.st_mode & 0o7777
    let described = "\(path), mode 0\(String(mode, radix: 8)), of user \(status.st_uid)"
    if geteuid() != 0, status.st_uid != geteuid() {
      note(.bad, "state directory", described, advice: "it must be jobqd's own: run as that user, or `chown` it")
    } else if mode & 0o022 != 0 {
      note(.bad, "state directory", "\(described): others may write to it", advice: "`chmod 700 \(path)`")
    } else if mode & 0o077 != 0 {
      note(.warn, "state directory", "\(described): others may look into it", advice: "`chmod 700 \(path)`")
    } else {
      note(.ok, "state directory", described)
    }
    lookAtFiles(owner: status.st_uid)
    lookAtFileSystem()
    lookAtRoom()
  }

  /// The database and what lies beside it are 0600 and of one user.
  private mutating func lookAtFiles(owner: uid_t) {
    for name in ["jobq.db", "jobq.db-wal", "jobq.db-shm", "jobq.lock"] {
      let path = directory.path + "/" + name
      var status = stat()
      guard lstat(path, &status) == 0 else { continue }
      let mode = status.st_mode & 0o7777
      if status.st_uid != owner {
        note(
          .bad, "files", "\(path) is of user \(status.st_uid), its directory of \(owner)",
          advice: "`chown --reference=\(directory.path) \(path)`")
      } else if status.st_mode & S_IFMT == S_IFREG, mode & 0o600 != 0o600 {
        note(.bad, "files", "\(path) has mode 0\(String(mode, radix: 8))", advice: "`chmod 600 \(path)`")
      } else if mode & 0o077 != 0 {
        note(
          .warn, "files", "\(path) has mode 0\(String(mode, radix: 8)): others may see it",
          advice: "`chmod 600 \(path)`")
      }
    }
  }

  private mutating func lookAtFileSystem() {
    guard let system = FileSystem(of: directory.path) else { return }
    switch system.fitness {
    case .fit: note(.ok, "file system", system.type)
    case .doubtful(let why):
      note(
        .warn, "file system", "\(system.type): \(why)", advice: "where jobs must not be lost, use a disk of this host")
    case .network:
      note(
        .bad, "file system", "\(system.type) is a network file system, where a database is not safe",
        advice: "give jobqd a directory on a local disk with --state-dir")
    }
  }

  private mutating func lookAtRoom() {
    var room = statvfs()
    guard statvfs(directory.path, &room) == 0 else { return }
    let free = Int64(room.f_bavail) * Int64(room.f_frsize)
    let all = Int64(room.f_blocks) * Int64(room.f_frsize)
    let bytes = "\(Diagnosis.size(free)) of \(Diagnosis.size(all)) free"
    // A file system that makes inodes as it needs them says that it has none.
    let inodes = room.f_files == 0 ? "" : ", \(room.f_favail) inodes"
    let isOut = free < 4 << 20 || (room.f_files > 0 && room.f_favail < 16)
    let isLow = free < min(1 << 30, all / 20) || (room.f_files > 0 && room.f_favail < room.f_files / 50)
    note(
      isOut ? .bad : isLow ? .warn : .ok, "disk", bytes + inodes,
      advice: isOut || isLow ? "free some space: new jobs are refused once it is full" : nil)
    if room.f_flag & UInt(ST_RDONLY) != 0 {
      note(.bad, "disk", "the file system of \(directory.path) is mounted read-only", advice: "remount it read-write")
    }
  }

  private mutating func lookAtLog() {
    var status = stat()
    guard stat(directory.database + "-wal", &status) == 0 else {
      return note(.ok, "WAL", "0 bytes: the database holds everything")
    }
    // It is copied into the database at 4 MiB and cut to 16: more says that something reads for very long.
    let isLong = status.st_size > 256 << 20
    note(
      isLong ? .warn : .ok, "WAL", "\(status.st_size) bytes in \(directory.database)-wal",
      advice: isLong ? "something has the database open and reads for long, a backup or another program: end it" : nil)
  }

  // MARK: The database, from outside

  private mutating func lookAtDatabase() {
    let path = directory.database
    var status = stat()
    guard lstat(path, &status) == 0 else {
      let traces = ["-wal", "-shm", "-journal"].filter { access(path + $0, F_OK) == 0 }
      guard let trace = traces.first else {
        return note(.ok, "database", "\(path) is not there yet: jobqd makes it at its first start")
      }
      return note(
        .bad, "database", "\(path) is missing, but \(path + trace) is there, so that there was one",
        advice: "put the database back beside it, or move that file away to begin with an empty store")
    }
    if isLocked {
      note(.ok, "lock", "a jobqd that runs has \(directory.lockFile)")
      note(
        .ok, "database", "\(path), \(Diagnosis.size(Int64(status.st_size))); in use, so not checked from here",
        advice: "`jobq doctor` asks the daemon to check it")
      return lookAtLog()
    }
    do throws(StoreError) {
      _ = try DatabaseFile(directory: directory, bootID: SQLiteJobStore.bootID()).inspect(
        status, .whole)
      note(
        .ok, "database",
        "\(path), \(Diagnosis.size(Int64(status.st_size))): header, schema and integrity_check find no fault")
    } catch {
      note(.bad, "database", error.message)
    }
    lookAtLog()
  }

  /// Whether a daemon has the directory: flock(2), let go at once.
  private var isLocked: Bool {
    let descriptor = open(directory.lockFile, O_RDONLY | O_CLOEXEC | O_NOFOLLOW)
    guard descriptor >= 0 else { return false }
    defer { close(descriptor) }
    return flock(descriptor, LOCK_SH | LOCK_NB) != 0 && errno == EWOULDBLOCK
  }

  // MARK: SQLite

  private static var library: Diagnosis.Finding { finding(on: Connection.library.version, Connection.library.number) }

  /// What is known of a version of SQLite (https://www.sqlite.org/changes.html).
  static func finding(on version: String, _ number: Int) -> Diagnosis.Finding {
    // STRICT tables came with 3.37.0.
    guard number >= 3_037_000 else {
      return Finding(.bad, "SQLite", "\(version) is too old: jobqd needs 3.37.0", advice: "install a newer libsqlite3")
    }
    guard number <= 3_051_002 else { return Finding(.ok, "SQLite", "\(version): no known fault that matters here") }
    return Finding(
      .ok, "SQLite",
      "\(version): up to 3.51.2 two connections that checkpoint at once can damage the database (walresetbug); jobqd "
        + "checkpoints on one connection only, and no other program may write to the database")
  }
}
