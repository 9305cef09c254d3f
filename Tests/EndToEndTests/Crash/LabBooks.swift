import Foundation
import Glibc
import SQLite
import Testing

/// The audit: what the clients were promised, what the daemon says, what the jobs themselves wrote, what the database
/// holds, and what is alive, held against each other. Every difference is an issue of the test.
struct LabBooks {
  /// What a job's program wrote of its own attempts.
  private struct Witness {
    var begun: [Int] = []
    var ended: [Int] = []
  }

  /// Figures for the report.
  struct Totals {
    var jobs = 0
    var attempts = 0
    var interrupted = 0
    var failedByDeaths = 0
    var cancelled = 0
    var repeats = 0
  }

  typealias Object = [String: Any]

  let place: LabDaemon
  let connection: LabConnection
  let ledgers: [LabClient.Ledger]
  private(set) var totals = Totals()

  init(_ place: LabDaemon, _ ledgers: [LabClient.Ledger]) {
    self.place = place
    self.ledgers = ledgers
    connection = LabConnection(place.socket)
  }

  /// With a daemon that lives: waits until all that may end has ended, lets go what is held, and looks at each job.
  mutating func balance() throws {
    for ledger in ledgers { totals.repeats += ledger.repeats }
    try checkQueues()
    try waitUntilQuiet(besides: ["held", "blocked"])
    try checkHeld()
    try waitUntilQuiet(besides: [])
    let witnesses = try readBook()
    var promises: [Int64: LabClient.Promise] = [:]
    for promise in ledgers.lazy.flatMap(\.jobs) {
      #expect(promises.updateValue(promise, forKey: promise.id) == nil, "number \(promise.id) was given twice")
    }
    var counted: [String: Int] = [:]
    var finished: [Int64: String] = [:]
    var followers: [(id: Int64, of: Int64, started: String)] = []
    try forEachJob { id, job in
      totals.jobs += 1
      counted[job["state"] as? String ?? "", default: 0] += 1
      finished[id] = Self.time(job["finished_at"])
      // Every request was repeated until it had an answer: nobody else can have made a job.
      guard let promise = promises.removeValue(forKey: id) else {
        Issue.record("nobody was given the number of job \(id)")
        return
      }
      try check(job, promise, witnesses[id] ?? Witness())
      if let other = promise.afterAny, let first = (job["attempts"] as? [Object])?.first {
        followers.append((id, other, Self.time(first["started_at"])))
      }
    }
    for id in promises.keys { Issue.record("job \(id), which was acknowledged, is lost") }
    for follower in followers {
      #expect(finished[follower.of] ?? "" <= follower.started, "job \(follower.id) did not wait for \(follower.of)")
    }
    let told = try connection.ask("GET", "/v1/status").body["counts"] as? [String: Int] ?? [:]
    #expect(told.filter { $0.value != 0 } == counted, "the counts that `status` tells are not those of the jobs")
  }

  // MARK: What was set

  private func checkQueues() throws {
    let queues = try connection.ask("GET", "/v1/queues").body["queues"] as? [Object] ?? []
    let byName = Dictionary(uniqueKeysWithValues: queues.map { ($0["name"] as? String ?? "", $0) })
    for ledger in ledgers where ledger.settings != LabClient.QueuePromise() {
      let found = byName[ledger.queue]
      #expect(found?["paused"] as? Bool == ledger.settings.isPaused, "the pause of \(ledger.queue) is lost")
      #expect(found?["concurrency"] as? Int == ledger.settings.concurrency, "the limit of \(ledger.queue) is lost")
      _ = try connection.ask("PATCH", "/v1/queues/\(ledger.queue)", ["paused": false])
    }
  }

  private func checkHeld() throws {
    var held: [Int64: String] = [:]
    try forEachJob("state=held&") { id, job in held[id] = job["outcome"] as? String ?? "" }
    for promise in ledgers.lazy.flatMap(\.jobs) {
      if promise.wish == .hold {
        #expect(held[promise.id] != nil || hasEnded(promise.id), "job \(promise.id) was held")
      }
      guard let outcome = held[promise.id] else { continue }
      // Else the daemon set it aside, as it was told to.
      let isInterrupted = promise.onInterrupt == "hold" && outcome == "interrupted"
      #expect(promise.wish == .hold || isInterrupted, "job \(promise.id) is held, and nobody asked for it")
      _ = try connection.ask("POST", "/v1/jobs/\(promise.id)/release")
    }
  }

