import FoundationEssentials
import Glibc
import JobModel
import JobStore
import SQLite
import Testing

/// The files: how they are born, and what is refused untouched.
@Suite struct SQLiteFileTests {
  private func mode(_ path: String) -> mode_t? {
    var status = stat()
    return lstat(path, &status) == 0 ? status.st_mode & 0o7777 : nil
  }

  /// Every file of a directory with its bytes, but for the lock.
  private func contents(_ directory: String) throws -> [String: Data] {
    let names = try FileManager.default.contentsOfDirectory(atPath: directory).filter { $0 != "jobq.lock" }
    return try Dictionary(
      uniqueKeysWithValues: names.map { ($0, try Data(contentsOf: URL(filePath: directory + "/" + $0))) })
  }

  /// Opens what must be refused, and proves that no byte was changed and no file made.
  private func refused(_ directory: String, sourceLocation: SourceLocation = #_sourceLocation) async throws
    -> StoreError?
  {
    let before = try contents(directory)
    let error = await refusal(
      {
        let store = try await SQLiteJobStore.open(directory: directory)
        await store.close()
      }, sourceLocation: sourceLocation)
    #expect(try contents(directory) == before, sourceLocation: sourceLocation)
    #expect(
      error?.message.contains(directory + "/jobq.db") == true, "\(error?.message ?? "")", sourceLocation: sourceLocation
    )
    return error
  }

  /// A directory that holds the database of a store that was closed.
  private func withClosedStore(_ body: (_ directory: String, _ database: String) async throws -> Void) async throws {
    try await withDirectory { directory in
      let store = try await SQLiteJobStore.open(directory: directory)
      try await store.add()
      await store.close()
      try await body(directory, directory + "/jobq.db")
    }
  }

