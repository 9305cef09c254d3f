import Foundation
import Glibc
import Testing

@Suite("States, and what moves between them")
struct StatesTests {
  @Test("a job is cancelled in every state that has not ended, and refused in the others")
  func cancel() async throws {
    try await TestDaemon.run(config: "workers: 2\n") { daemon in
      let held = try await daemon.enqueue("--hold", "true")
      let blocked = try await daemon.enqueue("--after-any", held, "true")
      let scheduled = try await daemon.enqueue("--delay", "1h", "true")
      let running = try await daemon.enqueue("sleep", "600")
      try await daemon.jobq("pause", "q")
      let queued = try await daemon.enqueue("-q", "q", "true")
      for (id, state) in [(held, "held"), (blocked, "blocked"), (scheduled, "scheduled"), (queued, "queued")] {
        #expect(try await daemon.job(id)["state"] as? String == state)
        if id != held { #expect(try await daemon.jobq("cancel", id).status == 0) }
      }
      #expect(try await daemon.jobq("cancel", held, running).status == 0)
      #expect(try await daemon.jobq("wait", running).status == 125)
      for id in [held, blocked, scheduled, queued, running] {
        #expect(try await daemon.job(id)["state"] as? String == "cancelled", "job \(id)")
        let again = try await daemon.jobq("cancel", id)
        #expect(again.status == 1 && again.err.contains(id))
      }
    }
  }

  @Test("hold, release, retry and remove do what the contract says, and refuse the rest with 1")
  func transitions() async throws {
    try await TestDaemon.run { daemon in
      try await daemon.jobq("pause")
      let id = try await daemon.enqueue("--retries", "2", "--backoff", "10ms", "false")
      #expect(try await daemon.jobq("retry", id).status == 1)
      #expect(try await daemon.jobq("release", id).status == 1)
      #expect(try await daemon.jobq("hold", id).status == 0)
      #expect(try await daemon.job(id)["state"] as? String == "held")
      #expect(try await daemon.jobq("release", id).status == 0)
      try await daemon.jobq("resume")
      #expect(try await daemon.jobq("wait", id).status == 1)
      #expect(try await daemon.jobq("hold", id).status == 1)
      #expect(try await daemon.jobq("retry", id).status == 0)
      try await daemon.jobq("wait", id)
      let job = try await daemon.job(id)
      #expect(job["attempt"] as? Int == 6 && job["max_attempts"] as? Int == 6)
      #expect(try await daemon.jobq("remove", id).status == 0)
      #expect(try await daemon.jobq("status", id).status == 1)
      #expect(try await daemon.jobq("logs", id).status == 1)
    }
  }

  @Test(
    "a timeout ends a tree that ignores TERM; the leader's exit leaves no child; a child that left the session does not get away"
  )
  func trees() async throws {
    try await TestDaemon.run { daemon in
      let mark = "4242\(UInt32.random(in: 100_000...999_999))"
      for command in [
        "trap '' TERM; sleep \(mark) & sleep \(mark) & wait; sleep \(mark)",
        "setsid sh -c 'trap \"\" TERM; sleep \(mark); sleep \(mark)' & sleep \(mark)",
      ] {
        let id = try await daemon.enqueue("--timeout", "300ms", "--kill-grace", "300ms", "--", "sh", "-c", command)
        #expect(try await daemon.jobq("wait", id).status == 124)
        #expect(try running(sleep: mark) == 0)
      }
      for command in [
        "sleep \(mark) & exit 7", "setsid sleep \(mark) & exit 7",
        "(setsid sh -c 'sleep \(mark) & sleep \(mark)' &) ; exit 7",
      ] {
        let id = try await daemon.enqueue("--", "sh", "-c", command)
        #expect(try await daemon.jobq("wait", id).status == 7)
        #expect(try running(sleep: mark) == 0, "\(command)")
      }
    }
  }

  /// How many processes on this machine sleep for exactly this long.
  private func running(sleep mark: String) throws -> Int {
    try FileManager.default.contentsOfDirectory(atPath: "/proc").filter { $0.allSatisfy(\.isNumber) }.count { pid in
      guard let command = FileManager.default.contents(atPath: "/proc/\(pid)/cmdline") else { return false }
      return String(decoding: command, as: UTF8.self).contains(mark)
    }
  }

  @Test("pause and drain hold jobs back, over a restart where the contract says so")
  func pauseAndDrain() async throws {
    try await TestDaemon.run { daemon in
      try await daemon.jobq("pause", "mail")
      try await daemon.jobq("pause")
      let id = try await daemon.enqueue("-q", "mail", "true")
      try await daemon.crash()
      #expect(try await daemon.job(id)["state"] as? String == "queued")
      try await daemon.jobq("resume")
      #expect(try await daemon.job(id)["state"] as? String == "queued")
      try await daemon.jobq("resume", "mail")
      #expect(try await daemon.jobq("wait", id).status == 0)
      #expect(try await daemon.jobq("drain", "--wait").status == 0)
      let refused = try await daemon.jobq("enqueue", "true")
      #expect(refused.status == 75 && refused.err.contains("resume"))
      try await daemon.jobq("resume")
      #expect(try await daemon.jobq("enqueue", "true").status == 0)
    }
  }
}
