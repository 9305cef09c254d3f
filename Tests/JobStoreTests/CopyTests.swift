import FoundationEssentials
import Glibc
import JobModel
import JobStore
import Synchronization
import Testing

/// A copy of a store that is at work.
@Suite struct CopyTests {
  /// What the writers beside a copy tell and are told.
  private final class Meanwhile: Sendable {
    private let added = Mutex(0)
    private let isDone = Mutex(false)
    var count: Int { added.withLock { $0 } }
    var goesOn: Bool { isDone.withLock { !$0 } }
    func note() { added.withLock { $0 += 1 } }
    func end() { isDone.withLock { $0 = true } }
  }

  /// Writes the copy where it can be opened as the store of a directory.
  private func put(_ copy: StoreCopy, in directory: String) async throws {
    try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: false)
    chmod(directory, 0o700)
    var bytes = Data()
    while case let more = try await copy.read(from: Int64(bytes.count), count: 1 << 20), !more.isEmpty { bytes += more }
    #expect(Int64(bytes.count) == copy.size)
    try bytes.write(to: URL(filePath: directory + "/jobq.db"))
    chmod(directory + "/jobq.db", 0o600)
  }

  @Test(
    "a copy that is made while others write holds all that was acknowledged before it was asked for, and is a store that goes on",
    arguments: Engine.all)
  func whileWritten(engine: Engine) async throws {
    try await withDirectory { directory in
      let store = try await engine.open(directory + "-from", "boot 1")
      defer { try? FileManager.default.removeItem(atPath: directory + "-from") }
      var before: [JobID] = []
      for _ in 0..<200 { before.append(try await store.add(.command(String(repeating: "x", count: 20_000)))) }
      let running = try #require(try await store.claim().first)
      let meanwhile = Meanwhile()
      let copy = try await withThrowingTaskGroup(of: Void.self) { group in
        for _ in 0..<4 {
          group.addTask {
            repeat {
              try await store.add()
              meanwhile.note()
            } while meanwhile.goesOn
          }
        }
        let copy = try await store.copy()
        meanwhile.end()
        try await group.waitForAll()
        return copy
      }
      try await put(copy, in: directory)
      let restored = try await engine.open(directory, "boot 2")
      let counts = try await restored.overview().counts
      #expect(counts.total >= 200 && counts.total <= 200 + meanwhile.count)
      for id in before { #expect(try await restored.job(id) != nil) }
      // What ran is found as a daemon's death leaves it, and runs again.
      let leftovers = try await restored.leftovers()
      #expect(leftovers.map(\.id) == [running.id])
      try await restored.interrupt(leftovers, at: .start)
      #expect(try await restored.state(running.id) == .queued)
      #expect(try await restored.claim(1000).count == counts.total)
      #expect(restored.identity == store.identity)
      // A number that was given after the copy is not given again.
      let last = try await store.add()
      let next = try await restored.add()
      #expect(next.rawValue > last.rawValue && next.rawValue <= last.rawValue + StoreCopy.skippedNumbers)
      await restored.close()
      await store.close()
    }
  }

  @Test("one copy at a time: another is refused until the first is let go of", arguments: Engine.all)
  func oneAtATime(engine: Engine) async throws {
    try await engine.withStore { store in
      var copy: StoreCopy? = try await store.copy()
      #expect(copy != nil)
      #expect(await refusal { _ = try await store.copy() }?.code == .busy)
      copy = nil
      copy = try await store.copy()
      #expect(try await copy?.read(from: 0, count: 6) == Array("SQLite".utf8))
    }
  }

  @Test("a copy leaves no file behind, nor does one that a dead daemon did not finish")
  func noFile() async throws {
    try await withDirectory { directory in
      var store = try await SQLiteJobStore.open(directory: directory)
      let copy = try await store.copy()
      #expect(copy.size > 0 && access(directory + "/jobq.db.copy", F_OK) != 0)
      await store.close()
      try Data("half".utf8).write(to: URL(filePath: directory + "/jobq.db.copy"))
      store = try await SQLiteJobStore.open(directory: directory)
      #expect(access(directory + "/jobq.db.copy", F_OK) != 0)
      await store.close()
      #expect(await refusal { _ = try await store.copy() }?.code == .closed)
    }
  }

  @Test("damage that is copied is found in the copy, no copy is given out, and new work is refused from then on")
  func damage() async throws {
    try await withDirectory { directory in
      var store = try await SQLiteJobStore.open(directory: directory)
      for _ in 0..<70 { try await store.add(.command(String(repeating: "x", count: 1_000_000))) }
      await store.close()
      let file = open(directory + "/jobq.db", O_RDWR | O_CLOEXEC)
      let rubbish = [UInt8](repeating: 0x5A, count: 4096)
      // Over 64 MiB, and clean: it opens, and the check in the background races with the copy.
      #expect(pwrite(file, rubbish, rubbish.count, 5000 * 4096) == rubbish.count)
      close(file)
      store = try await SQLiteJobStore.open(directory: directory)
      #expect(await refusal { _ = try await store.copy() }?.code == .storage(.damaged))
      #expect(await refusal { try await store.add() }?.code == .storage(.damaged))
      #expect(await store.examine().contains { $0.grade == .bad && $0.what == "database" })
      await store.close()
    }
  }
}
