import FoundationEssentials
import Glibc
import SQLite
import SeededRandom
import Testing

@testable import JobStore

/// The log file that is written in one call for each transaction (CSQLiteLog).
@Suite struct SQLiteLogTests {
  private func open(_ directory: String, cachePages: Int = 2000) throws -> Connection {
    try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: true)
    let path = directory + "/a.db"
    if access(path, F_OK) != 0 {
      try Connection(path, .create).execute("PRAGMA journal_mode = WAL; CREATE TABLE t (k INTEGER PRIMARY KEY, v BLOB)")
    }
    let connection = try Connection(path, .readWrite)
    try connection.execute(
      "PRAGMA synchronous = NORMAL; PRAGMA wal_autocheckpoint = 0; PRAGMA cache_size = \(cachePages)")
    try connection.neverCheckpointOnClose()
    return connection
  }

  /// What a process that died now would leave: read from copies of the files, so that nothing counts but what is in them.
  private func contents(of directory: String) throws -> [Int64: Int] {
    let copy = directory + "-copy"
    try? FileManager.default.removeItem(atPath: copy)
    try FileManager.default.createDirectory(atPath: copy, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(atPath: copy) }
    for name in ["a.db", "a.db-wal"] where access("\(directory)/\(name)", F_OK) == 0 {
      try FileManager.default.copyItem(atPath: "\(directory)/\(name)", toPath: "\(copy)/\(name)")
    }
    let found = try Connection(copy + "/a.db", .create)
    #expect(try found.value("PRAGMA integrity_check", as: String.self) == "ok")
    let rows = try found.prepare("SELECT k, length(v) FROM t").all { row throws(SQLiteError) in
      (try row.read(Int64.self), try row.read(Int.self))
    }
    return Dictionary(uniqueKeysWithValues: rows)
  }

  /// System calls that wrote something, of this thread (proc_pid_io(5)).
  private func writes() throws -> Int {
    let text = try String(contentsOfFile: "/proc/thread-self/io", encoding: .utf8)
    return text.split(separator: "\n").first { $0.hasPrefix("syscw: ") }.flatMap { Int($0.dropFirst(7)) } ?? 0
  }

  @Test("a transaction is written in one call, and is in the file when it is committed")
  func one() async throws {
    try await withDirectory { directory in
      let connection = try open(directory)
      for key in 1...6 {
        try connection.execute("BEGIN IMMEDIATE")
        for part in 0..<4 { try connection.execute("INSERT INTO t VALUES (\(key * 10 + part), zeroblob(3000))") }
        let before = try writes()
        try connection.execute("COMMIT")
        // The first also begins the log.
        #expect(try writes() - before == (key == 1 ? 2 : 1))
        #expect(try contents(of: directory).count == key * 4)
      }
    }
  }

  @Test("a log that is made longer keeps what is in it, and is written over from its end")
  func longer() async throws {
    try await withDirectory { directory in
      let connection = try open(directory)
      try connection.execute("INSERT INTO t VALUES (1, zeroblob(10))")
      let log = try connection.logFile()
      log.lengthen(to: 1 << 20)
      try log.sync()
      let size = { try FileManager.default.attributesOfItem(atPath: directory + "/a.db-wal")[.size] as? Int }
      #expect(try size() == 1 << 20)
      #expect(try contents(of: directory) == [1: 10])
      #expect(try WriteAheadLog(of: directory + "/a.db-wal")?.state == .whole)
      try connection.execute("INSERT INTO t VALUES (2, zeroblob(10))")
      #expect(try contents(of: directory) == [1: 10, 2: 10])
      #expect(try size() == 1 << 20)
    }
  }

  @Test("whatever a transaction does, its end is in the file, and nothing of one that was undone")
  func orders() async throws {
    let seed = testSeed()
    var random = SplitMix(seed: seed)
    for round in 0..<12 {
      try await withDirectory { directory in
        // A cache that is too small writes pages before the end, and again when they change once more.
        var connection = try open(directory, cachePages: round % 2 == 0 ? 10 : 2000)
        var known: [Int64: Int] = [:]
        for step in 0..<25 {
          var next = known
          try connection.execute("BEGIN IMMEDIATE")
          for _ in 0..<Int.random(in: 1...60, using: &random) {
            let key = Int64.random(in: 1...40, using: &random)
            let size = Int.random(in: 1...9000, using: &random)
            let undone = random.chance(15)
            if undone { try connection.execute("SAVEPOINT s") }
            try connection.execute("INSERT OR REPLACE INTO t VALUES (\(key), randomblob(\(size)))")
            if undone { try connection.execute("ROLLBACK TO s; RELEASE s") } else { next[key] = size }
          }
          if random.chance(25) {
            try connection.execute("ROLLBACK")
          } else {
            try connection.execute("COMMIT")
            known = next
          }
          #expect(try contents(of: directory) == known, "JOBQ_TEST_SEED=\(seed), round \(round), step \(step)")
          switch Int.random(in: 0..<10, using: &random) {
          case 0: try connection.checkpoint(.passive)
          case 1: try connection.checkpoint(.truncate)
          case 2: connection = try open(directory, cachePages: 10)
          default: break
          }
        }
      }
    }
  }
}