  @Test(
    "into a database or a log that was removed or replaced nothing is acknowledged; put back, it serves again",
    arguments: ["jobq.db", "jobq.db-wal"], [true, false])
  func moved(name: String, isReplaced: Bool) async throws {
    try await withDirectory { directory in
      let store = try await SQLiteJobStore.open(directory: directory)
      let kept = try await store.add()
      let (file, aside) = (directory + "/" + name, directory + "/aside")
      #expect(rename(file, aside) == 0)
      if isReplaced { try FileManager.default.copyItem(atPath: aside, toPath: file) }
      for _ in 0..<2 {
        let error = await refusal { try await store.add() }
        #expect(error?.code == .storage(.failed) && error?.message.contains(file) == true, "\(error as Any)")
      }
      #expect(await refusal { try await store.probe() } != nil)
      #expect(rename(aside, file) == 0)
      try await store.probe()
      let later = try await store.add()
      await store.close()
      let again = try await SQLiteJobStore.open(directory: directory)
      for id in [kept, later] { #expect(try await again.job(id) != nil) }
      #expect(try await again.overview().counts.total == 2)
      await again.close()
    }
  }

  @Test(
    "the directory is 0700 and every file in it 0600, whatever the umask, and a clean stop leaves one database file")
  func modes() async throws {
    try await withDirectory { directory in
      let deep = directory + "/a/b"
      let old = umask(0)
      defer { umask(old) }
      let store = try await SQLiteJobStore.open(directory: deep)
      try await store.add()
      #expect(mode(directory) == 0o700 && mode(directory + "/a") == 0o700 && mode(deep) == 0o700)
      let names = try FileManager.default.contentsOfDirectory(atPath: deep).sorted()
      #expect(names == ["jobq.db", "jobq.db-shm", "jobq.db-wal", "jobq.lock"])
      for name in names { #expect(mode(deep + "/" + name) == 0o600, "\(name)") }
      await store.close()
      #expect(try contents(deep).keys.sorted() == ["jobq.db"])
    }
  }

  @Test("a second daemon on the directory is refused for as long as the first has it")
  func lock() async throws {
    try await withDirectory { directory in
      let store = try await SQLiteJobStore.open(directory: directory)
      let error = await refusal { _ = try await SQLiteJobStore.open(directory: directory) }
      #expect(error?.code == .refused(.locked))
      #expect(error?.message.contains(directory) == true)
      #expect(error?.message.contains("process \(getpid())") == true)
      try await store.add()
      await store.close()
      let next = try await SQLiteJobStore.open(directory: directory)
      await next.close()
    }
  }

  @Test("a directory that others may write to, or that is none, is refused")
  func directories() async throws {
    try await withDirectory { directory in
      try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: false)
      chmod(directory, 0o777)
      let open = await refusal { _ = try await SQLiteJobStore.open(directory: directory) }
      #expect(open?.code == .refused(.permission))
      try Data("x".utf8).write(to: URL(filePath: directory + "/file"))
      let file = await refusal { _ = try await SQLiteJobStore.open(directory: directory + "/file") }
      #expect(file?.code == .refused(.permission))
      let below = await refusal { _ = try await SQLiteJobStore.open(directory: directory + "/file/below") }
      #expect(below?.code == .refused(.permission))
    }
  }

  @Test("a file that is no database of jobqd's is refused untouched")
  func foreign() async throws {
    try await withClosedStore { directory, database in
      for bytes in [Data("hello".utf8), Data(repeating: 0, count: 8192)] {
        try bytes.write(to: URL(filePath: database))
        #expect(try await refused(directory)?.code == .refused(.foreign))
      }
      unlink(database)
      try Connection(database, .create).execute(
        "PRAGMA journal_mode = WAL; CREATE TABLE t (x); PRAGMA application_id = 5")
      #expect(try await refused(directory)?.code == .refused(.foreign))
      unlink(database)
      symlink("/etc/passwd", database)
      #expect(try await refused(directory)?.code == .refused(.foreign))
    }
  }

  @Test("an empty, cut off or overwritten database is refused untouched")
  func damaged() async throws {
    try await withClosedStore { directory, database in
      let whole = try Data(contentsOf: URL(filePath: database))
      var broken: [String: Data] = [
        "empty": Data(), "in its header": whole.prefix(50), "cut off": whole.dropLast(4096),
      ]
      for page in 1..<whole.count / 4096 {
        // A page of rubbish anywhere but on the first, except on one that is free.
        var bytes = whole
        bytes.replaceSubrange(page * 4096..<page * 4096 + 4096, with: Data(repeating: 0x5A, count: 4096))
        broken["page \(page + 1)"] = bytes
      }
      for (what, bytes) in broken {
        try bytes.write(to: URL(filePath: database))
        let error = try await refused(directory)
        #expect(error?.code == .refused(.damaged), "\(what)")
      }
      try whole.write(to: URL(filePath: database))
      let store = try await SQLiteJobStore.open(directory: directory)
      #expect(try await store.overview().counts.total == 1)
      await store.close()
    }
  }

  @Test("a newer database, and one with another schema, are refused untouched")
  func newerOrOther() async throws {
    try await withClosedStore { directory, database in
      let version = try #require(try Connection(database, .readOnly).value("PRAGMA user_version", as: Int.self))
      func change(_ sql: String) throws {
        let connection = try Connection(database, .readWrite)
        try connection.execute("PRAGMA journal_mode = DELETE; \(sql); PRAGMA journal_mode = WAL")
      }
      try change("PRAGMA user_version = \(version + 1)")
      let newer = try await refused(directory)
      #expect(newer?.code == .refused(.newer) && newer?.message.contains("newer") == true)
      try change("PRAGMA user_version = 0")
      #expect(try await refused(directory)?.code == .refused(.damaged))
      try change("PRAGMA user_version = \(version); CREATE TABLE extra (x)")
      let extra = try await refused(directory)
      #expect(extra?.code == .refused(.damaged) && extra?.message.contains("extra") == true)
      try change("DROP TABLE extra; DROP INDEX jobs_queue")
      #expect(try await refused(directory)?.message.contains("jobs_queue") == true)
    }
  }

  @Test("a database that is gone while its log is there is refused")
  func missing() async throws {
    for trace in ["-wal", "-shm", "-journal"] {
      try await withClosedStore { directory, database in
        unlink(database)
        try Data().write(to: URL(filePath: database + trace))
        #expect(try await refused(directory)?.code == .refused(.missing))
      }
    }
  }

  @Test(
    "a large database is opened at once after a clean stop and checked meanwhile; damage then refuses new work",
    .timeLimit(.minutes(10)))
  func backgroundCheck() async throws {
    try await withClosedStore { directory, database in
      var store = try await SQLiteJobStore.open(directory: directory)
      let large = String(repeating: "x", count: 1_000_000)
      for _ in 0..<70 { try await store.add(.command(large)) }
      await store.close()
      let file = open(database, O_RDWR | O_CLOEXEC)
      defer { close(file) }
      let rubbish = [UInt8](repeating: 0x5A, count: 4096)
      #expect(pwrite(file, rubbish, rubbish.count, 5000 * 4096) == rubbish.count)

      store = try await SQLiteJobStore.open(directory: directory)
      var met: StoreError?
      while met == nil {
        do throws(StoreError) { try await store.probe() } catch { met = error }
      }
      #expect(met?.code == .storage(.damaged) && met?.message.contains(database) == true)
      #expect(await refusal { try await store.add() }?.code == .storage(.damaged))
      #expect(try await store.overview().counts.total == 71, "what can be read is read")
      await store.close()
      // The stop was not noted as clean, so the next start checks first.
      let error = await refusal { _ = try await SQLiteJobStore.open(directory: directory) }
      #expect(error?.code == .refused(.damaged))
    }
  }

  @Test("what a crash left of a database in the making is no hindrance")
  func unborn() async throws {
    try await withDirectory { directory in
      try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: false)
      chmod(directory, 0o700)
      for name in ["jobq.db.new", "jobq.db.new-wal", "jobq.db.new-journal"] {
        try Data("rubbish".utf8).write(to: URL(filePath: directory + "/" + name))
      }
      let store = try await SQLiteJobStore.open(directory: directory)
      try await store.add()
      await store.close()
      #expect(try contents(directory).keys.sorted() == ["jobq.db"])
    }
  }

  @Test("a copy of the files of a running store, as a killed daemon leaves them, opens with all that was acknowledged")
  func killed() async throws {
    try await withDirectory { directory in
      let store = try await SQLiteJobStore.open(directory: directory + "/first")
      let id = try await store.add()
      let running = try await store.add(.command { $0.onInterrupt = .hold })
      _ = try await store.claim(2)
      try FileManager.default.copyItem(atPath: directory + "/first", toPath: directory + "/second")
      let survivor = try await SQLiteJobStore.open(directory: directory + "/second")
      #expect(survivor.identity == store.identity)
      #expect(try await survivor.leftovers().map(\.id) == [id, running])
      await store.close()
      await survivor.close()
    }
  }

  @Test("a directory whose name a URI would read otherwise, or that is reached by a link, serves as well")
  func oddNames() async throws {
    try await withDirectory { directory in
      let odd = directory + "/a?b#c%20 d&e=ü"
      for _ in 0..<2 {
        let store = try await SQLiteJobStore.open(directory: odd)
        try await store.add()
        await store.close()
      }
      symlink(odd, directory + "/link")
      let store = try await SQLiteJobStore.open(directory: directory + "/link/")
      #expect(try await store.overview().counts.total == 2)
      await store.close()
    }
  }
}
