import CSyncCount
import Glibc
import JobModel
import SQLite
import SeededRandom
import Synchronization
import Testing

@testable import JobStore

/// What was answered, in order.
private final class Answers: Sendable {
  private let log = Mutex<[String]>([])
  var all: [String] { log.withLock { $0 } }
  func note(_ answer: String) { log.withLock { $0.append(answer) } }
}

/// A writer on the test's own thread: the test decides which requests make a group.
private final class Bench {
  let writer: Writer
  let signals = StoreSignals()
  private let answers = Answers()
  var heard: [String] { answers.all }

  init(_ directory: String) throws {
    writer = try SQLiteJobStore.openWriter(StateDirectory(directory), bootID: "boot 1", signals).0
  }

  /// Commits these as one group and gives what was answered meanwhile, in the order of the answers, and the changes
  /// of each commit.
  func commit(_ requests: [Request]) -> (answers: [String], commits: [[JobChange]]) {
    let earlier = heard.count
    let commits = Mutex<[[JobChange]]>([])
    signals.observe { changes in commits.withLock { $0.append(changes) } }
    writer.commit(requests.map(posted))
    return (Array(heard[earlier...]), commits.withLock { $0 })
  }

  /// Commits these as one group, and does nothing after that.
  func commitOnly(_ requests: Request...) {
    writer.accept(requests.map(posted))
    _ = writer.commitNext()?.settle(signals)
  }

  private func posted(_ request: Request) -> WriteRequest {
    let answers = answers
    return WriteRequest(isSynced: request.isSynced, weight: request.weight, looksAtQueues: request.looksAtQueues) {
      table in
      let answer = try request.body(table)
      return { answers.note("\(request.name): \(answer)") }
    } fail: { error in
      answers.note("\(request.name): \(error.code)")
    }
  }

  struct Request {
    var name: String
    var isSynced = true
    var weight = 1
    var looksAtQueues = true
    var body: @Sendable (JobTable) throws -> Int
  }

  static func add(_ name: String, _ specs: JobSpec...) -> Request {
    Request(name: name, weight: specs.count, looksAtQueues: false) { table in
      try table.enqueue(specs.map { spec throws in try EncodedSpec(spec) }, at: .start).count
    }
  }

  /// In the synced transaction, behind what comes before it in its group.
  static func lease(from queue: String) -> Request {
    Request(name: "lease", looksAtQueues: false) { table in
      let terms = LeaseTerms(queue: queue, worker: "w", limit: 1, span: .minutes(1), wait: .zero)
      return try table.lease(terms, room: QueueRoom(QueueLimits()), at: .start).leases.count
    }
  }

  /// The queues whose counts are not those of their jobs.
  static func miscounted(in directory: String) throws -> [String] {
    try Connection(directory + "/jobq.db", .readOnly).prepare(
      """
      SELECT name FROM (SELECT name FROM queues UNION SELECT queue FROM jobs) LEFT JOIN queues USING (name)
      WHERE queued IS NOT (SELECT count(*) FROM jobs WHERE queue = name AND state = 'queued')
      OR running IS NOT (SELECT count(*) FROM jobs WHERE queue = name AND state = 'running')
      """
    ).all { row throws(SQLiteError) in try row.read(String.self) }
  }

  static func claim(_ limit: Int) -> Request {
    Request(name: "claim", isSynced: false, looksAtQueues: false) { table in
      try table.claim(ClaimRequest(limit: limit), at: .start).attempts.count
    }
  }
}

/// How requests share commits, which commits are synced, and what a full disk does.
@Suite struct SQLiteCommitTests {
  @Test("all that wait share one commit and one sync")
  func groupCommit() async throws {
    try await withDirectory { directory in
      let bench = try Bench(directory)
      let before = sync_count(directory)
      let (answers, commits) = bench.commit((0..<16).map { Bench.add("\($0)", .command(queue: "q\($0)")) })
      #expect(answers == (0..<16).map { "\($0): 1" })
      #expect(commits.map(\.count) == [16])
      #expect(sync_count(directory) - before == 1)
    }
  }

