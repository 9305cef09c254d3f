import Glibc
import JobModel
import Synchronization
import Testing

@testable import JobProcess

@Suite("Where logs are put") struct LogShelfTests {
  private func withDirectory(_ body: (String) throws -> Void) throws {
    var name = Array("/tmp/jobq-shelf-XXXXXX".utf8CString)
    #expect(mkdtemp(&name) != nil)
    let path = String(decoding: name.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
    defer {
      for entry in ["/0/1.1.combined", "/0/2.1.combined", "/0"] { remove(path + entry) }
      rmdir(path)
    }
    try body(path)
  }

  private func names(_ id: Int64) -> LogNames { LogNames(JobID(id), attempt: 1, stream: .combined) }

  @Test("a shard, and the whole directory, that somebody has removed are made again, with their modes")
  func removed() throws {
    try withDirectory { path in
      let shelf = LogShelf(path: path)
      for round in 0..<2 {
        _ = try shelf.makeHead(names(1))
        #expect(access(path + "/0/1.1.combined", F_OK) == 0)
        #expect(remove(path + "/0/1.1.combined") == 0 && rmdir(path + "/0") == 0)
        if round == 1 { #expect(rmdir(path) == 0) }
        _ = try shelf.makeHead(names(2))
        var status = stat()
        #expect(lstat(path, &status) == 0 && status.st_mode & 0o777 == 0o700)
        #expect(access(path + "/0/2.1.combined", F_OK) == 0)
        #expect(remove(path + "/0/2.1.combined") == 0)
      }
    }
  }

  @Test("retention that removes the shard again and again as empty never costs a log")
  func race() throws {
    try withDirectory { path in
      let goesOn = Atomic(true)
      let removed = Atomic(0)
      let made = Atomic(0)
      try withThread {
        while goesOn.load(ordering: .relaxed) {
          let seen = made.load(ordering: .relaxed)
          guard rmdir(path + "/0") == 0 else { continue }
          removed.wrappingAdd(1, ordering: .relaxed)
          // Once for each log: no retention comes by as often as the writer tries.
          while goesOn.load(ordering: .relaxed), made.load(ordering: .relaxed) == seen { sched_yield() }
        }
      } beside: {
        defer { goesOn.store(false, ordering: .relaxed) }
        // Until the other has been in the way often enough, and no longer than that can take.
        let shelf = LogShelf(path: path)
        while made.load(ordering: .relaxed) < 200_000, removed.load(ordering: .relaxed) < 50 {
          _ = try shelf.makeHead(names(1))
          #expect(remove(path + "/0/1.1.combined") == 0)
          made.wrappingAdd(1, ordering: .relaxed)
        }
        #expect(removed.load(ordering: .relaxed) > 0)
      }
    }
  }

  /// Runs both; the first on a thread of its own, which has ended when this returns.
  private func withThread(_ first: @escaping @Sendable () -> Void, beside second: () throws -> Void) throws {
    let thread = try Thread(first)
    let result = Result { try second() }
    thread.join()
    try result.get()
  }
}

/// A thread that is joined.
private struct Thread {
  private final class Body: Sendable {
    let run: @Sendable () -> Void
    init(_ run: @escaping @Sendable () -> Void) { self.run = run }
  }

  private let thread: pthread_t

  init(_ run: @escaping @Sendable () -> Void) throws {
    var thread = pthread_t()
    let code = pthread_create(
      &thread, nil,
      { raw in
        Unmanaged<Body>.fromOpaque(raw!).takeRetainedValue().run()
        return nil
      }, Unmanaged.passRetained(Body(run)).toOpaque())
    guard code == 0 else { throw Failure(errno: code, call: "pthread_create") }
    self.thread = thread
  }

  func join() { pthread_join(thread, nil) }
}
