import FoundationEssentials
import Glibc
package import JobModel
import SQLite
import Synchronization

extension SQLiteJobStore {
  /// Opens the store of a state directory, and makes both where they are missing. Until `close`, no other
  /// daemon can.
  ///
  /// - Parameters:
  ///   - directory: made 0700 with the parents that are missing. The database is `jobq.db` in it, 0600.
  ///   - bootID: of this boot of the machine, /proc/sys/kernel/random/boot_id. Where it is not the one that the
  ///     database knows, what waits for a delay goes by the wall clock from now on.
  ///   - hasLogRoom: makes the log as long as it becomes, where the disk has room to spare: so the first jobs after a start
  ///     are as quick as later ones.
  ///   - mostTold: how many jobs one transaction tells of the ends of those that they wait for; 0 leaves all of that to
  ///     a later start.
  /// - Throws: `.refused` where the database may not be used, with its full path and what to do; nothing was
  ///   changed then. `.storage` where the disk is full or fails.
  package static func open(
    directory: String, bootID: String = SQLiteJobStore.bootID(), hasLogRoom: Bool = false, mostTold: Int = 1000,
    hooks: Hooks = Hooks()
  ) async throws(StoreError) -> SQLiteJobStore {
    let signals = StoreSignals()
    // Before the writer's thread: what an earlier daemon left to tell ends jobs from its first moment on.
    signals.hooks.set(hooks)
    let writes = Inbox<WriteRequest>()
    let reads = Inbox<ReadRequest>()
    let readersEnded = Gate(count: readers)
    let writerEnded = Gate(count: 1)
    let opened: Result<Opened, StoreError> = await withCheckedContinuation { continuation in
      do throws(StoreError) {
        try StoreThread.start("jobq-writer") {
          var isAnswered = false
          defer { writerEnded.open() }
          do throws(StoreError) {
            let directory = try StateDirectory(directory)
            let lock = try directory.lock()
            let (writer, opened) = try openWriter(
              directory, bootID: bootID, hasLogRoom: hasLogRoom, mostTold: mostTold, signals)
            lock.note(opening: directory.opening(in: bootID))
            // What a daemon that died while it made a copy has left.
            for name in ["", "-wal", "-shm"] { unlink(directory.copy + name) }
            let early = try EarlyThread()
            defer { early.end() }
            let syncing = try SyncThread(signals) { writes.nudge() }
            isAnswered = true
            continuation.resume(returning: .success(opened))
            writer.work(on: writes, with: syncing, and: early)
            // The lock is let go last, with the writer's connection closed.
            _ = consume writer
            _ = consume lock
          } catch {
            if !isAnswered { continuation.resume(returning: .failure(error)) }
          }
        }
      } catch {
        continuation.resume(returning: .failure(error))
      }
    }
    let database = try opened.get()
    let store = SQLiteJobStore(
      identity: database.identity, path: database.path, signals: signals, writes: writes, reads: reads,
      readersEnded: readersEnded, writerEnded: writerEnded)
    var started = 0
    do throws(StoreError) {
      for _ in 0..<readers {
        try startReader(database.path, reads, signals, readersEnded)
        started += 1
      }
      if !database.isChecked { try startCheck(database.path, signals) }
    } catch {
      for _ in started..<readers { readersEnded.open() }
      await store.close()
      throw error
    }
    return store
  }

