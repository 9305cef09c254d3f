import Foundation
import Glibc
import Testing

/// The real daemon on a host whose time zones change.
@Suite("The host's time zones", .timeLimit(.minutes(10)))
struct ZoneTests {
  @Test(
    "another tzdata is followed from a reload on, and from a start on",
    .enabled(if: canMount, "as root: a directory of zones of the test's own is mounted"))
  func otherRules() async throws {
    let place = try LabDaemon(config: "")
    let zones = place.directory + "/zones"
    try FileManager.default.createDirectory(atPath: zones, withIntermediateDirectories: true)
    let wrapper = [
      "/usr/bin/unshare", "--mount", "--propagation", "private", "/bin/sh", "-c",
      "mount --bind \(zones) /usr/share/zoneinfo && exec \"$0\" \"$@\"",
    ]
    func set(_ zone: String) throws {
      // As a package manager does: beside it, then in its place.
      try FileManager.default.copyItem(atPath: "/usr/share/zoneinfo/\(zone)", toPath: zones + "/new")
      guard rename(zones + "/new", zones + "/Zone") == 0 else { throw TestFault("rename: \(errno)") }
    }
    func next(_ connection: LabConnection) throws -> String? {
      try connection.ask("GET", "/v1/schedules/yearly").body["next_due_at"] as? String
    }

    try set("Etc/GMT-1")
    var daemon = try await place.startToStay(within: wrapper)
    var connection = LabConnection(place.socket)
    let added = try connection.ask(
      "POST", "/v1/schedules",
      ["name": "yearly", "cron": "0 3 1 7 *", "timezone": "Zone", "job": ["command": ["true"], "cwd": "/"]])
    #expect(added.status == 201, "\(added)")
    let delayed = try place.enqueue(["true"], connection, ["delay_seconds": 3600])
    let due = try connection.ask("GET", "/v1/jobs/\(delayed)").body["run_at"] as? String
    #expect(try next(connection)?.hasSuffix("-07-01T02:00:00.000Z") == true)

    try set("Etc/GMT-3")
    daemon.send(SIGHUP)
    try await soon { try next(connection)?.hasSuffix("-07-01T00:00:00.000Z") == true }

    try set("Etc/GMT+4")
    await daemon.end(SIGTERM)
    daemon = try await place.startToStay(within: wrapper)
    connection = LabConnection(place.socket)
    #expect(try next(connection)?.hasSuffix("-07-01T07:00:00.000Z") == true)
    #expect(try connection.ask("GET", "/v1/jobs/\(delayed)").body["run_at"] as? String == due)

    // A file that is no zone is no reason to forget what is due, and a reload with it says so in the log.
    try Data("nonsense".utf8).write(to: URL(fileURLWithPath: zones + "/Zone"))
    daemon.send(SIGHUP)
    try await soon { daemon.errors.contains("its time zone is not to be had") }
    #expect(try next(connection)?.hasSuffix("-07-01T07:00:00.000Z") == true)
    await daemon.end(SIGTERM)
    place.remove()
  }

  @Test("delays, backoff and timeouts are the same in any zone, and over a move to another")
  func noZone() async throws {
    let place = try LabDaemon(config: "workers: 4\n")
    var due: [String?] = []
    var ids: (delayed: Int64, failing: Int64)?
    for zone in ["Pacific/Apia", "America/New_York", "Asia/Kathmandu", ":/nowhere"] {
      let daemon = try await place.startToStay(within: ["/usr/bin/env", "TZ=\(zone)"])
      let connection = LabConnection(place.socket)
      if ids == nil {
        let backoff: LabConnection.Object = ["kind": "fixed", "base_seconds": 7200, "max_seconds": 7200, "jitter": 0]
        ids = (
          try place.enqueue(["true"], connection, ["delay_seconds": 86_400]),
          try place.enqueue(["false"], connection, ["retries": 1, "backoff": backoff])
        )
        let failing = try #require(ids).failing
        try await soon { try connection.ask("GET", "/v1/jobs/\(failing)").body["state"] as? String == "scheduled" }
      }
      let known = try #require(ids)
      let delayed = try connection.ask("GET", "/v1/jobs/\(known.delayed)").body
      let failing = try connection.ask("GET", "/v1/jobs/\(known.failing)").body
      let created = try seconds(delayed["created_at"])
      #expect(abs(created - Date().timeIntervalSince1970) < 60)
      #expect(try abs(seconds(delayed["run_at"]) - created - 86_400) < 0.002)
      let ended = ((failing["attempts"] as? [LabConnection.Object])?.first)?["finished_at"]
      #expect(try abs(seconds(failing["run_at"]) - seconds(ended) - 7200) < 1)
      due.append(delayed["run_at"] as? String)

      let timed = try place.enqueue(["sleep", "60"], connection, ["timeout_seconds": 0.3])
      let job = try connection.ask("GET", "/v1/jobs/\(timed)/wait?timeout_seconds=30").body
      #expect(job["outcome"] as? String == "timed_out")
      #expect(try seconds(job["finished_at"]) - seconds(job["started_at"]) < 20)
      await daemon.end(SIGTERM)
    }
    #expect(Set(due).count == 1)
    place.remove()
  }

  private static let canMount = getuid() == 0 && access("/usr/share/zoneinfo/Etc/GMT-1", R_OK) == 0

  private func seconds(_ time: Any?) throws -> Double {
    let style = Date.ISO8601FormatStyle(includingFractionalSeconds: true)
    return try style.parse(try #require(time as? String)).timeIntervalSince1970
  }

  /// Looks until it is so: a reload of a daemon in a namespace tells nobody here.
  private func soon(_ condition: () throws -> Bool) async throws {
    let deadline = ContinuousClock.now + .seconds(30)
    while try !condition() {
      guard ContinuousClock.now < deadline else { throw TestFault("it did not come to that within 30 s") }
      try await Task.sleep(for: .milliseconds(10))
    }
  }
}