  /// A job that was held can have been cancelled unseen.
  private func hasEnded(_ id: Int64) -> Bool {
    let state = try? connection.ask("GET", "/v1/jobs/\(id)").body["state"] as? String
    return state == "cancelled"
  }

  /// Waits for the end of one live job after the other. What is blocked may wait for a job that is held.
  private func waitUntilQuiet(besides states: Set<String>) throws {
    let deadline = Date().addingTimeInterval(300)
    for state in ["running", "queued", "scheduled", "blocked", "held"] where !states.contains(state) {
      while let id = try oneJob(state: state) {
        guard Date() < deadline else { throw TestFault("after five minutes job \(id) is \(state)") }
        _ = try connection.ask("GET", "/v1/jobs/\(id)/wait?timeout_seconds=1")
      }
    }
    // A backoff or a dependency may have led back.
    let counts = try connection.ask("GET", "/v1/status").body["counts"] as? [String: Int] ?? [:]
    let live = ["running", "queued", "scheduled"].reduce(0) { $0 + (counts[$1] ?? 0) }
    if live > 0 { try waitUntilQuiet(besides: states) }
  }

  // MARK: Jobs

  /// Page by page: of many jobs there is no room for all.
  private func forEachJob(_ query: String = "", _ body: (Int64, Object) throws -> Void) throws {
    var before = ""
    while true {
      let page = try connection.ask("GET", "/v1/jobs?\(query)limit=1000\(before)").body
      for job in page["jobs"] as? [Object] ?? [] { try body((job["id"] as? NSNumber)?.int64Value ?? 0, job) }
      guard let next = page["next_before"] as? NSNumber else { return }
      before = "&before=\(next)"
    }
  }

  private func oneJob(state: String) throws -> Int64? {
    let page = try connection.ask("GET", "/v1/jobs?state=\(state)&limit=1").body
    return ((page["jobs"] as? [Object])?.first?["id"] as? NSNumber)?.int64Value
  }

  private func readBook() throws -> [Int64: Witness] {
    var witnesses: [Int64: Witness] = [:]
    let book = (try? String(contentsOfFile: place.directory + "/book", encoding: .utf8)) ?? ""
    for line in book.split(separator: "\n") {
      let words = line.split(separator: " ")
      guard words.count == 3, let id = Int64(words[1]), let attempt = Int(words[2]) else {
        throw TestFault("the book holds \"\(line)\"")
      }
      switch words[0] {
      case "begin": witnesses[id, default: Witness()].begun.append(attempt)
      case "end": witnesses[id, default: Witness()].ended.append(attempt)
      default: Issue.record("attempt \(attempt) of job \(id) began while an earlier one was alive")
      }
    }
    return witnesses
  }

