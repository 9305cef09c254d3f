import CrashPoints
import Foundation
import Glibc
import SeededRandom
import Testing

/// The crash laboratory: a real daemon under sixteen clients is killed again and again, at moments that are drawn and
/// at each of `CrashPoint`, and then the books are balanced. `CASES=` says how many deaths; JOBQ_TEST_SEED, which a
/// run prints, has a run again.
@Suite("The crash laboratory", .serialized)
struct CrashTests {
  @Test(
    "killed at every step of its work, the daemon loses nothing that it acknowledged, runs no two attempts of a job at once, and leaves nothing alive",
    arguments: [LabDaemon.Containment.found, .session])
  func everyPoint(_ containment: LabDaemon.Containment) async throws {
    let cases = LabSettings.cases(CrashPoint.allCases.count)
    try await Self.withLaboratory("every point, \(containment)", containment) { laboratory in
      var reached: Set<CrashPoint> = []
      var order: [CrashPoint] = []
      for _ in 0..<max(cases, CrashPoint.allCases.count) {
        if order.isEmpty { order = CrashPoint.allCases.shuffled(using: &laboratory.random) }
        let point = order.removeLast()
        if try await laboratory.die(at: point) { reached.insert(point) }
      }
      #expect(Set(CrashPoint.allCases) == reached, "not every point was reached")
    }
  }

  @Test("killed at drawn moments, in its start and under load, it loses nothing either")
  func anyMoment() async throws {
    let cases = LabSettings.cases(12)
    try await Self.withLaboratory("any moment", .found) { laboratory in
      for _ in 0..<cases { try await laboratory.dieAtAnyMoment() }
    }
  }

  @Test(
    "a release build has no crash points: what would kill a debug build means nothing to it",
    .enabled(if: Programs.directory.contains("release"), "JOBQ_TEST_BIN names a release build"))
  func releaseBuild() async throws {
    let place = try LabDaemon(config: "workers: 2\n")
    for point in CrashPoint.allCases {
      let (daemon, isReady) = try await place.start(dyingAt: "\(point)")
      #expect(isReady, "\(point)")
      let connection = LabConnection(place.socket)
      let id = try place.enqueue(["/bin/true"], connection)
      let job = try connection.ask("GET", "/v1/jobs/\(id)/wait?timeout_seconds=30").body
      #expect(job["state"] as? String == "succeeded", "\(point)")
      #expect(await daemon.end(SIGTERM).status == 0, "\(point)")
    }
    place.remove()
  }

  /// Runs `body` under load, then balances the books, stops the daemon, and looks at what is left.
  static func withLaboratory(
    _ name: String, _ containment: LabDaemon.Containment, _ body: (inout Laboratory) async throws -> Void
  ) async throws {
    var laboratory = try Laboratory(LabSettings.seed(name), containment)
    let ledgers: [LabClient.Ledger]
    do {
      try await body(&laboratory)
      // The one that stays, for the clients' last questions.
      try await laboratory.settle()
      ledgers = try await laboratory.load.stop()
    } catch {
      await laboratory.abandon()
      throw error
    }
    var books = LabBooks(laboratory.place, ledgers)
    let outcome = Result { try books.balance() }
    let finished = await laboratory.end()
    try outcome.get()
    #expect(finished?.status == 0, "\(finished?.err ?? "no daemon")")
    try LabBooks.checkRemains(of: laboratory.place)
    laboratory.place.remove()
    let totals = books.totals
    LabSettings.say(
      "\(name): \(laboratory.deaths) deaths, \(totals.jobs) jobs, \(totals.attempts) attempts, \(totals.interrupted) "
        + "interrupted, \(totals.cancelled) cancelled, \(totals.failedByDeaths) failed by three deaths in a row, "
        + "\(totals.repeats) requests repeated")
  }
}

/// A daemon under load, and its deaths.
struct Laboratory {
  let place: LabDaemon
  let load: LabLoad
  var random: SplitMix
  private(set) var deaths = 0
  private var daemon: Child?

