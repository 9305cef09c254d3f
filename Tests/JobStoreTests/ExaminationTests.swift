import FoundationEssentials
import Glibc
import JobModel
import SQLite
import Testing

@testable import JobStore

/// What a doctor says of a state directory.
@Suite struct ExaminationTests {
  /// Every file with its bytes, those that SQLite might make included.
  private func contents(_ directory: String) throws -> [String: Data] {
    let names = try FileManager.default.contentsOfDirectory(atPath: directory)
    return try Dictionary(
      uniqueKeysWithValues: names.map { ($0, try Data(contentsOf: URL(filePath: directory + "/" + $0))) })
  }

  /// Examines, proves that nothing was changed or made, and gives what was found.
  private func examine(_ directory: String, sourceLocation: SourceLocation = #_sourceLocation) throws
    -> [String: Diagnosis.Finding]
  {
    let before = try contents(directory)
    let findings = StoreExamination.findings(ofDirectory: directory)
    #expect(try contents(directory) == before, sourceLocation: sourceLocation)
    // Of one kind the worst counts.
    return Dictionary(findings.map { ($0.what, $0) }) { $0.grade == .bad ? $0 : $1 }
  }

  /// A directory as a daemon that was killed leaves it: with a log, and shared memory unless taken away.
  private func withKilledStore(_ body: (_ directory: String) async throws -> Void) async throws {
    try await withDirectory { directory in
      let store = try await SQLiteJobStore.open(directory: directory + "-from")
      defer { try? FileManager.default.removeItem(atPath: directory + "-from") }
      try await store.add()
      try FileManager.default.copyItem(atPath: directory + "-from", toPath: directory)
      chmod(directory, 0o700)
      try await body(directory)
      await store.close()
    }
  }

  @Test("a directory that is not there is fine; one that is sound is, whether its last daemon stopped or was killed")
  func sound() async throws {
    try await withKilledStore { directory in
      #expect(StoreExamination.findings(ofDirectory: directory + "/no").allSatisfy { $0.grade == .ok })
      for shared in [true, false] {
        if !shared { unlink(directory + "/jobq.db-shm") }
        let found = try examine(directory)
        #expect(found["database"]?.grade == .ok && found["database"]?.detail.contains("integrity_check") == true)
        #expect(found["WAL"]?.detail.contains("jobq.db-wal") == true)
        #expect(!found.values.contains { $0.grade == .bad }, "\(found)")
      }
      let store = try await SQLiteJobStore.open(directory: directory)
      #expect(try await store.overview().counts.total == 1, "the log was left whole")
      #expect(try examine(directory)["lock"]?.grade == .ok, "in use")
      await store.close()
      #expect(try examine(directory)["WAL"]?.detail.contains("0 bytes") == true)
    }
  }

  @Test("damage, in the database or in its log, is bad, and is left as it is")
  func damage() async throws {
    try await withKilledStore { directory in
      let path = directory + "/jobq.db"
      let (whole, log) = (
        try Data(contentsOf: URL(filePath: path)), try Data(contentsOf: URL(filePath: path + "-wal"))
      )
      for bytes in [Data(), Data("rubbish".utf8), whole.prefix(50)] {
        try bytes.write(to: URL(filePath: path))
        #expect(try examine(directory)["database"]?.grade == .bad)
      }
      try whole.write(to: URL(filePath: path))
      unlink(path + "-shm")
      // Pages that the log does not have, so that they count.
      try Data().write(to: URL(filePath: path + "-wal"))
      for page in 1..<whole.count / 4096 {
        var bytes = whole
        bytes.replaceSubrange(page * 4096..<page * 4096 + 4096, with: Data(repeating: 0x5A, count: 4096))
        try bytes.write(to: URL(filePath: path))
        #expect(try examine(directory)["database"]?.grade == .bad, "page \(page + 1)")
      }
      try whole.write(to: URL(filePath: path))
      unlink(path)
      try log.write(to: URL(filePath: path + "-wal"))
      #expect(try examine(directory)["database"]?.detail.contains("missing") == true)
    }
  }

  @Test("modes that let others in are said: a warning where they may read, bad where they may write")
  func modes() async throws {
    try await withKilledStore { directory in
      for (mode, grade) in [(0o755, .warn), (0o770, .bad), (0o700, .ok)] as [(mode_t, Diagnosis.Grade)] {
        chmod(directory, mode)
        let found = try examine(directory)
        #expect(found["state directory"]?.grade == grade)
      }
      for (mode, grade) in [(0o644, .warn), (0o400, .bad)] as [(mode_t, Diagnosis.Grade)] {
        chmod(directory + "/jobq.db", mode)
        let found = try examine(directory)
        #expect(found["files"]?.grade == grade && found["files"]?.advice == "`chmod 600 \(directory)/jobq.db`")
      }
    }
  }

  @Test("inside a daemon the contents are checked beside the work, and those who ask at once share one answer")
  func inside() async throws {
    try await withDirectory { directory in
      let store = try await SQLiteJobStore.open(directory: directory)
      try await store.add()
      async let first = store.examine()
      async let second = store.examine()
      let findings = await (first, second)
      #expect(findings.0 == findings.1)
      #expect(findings.0.contains { $0.what == "database" && $0.grade == .ok && $0.detail.contains("quick_check") })
      // A connection of SQLite's own still has the locks that another process respects.
      try await store.add()
      await store.close()
    }
  }

  @Test("a network file system is known by its type, whatever lies below")
  func fileSystems() {
    for type in ["nfs", "nfs4", "cifs", "smb3", "9p", "ceph", "fuse.sshfs", "fuse.glusterfs", "lustre", "gfs2"] {
      #expect(FileSystem(type: type).fitness == .network, "\(type)")
    }
    for type in ["ext4", "xfs", "btrfs", "zfs", "f2fs", "bcachefs", "fuseblk", "virtiofs"] {
      #expect(FileSystem(type: type).fitness == .fit, "\(type)")
    }
    for type in ["tmpfs", "overlay", "fuse", "fuse.mergerfs"] {
      guard case .doubtful = FileSystem(type: type).fitness else {
        Issue.record("\(type)")
        continue
      }
    }
    let mounts = """
      36 35 98:0 / /mnt rw,noatime master:1 - ext3 /dev/root rw,errors=continue
      361 35 0:53 / /mnt/a\\040b rw shared:2 master:1 - fuse.sshfs host:/ rw
      """
    #expect(FileSystem.type(ofMount: "36", in: mounts) == "ext3")
    #expect(FileSystem.type(ofMount: "361", in: mounts) == "fuse.sshfs")
    #expect(FileSystem.type(ofMount: "6", in: mounts) == nil)
    #expect(FileSystem(of: "/proc")?.type == "proc")
  }

  @Test("an SQLite without STRICT tables is too old; one with the WAL's fault is told of it")
  func versions() {
    #expect(StoreExamination.finding(on: "3.36.0", 3_036_000).grade == .bad)
    #expect(StoreExamination.finding(on: "3.40.1", 3_040_001).detail.contains("walresetbug"))
    #expect(StoreExamination.finding(on: "3.51.3", 3_051_003).detail.contains("no known fault"))
  }
}
