import Foundation
import Glibc
import Testing

@Suite("Slots, and what gets them")
struct SlotTests {
  @Test("with jobs without end there are never more at once than workers, also after a reload, and each runs once")
  func bound() async throws {
    try await TestDaemon.run(config: "workers: 3\n") { daemon in
      let log = daemon.directory + "/log"
      let job = #"{"command":["sh","-c","echo + $JOBQ_ID >> \#(log); echo - $JOBQ_ID >> \#(log)"]}"#
      let jobs = String(repeating: job + "\n", count: 150)
      try await daemon.jobq("enqueue", "--from", "-", input: jobs)
      _ = try await daemon.jobq("wait", "50")
      // So that there is work at the reload, however long that takes to come.
      try await daemon.jobq("pause")
      try await daemon.jobq("enqueue", "--from", "-", input: jobs)
      try "workers: 2\n".write(toFile: daemon.directory + "/jobq.yaml", atomically: true, encoding: .utf8)
      try await daemon.reload()
      let reloaded = try await daemon.enqueue("--priority", "9", "--", "sh", "-c", "echo = >> \(log)")
      try await daemon.jobq("resume")
      _ = try await daemon.jobq("wait", reloaded)
      for id in 295...300 { #expect(try await daemon.jobq("wait", "\(id)").status == 0) }
      var now = 0
      var most = 3
      var ids: [String: Int] = [:]
      var after = 0
      for line in try String(contentsOfFile: log, encoding: .utf8).split(separator: "\n") {
        let id = String(line.dropFirst(2))
        switch line.first {
        case "+":
          now += 1
          if most == 2 { after += 1 }
          ids[id, default: 0] += 1
          #expect(now <= most, "job \(id) is one too many")
        case "-": now -= 1
        default: most = 2
        }
      }
      #expect(after > 10, "the reload came while there was work")
      #expect(ids.count == 300 && ids.values.allSatisfy { $0 == 1 })
    }
  }

  @Test("a job that is tried again at once follows itself, and stops when it is to")
  func itself() async throws {
    try await TestDaemon.run(config: "workers: 1\n") { daemon in
      let id = try await daemon.enqueue("--retries", "20", "--backoff", "0s", "false")
      #expect(try await daemon.jobq("wait", id).status == 1)
      #expect(try await daemon.job(id)["attempt"] as? Int == 21)
      let again = try await daemon.enqueue(
        "--retries", "1000", "--backoff", "0s", "--", "sh", "-c", "sleep 0.01; false")
      #expect(try await daemon.jobq("cancel", again).status == 0)
      #expect(try await daemon.jobq("wait", again).status == 125)
      #expect(try await daemon.job(again)["state"] as? String == "cancelled")
    }
  }

  @Test("the end of a job wakes no thread that does not wait for it")
  func deaths() async throws {
    try await TestDaemon.run { daemon in
      // Where there are no cgroups the daemon listens for the ends of all who come to it.
      guard try await daemon.jobq("status", "--json").out.contains(#""containment":"cgroup""#) else { return }
      let id = try await daemon.enqueue("true")
      _ = try await daemon.jobq("wait", id)
      let before = try switches(daemon.child.pid)
      let jobs = String(repeating: #"{"command":["true"]}"# + "\n", count: 20)
      try await daemon.jobq("enqueue", "--from", "-", input: jobs)
      for id in 18...21 { _ = try await daemon.jobq("wait", "\(id)") }
      #expect(try switches(daemon.child.pid) - before <= 2)
    }
  }

  /// How often the process's first thread, which waits for signals alone, has gone to sleep.
  private func switches(_ pid: pid_t) throws -> Int {
    let text = try String(contentsOfFile: "/proc/\(pid)/task/\(pid)/status", encoding: .utf8)
    let line = text.split(separator: "\n").first { $0.hasPrefix("voluntary_ctxt_switches") }
    return try #require(line?.split(separator: "\t").last.flatMap { Int($0) })
  }
}
