import Foundation
import Glibc
import JobModel
import JobStore
import SQLite
import Testing

/// After a daemon's death: what is ended, what is not, what is blamed, and how long it takes.
@Suite("Exact recovery", .serialized)
struct ExactRecoveryTests {
  @Test(
    "a process that got the number of a dead daemon's job is never signalled",
    .enabled(if: Stranger.isPossible, "ns_last_pid can only be set by root"),
    arguments: [LabDaemon.Containment.found, .session])
  func recycledNumber(_ containment: LabDaemon.Containment) async throws {
    let place = try LabDaemon(config: "workers: 2\n", containment: containment)
    let first = try await place.startToStay()
    let connection = LabConnection(place.socket)
    let id = try place.enqueue(["/bin/sleep", "600"], connection)
    let pid = try await place.leader(of: id)
    await first.end(SIGKILL)
    kill(pid, SIGKILL)
    let stranger = try Stranger(pid)
    #expect(stranger.pid == pid)
    let second = try await place.startToStay()
    #expect(try await place.leader(of: id, attempt: 2) != pid)
    #expect(stranger.isAlive, "a recycled number was signalled")
    let job = try connection.ask("GET", "/v1/jobs/\(id)").body
    #expect((job["attempts"] as? [[String: Any]])?.first?["outcome"] as? String == "interrupted")
    _ = try connection.ask("POST", "/v1/jobs/\(id)/cancel")
    #expect(await second.end(SIGTERM).status == 0)
    #expect(stranger.isAlive)
    place.remove()
  }

  @Test("three deaths in a row fail the job that was new each time, and not the one that had long run beside it")
  func innocent() async throws {
    let place = try LabDaemon(config: "workers: 2\n")
    let connection = LabConnection(place.socket)
    var daemon = try await place.startToStay()
    let innocent = try place.enqueue(["/bin/sleep", "600"], connection)
    _ = try await place.leader(of: innocent)
    let culprit = try place.enqueue(["/bin/sleep", "600"], connection)
    for death in 1...3 {
      _ = try await place.leader(of: culprit, attempt: death)
      _ = try await place.leader(of: innocent, attempt: death)
      await daemon.end(SIGKILL)
      // Six minutes that nobody wants to wait for.
      if death == 1 {
        let database = try Connection(place.database, .readWrite)
        try database.execute("UPDATE attempts SET started_boot = started_boot - 360000 WHERE job_id = \(innocent)")
      }
      daemon = try await place.startToStay()
    }
    let blamed = try connection.ask("GET", "/v1/jobs/\(culprit)").body
    #expect(blamed["state"] as? String == "failed")
    #expect((blamed["error"] as? String)?.contains("died 3 times in a row") == true)
    _ = try await place.leader(of: innocent, attempt: 4)
    #expect(try connection.ask("GET", "/v1/jobs/\(innocent)").body["state"] as? String == "running")
    _ = try connection.ask("POST", "/v1/jobs/\(innocent)/cancel")
    _ = try connection.ask("GET", "/v1/jobs/\(innocent)/wait")
    #expect(await daemon.end(SIGTERM).status == 0)
    try LabBooks.checkRemains(of: place)
    place.remove()
  }

  @Test("100,000 queued and 1,000 interrupted jobs are recovered in seconds")
  func many() async throws {
    let place = try LabDaemon(config: "workers: 1\n")
    let store = try await SQLiteJobStore.open(directory: place.directory + "/state")
    let moment = Moment(wall: Timestamp(milliseconds: 1_795_508_080_000), boot: 1_000_000)
    let spec = JobSpec(
      queue: "default", work: .command(["/bin/true"]), killGrace: .seconds(10), retries: 0, backoff: .standard)
    for _ in 0..<101 { _ = try await store.enqueue(Array(repeating: spec, count: 1000), at: moment) }
    let claimed = try await store.claim(ClaimRequest(limit: 1000), at: moment)
    for (number, attempt) in claimed.attempts.enumerated() {
      let leader = ProcessIdentity(pid: 90_000 + Int32(number), startTime: 1, bootID: SQLiteJobStore.bootID())
      store.noteProcess(attempt.id, attempt: 1, leader)
    }
    try await store.setPause(PauseRequest(), at: moment)
    await store.close()
    let database = try Connection(place.database, .readWrite)
    // As a daemon leaves it that was killed: the next checks the whole file.
    try database.execute("UPDATE runs SET clean = 0")
    let start = ContinuousClock.now
    let daemon = try await place.startToStay()
    let took = ContinuousClock.now - start
    LabSettings.say("100,000 queued and 1,000 interrupted jobs: ready after \(took)")
    // Two seconds on a quiet machine with a release build; this one may be neither.
    #expect(took < .seconds(20))
    let status = try LabConnection(place.socket).ask("GET", "/v1/status").body
    #expect((status["counts"] as? [String: Int])?["queued"] == 101_000)
    await daemon.end(SIGTERM)
    place.remove()
  }