  @Test("a request that cannot be done fails alone, at whatever place in its group, with all that it had done so far")
  func failsAlone() async throws {
    try await withDirectory { directory in
      let bench = try Bench(directory)
      let bad = JobSpec.command { $0.after = [JobID(999)] }
      let refusedCode = "\(StoreError.Code.unknownDependency(JobID(999)))"
      #expect(bench.commit([Bench.add("alone", .command(queue: "lost"), bad)]).answers == ["alone: \(refusedCode)"])
      let (answers, commits) = bench.commit(
        (0..<6).map { index in
          index % 2 == 0
            ? Bench.add("\(index)", .command(queue: "lost"), bad) : Bench.add("\(index)", .command(queue: "q"))
        })
      #expect(answers == (0..<6).map { "\($0): \($0 % 2 == 0 ? refusedCode : "1")" })
      #expect(commits.map { $0.map(\.queue) } == [["q", "q", "q"]])
      bench.writer.close()
      let (overview, jobs) = try await contents(of: directory)
      #expect(overview.queues.map(\.name) == ["q"] && overview.counts[.queued] == 3)
      #expect(jobs.map(\.queue) == ["q", "q", "q"])
    }
  }

  @Test("a count that cannot be fails the request that brings it about, and no other of its group")
  func wrongCount() async throws {
    try await withDirectory { directory in
      let bench = try Bench(directory)
      #expect(bench.commit([Bench.add("add", .command(queue: "a"))]).answers == ["add: 1"])
      let other = try Connection(directory + "/jobq.db", .readWrite)
      try other.neverCheckpointOnClose()
      try other.execute("UPDATE queues SET queued = 0")
      let remove = Bench.Request(name: "remove", looksAtQueues: false) { table in
        try table.remove(JobID(1), at: .start)
        return 1
      }
      let (answers, commits) = bench.commit([
        Bench.add("one", .command(queue: "b")), remove, Bench.add("two", .command(queue: "b")),
      ])
      #expect(
        answers.count == 3 && answers.contains("one: 1") && answers.contains("two: 1") && !answers.contains("remove: 1")
      )
      #expect(commits.flatMap { $0 }.map(\.queue) == ["b", "b"])
      bench.writer.close()
    }
  }

  @Test("a lease finds what came in its own group, in a queue that was not there before")
  func leaseOfNewQueue() async throws {
    try await withDirectory { directory in
      let bench = try Bench(directory)
      #expect(
        bench.commit([Bench.add("add", .payload(queue: "new")), Bench.lease(from: "new"), Bench.lease(from: "new")])
          .answers
          == ["add: 1", "lease: 1", "lease: 0"])
      #expect(try Bench.miscounted(in: directory).isEmpty)
    }
  }

  @Test("what the writer remembers is what the database says, whatever was rolled back")
  func memory() async throws {
    let seed = testSeed()
    print("the writer's memory: SEED=\(seed)")
    var random = SplitMix(seed: seed)
    try await withDirectory { directory in
      let bench = try Bench(directory)
      let bad = JobSpec.command { $0.after = [JobID(99_999)] }
      let given = Mutex<[JobID]>([])
      for round in 0..<200 {
        var group: [Bench.Request] = (0..<Int.random(in: 1...5, using: &random)).map { _ in
          let queue = "q\(Int.random(in: 0..<6, using: &random))"
          switch Int.random(in: 0..<10, using: &random) {
          case 0: return Bench.add("refused", .command(queue: "new\(round)"), .command(queue: queue), bad)
          case 6:
            // Looks, and so has the changes before it counted too, before it is refused.
            return Bench.Request(name: "late", looksAtQueues: false) { table in
              _ = try table.enqueue([EncodedSpec(.command(queue: "late\(round)"))], at: .start)
              _ = try table.readyQueues()
              return try table.enqueue([EncodedSpec(bad)], at: .start).count
            }
          case 7: return Bench.lease(from: queue)
          case 8, 9:
            let delay = [nil, .zero, TimeSpan.seconds(5)].randomElement(using: &random) ?? nil
            let one = given.withLock { $0.randomElement(using: &random) }
            return Bench.Request(name: "edit") { table in
              var edit = JobEdit()
              (edit.queue, edit.delay) = (queue, delay)
              if let one { _ = try table.edit(one, edit, at: .start) }
              return 0
            }
          case 1: return Bench.claim(1)
          case 2, 3:
            let isPaused = Bool.random(using: &random)
            return Bench.Request(name: "pause") { table in
              var patch = QueuePatch()
              patch.paused = isPaused
              return try table.update(queue: queue, patch, at: .start).name.count
            }
          case 4:
            let last = given.withLock { $0.last }
            return Bench.Request(name: "remove") { table in
              if let last { try table.remove(last, at: .start) }
              return 0
            }
          default:
            let isCommand = Bool.random(using: &random)
            return Bench.Request(name: "add", looksAtQueues: false) { table in
              let spec = isCommand ? JobSpec.command(queue: queue) : .payload(queue: queue)
              let id = try table.enqueue([EncodedSpec(spec)], at: .start)[0].id
              // More than once, where its transaction is done again.
              given.withLock { $0.append(id) }
              return Int(id.rawValue)
            }
          }
        }
        group.append(
          Bench.Request(name: "look", looksAtQueues: false) { table in
            let known = Set(try table.readyQueues())
            try table.count()
            let ready = "SELECT name FROM queues WHERE queued > 0 AND paused = 0"
            let names = try table.statements.connection.prepare(ready).all { row throws(SQLiteError) in
              try row.read(String.self)
            }
            return known == Set(names) ? 1 : 0
          })
        // Before others, so that it meets all that waits to be counted, or last, or not at all.
        if Bool.random(using: &random) { group.shuffle(using: &random) }
        let answers = bench.commit(group).answers
        #expect(answers.contains("look: 1"), "SEED=\(seed), round \(round)")
        #expect(try Bench.miscounted(in: directory).isEmpty, "SEED=\(seed), round \(round): \(answers)")
      }
      let ids = bench.heard.filter { $0.hasPrefix("add: ") }.compactMap { Int($0.dropFirst(5)) }
      #expect(
        ids.count > 20 && ids == Array(Set(ids)).sorted(),
        "SEED=\(seed): no number twice, and each is larger than the one before")
      bench.writer.close()
    }
  }

  @Test("what needs no sync is committed first and answered without waiting for one")
  func unsyncedFirst() async throws {
    try await withDirectory { directory in
      let bench = try Bench(directory)
      _ = bench.commit([Bench.add("first", .command(), .command())])
      let (answers, commits) = bench.commit([Bench.add("second", .command()), Bench.claim(9)])
      #expect(answers == ["claim: 2", "second: 1"])
      #expect(commits.map { $0.map(\.to) } == [[.running, .running], [.queued]])
    }
  }

  @Test("a claim that meets a job whose start must be known is made again, whole, with the synced ones")
  func claimAgain() async throws {
    try await withDirectory { directory in
      let bench = try Bench(directory)
      _ = bench.commit([Bench.add("first", .command(), .command { $0.onInterrupt = .fail }, .command())])
      let before = sync_count(directory)
      let (answers, commits) = bench.commit([Bench.claim(9), Bench.add("second", .command())])
      #expect(answers == ["claim: 3", "second: 1"])
      #expect(commits.map { $0.map(\.to) } == [[.running, .running, .running, .queued]])
      #expect(commits[0].map(\.attempt) == [1, 1, 1, 0])
      #expect(sync_count(directory) - before == 1)
    }
  }

  @Test("a request among many that is too much for a commit does not hold up those that came with it")
  func heavy() async throws {
    try await withDirectory { directory in
      let bench = try Bench(directory)
      var large = Bench.add("large", .command(), .command())
      large.weight = 2001
      let (answers, commits) = bench.commit([large, Bench.add("a", .command()), Bench.add("b", .command())])
      #expect(answers == ["a: 1", "b: 1", "large: 2"])
      #expect(commits.map(\.count) == [2, 2])
    }
  }

  @Test("after a failed sync nothing is acknowledged until all of the log has reached the database, synced")
  func failedSync() async throws {
    try await withDirectory { directory in
      let bench = try Bench(directory)
      #expect(bench.commit([Bench.add("first", .command())]).answers == ["first: 1"])
      let failed = "\(StoreError.Code.storage(.failed))"
      // The sync of the commit, then that of the repair, and that of the next.
      sync_fail(directory, 3)
      let lost = bench.commit([Bench.add("a", .command()), Bench.add("b", .command())])
      #expect(lost.answers.isEmpty && lost.commits.isEmpty, "they wait")
      let refused = bench.commit([Bench.claim(1), Bench.add("c", .command())])
      #expect(refused.answers == ["claim: \(failed)", "c: \(failed)"] && refused.commits.isEmpty)
      #expect(bench.writer.patience == .seconds(1), "it tries again by itself")
      var log = stat()
      #expect(stat(directory + "/jobq.db-wal", &log) == 0 && log.st_size > 0)
      let before = sync_count(directory)
      #expect(bench.commit([Bench.add("d", .command())]).answers == ["a: 1", "b: 1", "d: 1"])
      #expect(bench.writer.patience == nil)
      #expect(
        sync_count(directory) - before == 4, "of the log, of the database, of the new log's head, and of the commit")
      #expect(stat(directory + "/jobq.db-wal", &log) == 0 && log.st_size < 100_000, "the log began anew")
      bench.writer.close()
      let (overview, jobs) = try await contents(of: directory)
      #expect(overview.counts.total == 4 && jobs.count == 4)
    }
  }

  @Test("whoever fails a transaction, and wherever in it, all that were to be part of it are answered")
  func answersAll() async throws {
    try await withDirectory { directory in
      let bench = try Bench(directory)
      let failed = "\(StoreError.Code.storage(.failed))"
      // Another program writes.
      let other = try Connection(directory + "/jobq.db", .readWrite)
      try other.neverCheckpointOnClose()
      try other.execute("BEGIN IMMEDIATE")
      _ = bench.writer.beginAhead()
      let locked = bench.commit([Bench.add("a", .command()), Bench.claim(1), Bench.add("b", .command())])
      #expect(Set(locked.answers.map { $0.prefix(while: { $0 != ":" }) }) == ["a", "b", "claim"])
      try other.execute("ROLLBACK")
      let broken = Bench.Request(name: "broken") { _ in
        throw SQLiteError(code: 10, message: "disk I/O error", doing: "")
      }
      let answers = bench.commit([Bench.add("c", .command()), broken, Bench.add("d", .command())]).answers
      #expect(answers == ["c: \(failed)", "broken: \(failed)", "d: \(failed)"])
      #expect(bench.commit([Bench.add("e", .command())]).answers == ["e: 1"])
    }
  }

  @Test("a log that could not be begun anew is no damage: all that was in it is in the database")
  func failedRestart() async throws {
    try await withDirectory { directory in
      let bench = try Bench(directory)
      let long = String(repeating: "x", count: 6 << 20)
      #expect(bench.commit([Bench.add("long", .command(long))]).answers == ["long: 1"])
      // The sync of the new log's head.
      sync_fail(directory, 1)
      #expect(bench.commit([Bench.add("a", .command())]).answers == ["a: \(StoreError.Code.storage(.failed))"])
      #expect(bench.commit([Bench.add("b", .command())]).answers == ["b: 1"])
      #expect(bench.signals.damage == nil)
      bench.writer.close()
      #expect(try await contents(of: directory).1.count == 2)
    }
  }

  @Test("who waits for a sync that failed is told so when the store is closed before it could be made good")
  func closedInDoubt() async throws {
    try await withDirectory { directory in
      do {
        let bench = try Bench(directory)
        sync_fail(directory, 3)
        #expect(bench.commit([Bench.add("a", .command())]).answers.isEmpty)
        bench.writer.close()
        #expect(bench.heard == ["a: \(StoreError.Code.storage(.failed))"])
      }
      var log = stat()
      #expect(stat(directory + "/jobq.db-wal", &log) == 0 && log.st_size > 0, "not copied into the database unseen")
      #expect(try await contents(of: directory).1.count <= 1, "not acknowledged is not: never stored")
    }
  }

  @Test("once patience has ended who waits for a sync that failed is refused, and who comes after too")
  func patience() async throws {
    try await withDirectory { directory in
      let bench = try Bench(directory)
      sync_fail(directory, 6)
      #expect(bench.commit([Bench.add("a", .command())]).answers.isEmpty)
      bench.signals.note(isPatient: false)
      bench.writer.mend()
      let failed = "\(StoreError.Code.storage(.failed))"
      #expect(bench.heard == ["a: \(failed)"])
      #expect(bench.commit([Bench.add("b", .command())]).answers == ["b: \(failed)"])
      sync_fail(directory, 0)
      #expect(bench.commit([Bench.add("c", .command())]).answers == ["c: 1"])
    }
  }

  @Test("where a failed sync can be made good at once, those that it was for are acknowledged")
  func repairedSync() async throws {
    try await withDirectory { directory in
      let bench = try Bench(directory)
      sync_fail(directory, 1)
      let before = sync_count(directory)
      let (answers, commits) = bench.commit([Bench.add("a", .command()), Bench.add("b", .command())])
      #expect(answers == ["a: 1", "b: 1"] && commits.map(\.count) == [2])
      #expect(sync_count(directory) - before == 3, "the one that failed, of the log, of the database")
    }
  }

  @Test("a log of which the kernel has not kept what it could not sync is damage, and nothing of it is acknowledged")
  func lostPages() async throws {
    try await withDirectory { directory in
      let bench = try Bench(directory)
      #expect(bench.commit([Bench.add("first", .command())]).answers == ["first: 1"])
      let log = open(directory + "/jobq.db-wal", O_RDWR)
      defer { close(log) }
      var status = stat()
      fstat(log, &status)
      let spoil = Bench.Request(name: "spoil") { table in
        _ = try table.enqueue([EncodedSpec(.command())], at: .start)
        return 1
      }
      sync_fail(directory, 1)
      bench.writer.accept([
        WriteRequest(isSynced: true) { table in
          _ = try spoil.body(table)
          return { Issue.record("it was acknowledged") }
        } fail: { error in
          #expect(error.code == .storage(.damaged))
        }
      ])
      let unsettled = try #require(bench.writer.commitNext())
      #expect(!unsettled.settle(bench.signals))
      // What the disk had before.
      let zeros = [UInt8](repeating: 0, count: 4096)
      #expect(pwrite(log, zeros, zeros.count, status.st_size + 24) == zeros.count)
      bench.writer.mend()
      #expect(bench.signals.damage != nil)
      #expect(bench.commit([Bench.add("next", .command())]).answers == ["next: \(StoreError.Code.storage(.damaged))"])
    }
  }

  @Test("what is left of a group after a failed sync waits for the repair as well")
  func failedSyncWithinGroup() async throws {
    try await withDirectory { directory in
      let bench = try Bench(directory)
      #expect(bench.commit([Bench.add("first", .command())]).answers == ["first: 1"])
      func large(_ name: String) -> Bench.Request {
        var large = Bench.add(name, .command())
        large.weight = 2001
        return large
      }
      let failed = "\(StoreError.Code.storage(.failed))"
      // Claims, which are not synced, and what is light, then what is heavy.
      sync_fail(directory, 1)
      var before = sync_count(directory)
      var answers = bench.commit([Bench.claim(1), Bench.add("a", .command()), large("large")]).answers
      #expect(answers == ["claim: 1", "a: 1", "large: 1"])
      #expect(
        sync_count(directory) - before == 5,
        "the one that failed; of the log, of the database, of the new log's head, and of the commit")
      // Here the repair fails too, twice.
      sync_fail(directory, 3)
      before = sync_count(directory)
      answers = bench.commit([Bench.add("b", .command()), large("larger")]).answers
      #expect(answers == ["larger: \(failed)"] && sync_count(directory) - before == 3)
      #expect(bench.commit([large("last")]).answers == ["b: 1", "last: 1"])
    }
  }

  @Test("damage that is met in a group stops the rest of it")
  func damageWithinGroup() async throws {
    try await withDirectory { directory in
      let bench = try Bench(directory)
      let broken = Bench.Request(name: "broken") { _ in
        throw SQLiteError.corrupt("a page is not as it was", doing: "")
      }
      var large = Bench.add("large", .command())
      large.weight = 2001
      let damaged = "\(StoreError.Code.storage(.damaged))"
      #expect(bench.commit([broken, large]).answers == ["broken: \(damaged)", "large: \(damaged)"])
    }
  }

  @Test("damage that was met stops every write from then on")
  func damage() async throws {
    try await withDirectory { directory in
      let bench = try Bench(directory)
      let broken = Bench.Request(name: "broken") { _ in
        throw SQLiteError.corrupt("a page is not as it was", doing: "")
      }
      let damaged = "\(StoreError.Code.storage(.damaged))"
      #expect(bench.commit([broken]).answers == ["broken: \(damaged)"])
      let (answers, commits) = bench.commit([Bench.add("next", .command()), Bench.claim(1)])
      #expect(answers == ["claim: \(damaged)", "next: \(damaged)"])
      #expect(commits.isEmpty)
    }
  }

  /// What a daemon finds that starts now.
  private func contents(of directory: String) async throws -> (StoreOverview, [Job]) {
    let store = try await SQLiteJobStore.open(directory: directory)
    let overview = try await store.overview()
    let jobs = try await store.jobs(JobFilter()).jobs
    await store.close()
    return (overview, jobs)
  }

  @Test("an acknowledged change has been synced; claims of jobs that simply run again, notes and due times are not")
  func syncs() async throws {
    try await withDirectory { directory in
      let store = try await SQLiteJobStore.open(directory: directory)
      try await store.add()
      func syncs(_ body: () async throws -> Void) async throws -> Int64 {
        let before = sync_count(directory)
        try await body()
        return sync_count(directory) - before
      }
      let id = JobID(1)
      #expect(try await syncs { try await store.claim() } == 0)
      #expect(
        try await syncs {
          store.noteProcess(id, attempt: 1, ProcessIdentity(pid: 1, startTime: 1, bootID: "b"))
          _ = try await store.promoteDue(at: .start, limit: 9)
          _ = try await store.overview()
        } == 0)
      #expect(try await syncs { _ = try await store.finish(id, attempt: 1, .exit(1), random: 0, at: .start) } == 1)
      #expect(try await syncs { _ = try await store.retry(id, withDependents: false, at: .start) } == 1)
      #expect(try await syncs { _ = try await store.hold(id, at: .start) } == 1)
      #expect(try await syncs { _ = try await store.release(id, at: .start) } == 1)
      #expect(try await syncs { _ = try await store.cancel(id, at: .start) } == 1)
      #expect(try await syncs { try await store.remove(id, at: .start) } == 1)
      #expect(try await syncs { try await store.probe() } == 1)
      #expect(try await syncs { try await store.setPaused(true) } == 1)
      #expect(try await syncs { try await store.setPaused(false) } == 1)
      #expect(try await syncs { _ = try await store.update(queue: "q", QueuePatch(paused: false)) } == 1)
      #expect(try await syncs { try await store.noteStopping() } == 1)
      // Retry, hold: the second must be known after a power cut, so the claim of both is synced.
      for onInterrupt in [OnInterrupt.retry, .hold, .fail] {
        try await store.add(.command { $0.onInterrupt = onInterrupt })
      }
      var taken: [Int] = []
      for expected in [0, 1, 1, 0] as [Int64] {
        let count = try await syncs { taken.append(try await store.claim(1).count) }
        #expect(count == expected)
      }
      #expect(taken == [1, 1, 1, 0])
      await store.close()
    }
  }

  @Test("the log is copied into the database once it is long, and begins anew")
  func checkpoints() async throws {
    try await withDirectory { directory in
      let store = try await SQLiteJobStore.open(directory: directory)
      let large = String(repeating: "x", count: 100_000)
      for _ in 0..<200 { try await store.add(.command(large)) }
      var log = stat()
      #expect(stat(directory + "/jobq.db-wal", &log) == 0)
      #expect(log.st_size < 8 << 20, "\(log.st_size) bytes after 20 MB of jobs")
      await store.close()
    }
  }

  @Test("and where damage is noted meanwhile")
  func aheadOfDamage() async throws {
    try await withDirectory { directory in
      let bench = try Bench(directory)
      let other = try Connection(directory + "/jobq.db", .readWrite)
      _ = bench.writer.beginAhead()
      bench.signals.note(damage: .damaged("found by a test"))
      bench.commitOnly(Bench.add("refused", .command()))
      #expect(bench.heard == ["refused: \(StoreError.Code.storage(.damaged))"])
      try other.execute("BEGIN IMMEDIATE; ROLLBACK")
    }
  }

  @Test(
    "what has been begun ahead is the next transaction, and is left where none comes, before a copy of the log and at the end"
  )
  func ahead() async throws {
    try await withDirectory { directory in
      let bench = try Bench(directory)
      let other = try Connection(directory + "/jobq.db", .readWrite)
      _ = bench.writer.beginAhead()
      #expect(throws: SQLiteError.self) { try other.execute("BEGIN IMMEDIATE") }
      bench.commitOnly(Bench.add("one", .command()))
      #expect(bench.heard == ["one: 1"])
      try other.execute("BEGIN IMMEDIATE; ROLLBACK")

      _ = bench.writer.beginAhead()
      bench.commitOnly()
      try other.execute("BEGIN IMMEDIATE; ROLLBACK")

      _ = bench.writer.beginAhead()
      let many = Array(repeating: JobSpec.command(String(repeating: "x", count: 2000)), count: 2000)
      bench.commitOnly(
        Bench.Request(name: "many") { table in
          try table.enqueue(many.map { spec throws in try EncodedSpec(spec) }, at: .start).count
        })
      #expect(bench.writer.connection.walPages > 1024)
      _ = bench.writer.beginAhead()
      bench.commitOnly(Bench.add("after the copy", .command()))
      #expect(bench.writer.connection.walPages < 100)

      _ = bench.writer.beginAhead()
      bench.writer.noteUncertainty()
      bench.commitOnly(Bench.add("after the repair", .command()))
      #expect(!bench.writer.mustRepair)

      _ = bench.writer.beginAhead()
      bench.writer.close()
      #expect(bench.heard == ["one: 1", "many: 2000", "after the copy: 1", "after the repair: 1"])
      #expect(try other.value("SELECT count(*) FROM runs WHERE clean = 1", as: Int.self) == 1)
    }
  }

  @Test(
    "a full disk refuses new work, loses nothing that was acknowledged, and work goes on once there is space",
    .enabled(if: getuid() == 0))
  func fullDisk() async throws {
    try await withDirectory { directory in
      mkdir(directory, 0o700)
      guard mount("tmpfs", directory, "tmpfs", 0, "size=3m,mode=700") == 0 else { return }
      defer { umount2(directory, Int32(MNT_DETACH)) }
      var store = try await SQLiteJobStore.open(directory: directory)
      let running = try await store.add()
      _ = try await store.claim()
      let large = String(repeating: "x", count: 100_000)
      var acknowledged: [JobID] = []
      var refused: StoreError?
      while refused == nil, acknowledged.count < 100 {
        do { acknowledged.append(try await store.add(.command(large))) } catch { refused = error as? StoreError }
      }
      #expect(refused?.code == .storage(.full))
      #expect(refused?.message.contains(directory + "/jobq.db") == true)
      #expect(acknowledged.count > 5)
      #expect(try await store.overview().counts[.queued] == acknowledged.count, "reading goes on")

      mount("tmpfs", directory, "tmpfs", UInt(MS_REMOUNT), "size=30m,mode=700")
      try await store.probe()
      #expect(try await store.finish(running, attempt: 1, .exit(0), random: 0, at: .start) == .succeeded)
      acknowledged.append(try await store.add(.command(large)))
      await store.close()
      store = try await SQLiteJobStore.open(directory: directory)
      for id in acknowledged { #expect(try await store.state(id) == .queued) }
      await store.close()
    }
  }
}