  init(_ random: SplitMix, _ containment: LabDaemon.Containment) throws {
    self.random = random
    place = try LabDaemon(config: "workers: 8\nshutdown_grace: 100ms\n", containment: containment)
    load = try LabLoad(place, random: &self.random, LabClient.Manner(pause: 40_000...120_000, usual: (.plain, 60)))
  }

  // MARK: Deaths

  /// Lets a daemon come to this point, where it dies.
  /// - Returns: false where it never came there.
  mutating func die(at point: CrashPoint) async throws -> Bool {
    switch point {
    case .leftoversFound, .leftoversEnded, .leftoversRecorded:
      // Something must be left: a daemon is killed while jobs run.
      for _ in 0..<10 {
        try await settle()
        try await waitForRunning()
        await kill()
        if try await !start(dyingAt: "\(point)") { return true }
      }
      return false
    case .opened, .pruned: return try await startAndDie(at: "\(point)")
    case .stopNoted, .stopped, .closing:
      guard try await start(dyingAt: "\(point)") else { throw TestFault("it died before a stop") }
      try await pause(milliseconds: 50...250)
      daemon?.send(SIGTERM)
      return await diesSoon()
    default:
      // The first time after a start is a moment of its own.
      let passes = random.chance(30) ? 1 : Int.random(in: 1...Self.most(point), using: &random)
      return try await startAndDie(at: "\(point):\(passes)")
    }
  }

  /// About as many times as the load leads there in a second.
  private static func most(_ point: CrashPoint) -> Int {
    switch point {
    case .checkpointing, .checkpointed: 1
    case .promoting: 5
    default: 40
    }
  }

  private mutating func startAndDie(at moment: String) async throws -> Bool {
    guard try await start(dyingAt: moment) else { return true }
    return await diesSoon()
  }

  /// Whether it dies by its own hand within a minute.
  private mutating func diesSoon() async -> Bool {
    guard await daemon?.ends(within: 60) == true else { return false }
    let finished = await daemon?.wait()
    daemon = nil
    deaths += 1
    return finished?.status == 128 + SIGKILL
  }

  /// Kills it at a moment that has no name: before it is ready, or under load.
  mutating func dieAtAnyMoment() async throws {
    if random.chance(25) {
      if daemon != nil { await kill() }
      daemon = try place.launch().daemon
      try await pause(milliseconds: 0...60)
    } else {
      try await settle()
      try await pause(milliseconds: 20...500)
    }
    await kill()
  }

  private mutating func kill() async {
    guard let daemon else { return }
    await daemon.end(SIGKILL)
    deaths += 1
    self.daemon = nil
  }

  // MARK: Life

  /// Starts one. False where it died before it was ready.
  private mutating func start(dyingAt moment: String) async throws -> Bool {
    if daemon != nil { await kill() }
    let (started, isReady) = try await place.start(dyingAt: moment)
    if isReady {
      daemon = started
      return true
    }
    let finished = await started.wait()
    guard finished.status == 128 + SIGKILL else { throw TestFault("\(moment): it did not start: \(finished)") }
    deaths += 1
    return false
  }

  /// Sees to it that one is there which nothing kills.
  mutating func settle() async throws {
    if daemon != nil { await kill() }
    daemon = try await place.startToStay()
  }

  private func waitForRunning() async throws {
    let connection = LabConnection(place.socket)
    while true {
      let counts = try connection.ask("GET", "/v1/status").body["counts"] as? [String: Int]
      if counts?["running"] ?? 0 > 0 { return }
    }
  }

  private mutating func pause(milliseconds: ClosedRange<UInt64>) async throws {
    try await Task.sleep(for: .milliseconds(UInt64.random(in: milliseconds, using: &random)))
  }

  /// An orderly stop.
  func end() async -> Finished? { await daemon?.end(SIGTERM) }

  /// After a failure: nobody is left waiting.
  mutating func abandon() async {
    if daemon == nil { daemon = try? await place.startToStay() }
    _ = try? await load.stop()
    await kill()
  }
}