  @Test(
    "a delay counts the time that the machine was suspended",
    .enabled(if: hasTimeNamespaces, "time namespaces can only be made by root"))
  func suspend() async throws {
    let place = try LabDaemon(config: "workers: 2\n")
    let connection = LabConnection(place.socket)
    let first = try await place.startToStay()
    let id = try place.enqueue(["/bin/true"], connection, ["delay_seconds": 3600])
    let later = try place.enqueue(["/bin/true"], connection, ["delay_seconds": 7200])
    await first.end(SIGTERM)
    // CLOCK_BOOTTIME goes on in a suspend and CLOCK_MONOTONIC does not: so it is in this namespace, in the same boot.
    let second = try await place.startToStay(within: ["/usr/bin/unshare", "--time", "--boottime", "3700"])
    let job = try connection.ask("GET", "/v1/jobs/\(id)/wait?timeout_seconds=30").body
    #expect(job["state"] as? String == "succeeded")
    #expect(try connection.ask("GET", "/v1/jobs/\(later)").body["state"] as? String == "scheduled")
    await second.end(SIGTERM)
    place.remove()
  }

  private static let hasTimeNamespaces: Bool = {
    let trial = try? Child(
      "/usr/bin/unshare", ["--time", "--boottime", "3700", "/bin/true"], environment: ["PATH": "/usr/bin:/bin"])
    guard let trial else { return false }
    var status: Int32 = 0
    waitpid(trial.pid, &status, 0)
    return status == 0
  }()
}

extension LabDaemon {
  func enqueue(_ command: [String], _ connection: LabConnection, _ fields: LabConnection.Object = [:]) throws -> Int64 {
    let answer = try connection.ask("POST", "/v1/jobs", fields.merging(["command": command]) { $1 })
    guard answer.status == 201, let id = answer.body["id"] as? NSNumber else { throw TestFault("enqueue: \(answer)") }
    return id.int64Value
  }

  /// The number of the attempt's leader, once it has been noted.
  func leader(of id: Int64, attempt: Int = 1) async throws -> pid_t {
    let deadline = ContinuousClock.now + .seconds(60)
    while ContinuousClock.now < deadline {
      // The note is not told to anyone: it is for the next daemon.
      let database = try Connection(database, .readOnly)
      database.wait(forLocks: 1000)
      try database.neverCheckpointOnClose()
      let sql = "SELECT pid FROM attempts WHERE job_id = \(id) AND attempt = \(attempt) AND pid IS NOT NULL"
      if let pid = try database.value(sql, as: Int.self) { return pid_t(pid) }
      try await Task.sleep(for: .milliseconds(5))
    }
    throw TestFault("attempt \(attempt) of job \(id) has no leader after a minute")
  }
}

/// A process of the test's own that has the number of one that is gone.
final class Stranger: Sendable {
  private static let lastNumber = "/proc/sys/kernel/ns_last_pid"
  static var isPossible: Bool { getuid() == 0 && access(lastNumber, W_OK) == 0 }

  let pid: pid_t

  /// Others start processes too, and the one that had the number may not be reaped yet: it is tried until it comes.
  init(_ wanted: pid_t) throws {
    let deadline = ContinuousClock.now + .seconds(60)
    while ContinuousClock.now < deadline {
      try? "\(wanted - 1)".write(toFile: Self.lastNumber, atomically: false, encoding: .utf8)
      let child = try Child("/bin/sleep", ["613"], environment: [:])
      if child.pid == wanted {
        pid = wanted
        return
      }
      kill(child.pid, SIGKILL)
      waitpid(child.pid, nil, 0)
      usleep(1000)
    }
    throw TestFault("nobody got the number \(wanted) within a minute")
  }

  deinit {
    kill(pid, SIGKILL)
    waitpid(pid, nil, 0)
  }

  var isAlive: Bool { waitpid(pid, nil, WNOHANG) == 0 }
}
