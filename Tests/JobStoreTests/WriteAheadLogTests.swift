import FoundationEssentials
import Glibc
import JobModel
import SQLite
import Testing

@testable import JobStore

/// A log that is broken, told from one that is cut short.
@Suite struct WriteAheadLogTests {
  private static let frame = 4096 + 24

  /// The files of a store that was killed, with some transactions in its log.
  private func withKilledStore(_ body: (_ directory: String, _ log: [UInt8], _ ids: [JobID]) async throws -> Void)
    async throws
  {
    try await withDirectory { directory in
      let store = try await SQLiteJobStore.open(directory: directory + "-from", bootID: "boot 1")
      defer { try? FileManager.default.removeItem(atPath: directory + "-from") }
      var ids: [JobID] = []
      for _ in 0..<8 { ids.append(try await store.add()) }
      try FileManager.default.copyItem(atPath: directory + "-from", toPath: directory)
      chmod(directory, 0o700)
      // In place of a daemon that had it here.
      try Data("1\n\(StateDirectory(existing: directory).opening(in: "boot 1"))\n".utf8).write(
        to: URL(filePath: directory + "/jobq.lock"))
      try await body(directory, Array(try Data(contentsOf: URL(filePath: directory + "/jobq.db-wal"))), ids)
      await store.close()
    }
  }

  private func state(_ log: [UInt8]) -> WriteAheadLog.State? {
    WriteAheadLog.look { count, offset in offset + count <= log.count ? Array(log[offset..<offset + count]) : nil }?
      .state
  }

  @Test(
    "a byte changed anywhere in the log of a daemon that was killed in this boot is found, unless it is the last transaction's"
  )
  func everywhere() async throws {
    try await withKilledStore { directory, log, ids in
      #expect(state(log) == .whole)
      let frames = (log.count - 32) / Self.frame
      // The last commit may be what the daemon died in.
      let last = try #require(
        (0..<frames - 1).last { log[32 + $0 * Self.frame + 4..<32 + $0 * Self.frame + 8].contains { $0 != 0 } })
      for byte in 0..<32 {
        var broken = log
        broken[byte] ^= 1
        #expect(state(broken) == .noHeader, "header, byte \(byte)")
      }
      for number in 0...last {
        for byte in [0, 16, 23, 24, 2000, Self.frame - 1] {
          var broken = log
          broken[32 + number * Self.frame + byte] ^= 0x10
          guard case .broken(number + 1, commits: let commits) = state(broken), commits > 0 else {
            Issue.record("frame \(number + 1), byte \(byte): \(state(broken) as Any)")
            continue
          }
        }
      }
      for cut in stride(from: 0, to: log.count, by: 997) {
        let cutOff = state(Array(log[..<cut]))
        #expect(cutOff == nil || cutOff == .whole, "cut at \(cut): as a death leaves it")
      }
      #expect(state([UInt8](repeating: 0, count: 8192)) == .whole, "zeros, as a power cut leaves them")
    }
  }

  @Test(
    "such a log is refused, untouched, with its path, within the boot; after a power cut it is what it was made for")
  func refused() async throws {
    try await withKilledStore { directory, log, ids in
      let path = directory + "/jobq.db-wal"
      var broken = log
      broken[32 + 2000] ^= 0xFF
      for (bytes, boot) in [(broken, "boot 1"), (Array("no header at all: overwritten".utf8) + log[29...], "boot 2")] {
        try Data(bytes).write(to: URL(filePath: path))
        let before = try Data(contentsOf: URL(filePath: directory + "/jobq.db"))
        let error = await refusal { _ = try await SQLiteJobStore.open(directory: directory, bootID: boot) }
        #expect(error?.code == .refused(.damaged) && error?.message.contains(path) == true, "\(error as Any)")
        #expect(try Data(contentsOf: URL(filePath: path)) == Data(bytes))
        #expect(try Data(contentsOf: URL(filePath: directory + "/jobq.db")) == before)
      }
      // The same bytes in another place, or after another boot, may be what a power cut left.
      try Data(broken).write(to: URL(filePath: path))
      let torn = try await SQLiteJobStore.open(directory: directory, bootID: "boot 2")
      #expect(try await torn.overview().counts.total < ids.count)
      await torn.close()
    }
    try await withKilledStore { directory, log, ids in
      let store = try await SQLiteJobStore.open(directory: directory, bootID: "boot 1")
      for id in ids { #expect(try await store.job(id) != nil) }
      await store.close()
    }
  }

  @Test("what a large transaction that was rolled back leaves in the log is no damage")
  func rolledBack() async throws {
    try await withDirectory { directory in
      let path = directory + ".db"
      defer { for name in ["", "-wal", "-shm"] { unlink(path + name) } }
      let connection = try Connection(path, .create)
      try connection.neverCheckpointOnClose()
      try connection.execute(
        "PRAGMA journal_mode = WAL; PRAGMA wal_autocheckpoint = 0; PRAGMA cache_size = 10; CREATE TABLE t (x)")
      // More than the cache holds: written to the log before the rollback.
      let fill =
        "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 500) INSERT INTO t SELECT randomblob(3000) FROM n"
      try connection.execute("BEGIN; \(fill); ROLLBACK; INSERT INTO t VALUES (1)")
      let size = try FileManager.default.attributesOfItem(atPath: path + "-wal")[.size] as? Int ?? 0
      #expect(size > 100 * Self.frame, "the rollback left frames")
      #expect(try WriteAheadLog(of: path + "-wal")?.state == .whole)
      try connection.execute(fill)
      #expect(try WriteAheadLog(of: path + "-wal")?.state == .whole)
    }
  }
}