  /// This boot of the machine (random(4)). Where it cannot be read every start counts as a boot.
  package static func bootID() -> String {
    let descriptor = Glibc.open("/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC)
    guard descriptor >= 0 else { return UUID().uuidString.lowercased() }
    defer { Glibc.close(descriptor) }
    var bytes = [UInt8](repeating: 0, count: 36)
    guard Glibc.read(descriptor, &bytes, bytes.count) == bytes.count else { return UUID().uuidString.lowercased() }
    return String(decoding: bytes, as: UTF8.self)
  }

  struct Opened: Sendable {
    var identity: String
    var path: String
    /// Whether the contents have been checked; else a reader does it meanwhile.
    var isChecked: Bool
  }

  // MARK: The writer

  static func openWriter(
    _ directory: StateDirectory, bootID: String, hasLogRoom: Bool = false, mostTold: Int = 1000, _ signals: StoreSignals
  ) throws(StoreError) -> (Writer, Opened) {
    let finding = try DatabaseFile(directory: directory, bootID: bootID).prepare()
    do throws(SQLiteError) {
      let connection = try Connection(directory.database, .readWrite)
      connection.wait(forLocks: 0)
      try connection.defend()
      try set(connection, "journal_mode", "wal")
      for (name, value) in writerSettings { try set(connection, name, value) }
      connection.takeOverCheckpoints()
      // A torn rest would lie behind what is written from now on, and look like damage after a death in this boot. And of
      // what a daemon left that could not sync it nobody knows whether it is on the disk: copied, and synced, it is.
      do throws(SQLiteError) {
        try connection.checkpoint(finding.isLogTorn ? .truncate : .passive)
      } catch  where error.isFull && !finding.isLogTorn {
        // The log has room of its own, and the database none. What the log holds is read from it, and is synced with it
        // below, written again so that the sync means all of it.
        try WriteAheadLog.rewrite(directory.database + "-wal")
      }
      try Schema.migrate(connection)
      let statements = Statements(connection)
      let run = try beginRun(connection, bootID: bootID)
      let log = try connection.logFile()
      if hasLogRoom, FileSystem.freeBytes(at: directory.path) ?? 0 > Writer.usualLogBytes * 64 {
        log.lengthen(to: Writer.usualLogBytes)
      }
      try log.sync()
      let table = try JobTable(
        statements, run: run, bootID: bootID, hooks: signals.hooks, mostTold: mostTold)
      let identity: String? = try statements[.identity].first { row throws(SQLiteError) in try row.read() }
      return (
        try Writer(connection, table, signals),
        Opened(identity: identity ?? "", path: directory.database, isChecked: finding.isChecked)
      )
    } catch {
      throw .refusal(error, directory.database)
    }
  }

  /// https://www.sqlite.org/pragma.html, each with the value that it reads back as.
  private static let commonSettings: [(String, Int64)] = [
    ("foreign_keys", 1), ("trusted_schema", 0), ("cell_size_check", 1), ("mmap_size", 0), ("temp_store", 2),
  ]
  private static let writerSettings: [(String, Int64)] =
    commonSettings + [
      // Whoever commits syncs by itself: see `LogTurn`.
      ("synchronous", 1), ("wal_autocheckpoint", 0), ("journal_size_limit", 16 << 20), ("cache_size", -8192),
    ]
  private static let readerSettings: [(String, Int64)] = commonSettings + [("query_only", 1), ("cache_size", -2048)]

  /// Sets a pragma and reads it back: a setting that SQLite passes over in silence is an error here.
  private static func set<Value: SQLiteValue & Equatable>(_ connection: Connection, _ name: String, _ value: Value)
    throws(SQLiteError)
  {
    try connection.execute("PRAGMA \(name) = \(value)")
    let found = try connection.value("PRAGMA \(name)", as: Value.self)
    guard found == value || (found == nil && name == "mmap_size") else {
      throw SQLiteError(
        code: 1, message: "it stays \(found.map { "\($0)" } ?? "unset") and does not become \(value)",
        doing: "PRAGMA \(name)")
    }
  }

  /// Notes this life of the daemon. After a reboot what waits for a delay, the end of a pause or a rate goes by the
  /// wall clock: the time since boot starts anew.
  private static func beginRun(_ connection: Connection, bootID: String) throws(SQLiteError) -> Int64 {
    try connection.execute("BEGIN IMMEDIATE")
    do throws(SQLiteError) {
      let last = try connection.value("SELECT boot_id FROM runs ORDER BY run DESC LIMIT 1", as: String.self)
      if last != bootID {
        try connection.execute(
          """
          UPDATE jobs SET due_wall = run_at, due_boot = NULL WHERE id IN (
            SELECT j.id FROM \(Query.jobs(in: .held, .blocked, .scheduled)) WHERE j.due_boot IS NOT NULL);
          UPDATE queues SET pause_boot = NULL, start_boot = NULL;
          UPDATE store SET pause_boot = NULL;
          UPDATE attempts SET lease_boot = NULL WHERE finished_at IS NULL AND lease_boot IS NOT NULL;
          UPDATE untold SET boot = 0
          """)
      }
      try connection.execute("UPDATE hook_deliveries SET due = 0 WHERE due > 0")
      try connection.prepare("INSERT INTO runs (boot_id) VALUES (?)").bind(bootID).run()
      let run = connection.lastInsertedRow
      // Those stay of which attempts were left: how they ended tells whether a death counts.
      try connection.prepare(
        """
        DELETE FROM runs WHERE run < ? AND run NOT IN (SELECT a.run FROM \(Query.running))
        """
      ).bind(run).run()
      try connection.execute("COMMIT")
      return run
    } catch {
      if !connection.isAutocommit { try? connection.execute("ROLLBACK") }
      throw error
    }
  }

  // MARK: Readers

  private static func startReader(
    _ path: String, _ reads: Inbox<ReadRequest>, _ signals: StoreSignals, _ ended: Gate
  ) throws(StoreError) {
    try StoreThread.start("jobq-reader") {
      defer { ended.open() }
      var reader: JobReader?
      while let request = reads.takeFirst() {
        // Opened when it is first needed, and again after a failure to.
        do throws(SQLiteError) {
          if reader == nil { reader = JobReader(statements: Statements(try openReader(path))) }
          if let reader { request.perform(.success(reader)) }
        } catch {
          request.perform(.failure(.storage(error, path)))
        }
      }
    }
  }

  /// A connection that never writes, not even when it closes.
  static func openReader(_ path: String) throws(SQLiteError) -> Connection {
    let connection = try Connection(path, .readOnly)
    connection.wait(forLocks: 0)
    try connection.neverCheckpointOnClose()
    for (name, value) in readerSettings { try set(connection, name, value) }
    return connection
  }

  /// Checks a large database after a clean stop while work goes on; damage refuses new work from then on.
  private static func startCheck(_ path: String, _ signals: StoreSignals) throws(StoreError) {
    try StoreThread.start("jobq-check") {
      do throws(SQLiteError) {
        let connection = try openReader(path)
        connection.cancel { signals.isClosing }
        if let flaw = try DatabaseFile.flaw(connection) { signals.note(damage: .damaged("\(path): \(flaw)")) }
      } catch {
        if error.isDamage { signals.note(damage: .storage(error, path)) }
      }
    }
  }
}
