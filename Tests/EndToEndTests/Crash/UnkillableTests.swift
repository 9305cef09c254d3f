import Foundation
import Glibc
import Testing

/// A process that the kernel does not let die, made with a file system that never answers.
@Suite("Unkillable", .serialized)
struct UnkillableTests {
  static let isPossible = getuid() == 0 && access("/dev/fuse", R_OK | W_OK) == 0

  @Test(
    "a process that outlives KILL is reported, holds nobody up, is not waited for by a stop, and its job goes on once it is gone",
    .enabled(if: isPossible, "a file system that hangs needs root and /dev/fuse"))
  func stuck() async throws {
    let place = try LabDaemon(config: "workers: 2\nshutdown_grace: 100ms\n")
    let connection = LabConnection(place.socket)
    let trap = place.directory + "/trap"
    try FileManager.default.createDirectory(atPath: trap, withIntermediateDirectories: true)
    let server = try Child(
      "/usr/bin/python3", [(#filePath as NSString).deletingLastPathComponent + "/hang.py", trap],
      environment: ["PATH": "/usr/bin:/bin"])
    try await server.says("mounted")

    var daemon = try await place.startToStay()
    let id = try place.enqueue(["/bin/ls", trap], connection, ["kill_grace_seconds": 0.1])
    try await server.says("stuck")
    _ = try connection.ask("POST", "/v1/jobs/\(id)/cancel")
    try expectOthersRun(place, connection)
    #expect(try connection.ask("GET", "/v1/jobs/\(id)").body["cancelling"] as? Bool == true)

    let clock = ContinuousClock()
    let stopped = await clock.measure { #expect(await daemon.end(SIGTERM).status == 0) }
    let started = try await clock.measure { daemon = try await place.startToStay() }
    LabSettings.say("beside a process that cannot be killed: stopped in \(stopped), started in \(started)")
    #expect(stopped < .seconds(20) && started < .seconds(20))
    try expectOthersRun(place, connection)

    // Thirty seconds after KILL it is called what it is.
    let deadline = clock.now + .seconds(90)
    var reported: [Int64] = []
    while reported.isEmpty, clock.now < deadline {
      let status = try connection.ask("GET", "/v1/status").body
      reported = (status["unkillable"] as? [NSNumber] ?? []).map(\.int64Value)
      try await Task.sleep(for: .milliseconds(200))
    }
    #expect(reported == [id])
    let job = try connection.ask("GET", "/v1/jobs/\(id)").body
    #expect(job["state"] as? String == "running")

    await server.end(SIGKILL)
    umount2(trap, Int32(MNT_DETACH))
    let ended = try connection.ask("GET", "/v1/jobs/\(id)/wait?timeout_seconds=60").body
    #expect(ended["state"] as? String == "cancelled")
    let attempts = ended["attempts"] as? [[String: Any]] ?? []
    #expect(attempts.count == 1 && attempts.first?["unkillable"] as? Bool == true, "\(attempts)")
    #expect((try connection.ask("GET", "/v1/status").body["unkillable"] as? [Any])?.isEmpty == true)
    #expect(await daemon.end(SIGTERM).status == 0)
    try LabBooks.checkRemains(of: place)
    place.remove()
  }

  private func expectOthersRun(_ place: LabDaemon, _ connection: LabConnection) throws {
    let id = try place.enqueue(["/bin/true"], connection)
    let job = try connection.ask("GET", "/v1/jobs/\(id)/wait?timeout_seconds=30").body
    #expect(job["state"] as? String == "succeeded")
  }
}

extension Child {
  /// Returns once its output holds the word.
  fileprivate func says(_ word: String) async throws {
    let deadline = ContinuousClock.now + .seconds(30)
    while !output.contains(word) {
      guard ContinuousClock.now < deadline else { throw TestFault("it did not say \(word): \(output) \(errors)") }
      try await Task.sleep(for: .milliseconds(10))
    }
  }
}