  private mutating func check(_ job: Object, _ promise: LabClient.Promise, _ witness: Witness) throws {
    let id = promise.id
    let state = job["state"] as? String ?? ""
    let attempts = job["attempts"] as? [Object] ?? []
    let outcomes = attempts.map { $0["outcome"] as? String ?? "none" }
    let error = job["error"] as? String ?? ""
    let interrupted = outcomes.count { $0 == "interrupted" }
    let story: Comment = "job \(id) \(promise.kind) \(promise.wish): \(state) \(outcomes) \(error) \(witness)"
    totals.attempts += attempts.count
    totals.interrupted += interrupted
    #expect(job["name"] as? String == promise.name, story)

    // The end.
    let diedThrice = error.contains("3 times in a row") && outcomes.suffix(3).allSatisfy { $0 == "interrupted" }
    if state == "cancelled" { totals.cancelled += 1 }
    if state == "failed", diedThrice { totals.failedByDeaths += 1 }
    switch (state, promise.kind) {
    case ("cancelled", _): #expect(promise.wish == .cancel || promise.mayBeCancelled, story)
    case _ where promise.wish == .cancel: Issue.record("was cancelled: \(story)")
    case ("failed", _) where diedThrice: break
    case ("failed", .slow) where outcomes.last == "timed_out": break
    case ("failed", _): #expect(promise.onInterrupt == "fail" && outcomes.last == "interrupted", story)
    case ("succeeded", .plain), ("succeeded", .bare), ("succeeded", .flaky), ("succeeded", .escaping):
      #expect(outcomes.last == "succeeded", story)
    default: Issue.record("\(story)")
    }

    // The attempts: each recorded, one after the other, and free where the daemon cut it short.
    #expect(attempts.map { $0["attempt"] as? Int } == (0..<attempts.count).map { $0 + 1 }, story)
    #expect(job["attempt"] as? Int == attempts.count, story)
    let retries = promise.kind == .flaky ? 1 : 0
    #expect(job["max_attempts"] as? Int == 1 + retries + interrupted, story)
    for (earlier, later) in zip(attempts, attempts.dropFirst()) {
      #expect(Self.time(earlier["finished_at"]) <= Self.time(later["started_at"]), story)
    }
    guard promise.kind != .bare else { return }

    // What the attempts themselves wrote.
    #expect(witness.begun == Array(Set(witness.begun)).sorted(), story)
    #expect(witness.begun.allSatisfy { (1...max(attempts.count, 1)).contains($0) }, story)
    for (attempt, outcome) in zip(1..., outcomes) where outcome == "succeeded" {
      #expect(witness.begun.contains(attempt) && witness.ended.contains(attempt), story)
    }
    if outcomes.last == "succeeded" {
      let log = try connection.text("/v1/jobs/\(id)/log")
      #expect(log == "hello from \(id) \(attempts.count)\n", story)
    }
  }

  /// RFC 3339 in UTC with milliseconds: in the order of the text.
  private static func time(_ value: Any?) -> String { value as? String ?? "none" }

  // MARK: Without a daemon

  /// After an orderly stop: the file is whole, its own counts are true, and nothing of any job is alive.
  static func checkRemains(of place: LabDaemon) throws {
    let database = try Connection(place.database, .immutable)
    #expect(try database.value("PRAGMA integrity_check", as: String.self) == "ok")
    #expect(try database.value("SELECT count(*) FROM pragma_foreign_key_check", as: Int.self) == 0)
    #expect(try database.value("SELECT count(*) FROM jobs WHERE finished_at IS NULL", as: Int.self) == 0)
    #expect(try database.value("SELECT count(*) FROM attempts WHERE finished_at IS NULL", as: Int.self) == 0)
    for state in ["held", "blocked", "scheduled", "queued", "running", "succeeded", "failed", "cancelled"] {
      let wrong = try database.value(
        """
        SELECT count(*) FROM queues WHERE \(state) <> (SELECT count(*) FROM jobs WHERE queue = name AND state = '\(state)')
        """, as: Int.self)
      #expect(wrong == 0, "queues whose count of \(state) jobs is wrong")
    }
    let log = try? FileManager.default.attributesOfItem(atPath: place.database + "-wal")[.size] as? Int
    #expect((log ?? 0) == 0, "an orderly stop empties the write-ahead log")
    let identity = try database.value("SELECT identity FROM store", as: String.self) ?? "none"
    #expect(marked(identity).isEmpty, "processes outlived their jobs")
    let cgroups = FileManager.default.enumerator(atPath: "/sys/fs/cgroup")?.compactMap { $0 as? String } ?? []
    #expect(!cgroups.contains { $0.contains(identity) }, "cgroups were left")
  }

  /// The processes that carry a mark of this store.
  static func marked(_ identity: String) -> [String] {
    let numbers = (try? FileManager.default.contentsOfDirectory(atPath: "/proc"))?.filter { Int($0) != nil } ?? []
    return numbers.filter { number in
      guard let environment = FileManager.default.contents(atPath: "/proc/\(number)/environ") else { return false }
      return environment.range(of: Data("JOBQ_MARK=\(identity)/".utf8)) != nil
    }
  }
}
