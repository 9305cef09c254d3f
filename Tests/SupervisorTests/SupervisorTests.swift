import Foundation
import JobModel
import JobProcess
import JobStore
import Supervisor
import Testing

@Suite("The supervisor with a real store and real processes")
struct SupervisorTests {
  @Test("a job runs to its recorded end, and its output is kept")
  func runs() async throws {
    try await House.with { house in
      let id = try await house.enqueue("echo hello; exit 3")
      let job = try await house.end(of: id)
      #expect(job.state == .failed && job.exitCode == 3 && job.attempt == 1)
      #expect(job.attempts.first?.userSeconds != nil)
      #expect(try await house.log(id) == "hello\n")
    }
  }

  @Test("failed attempts are repeated after their backoff, and a followed log goes over all of them")
  func retries() async throws {
    try await House.with { house in
      let id = try await house.enqueue("echo $JOBQ_ATTEMPT; exit 1") {
        $0.retries = 2
        $0.backoff = Backoff(kind: .fixed, base: .milliseconds(30), max: .seconds(1), jitter: 0)
      }
      #expect(try await house.log(id, follow: true) == "1\n2\n3\n")
      let job = try await house.service.job(id, viewer: 0)
      #expect(job.state == .failed && job.attempts.count == 3)
    }
  }

  @Test("a cancel ends the tree, and the job is cancelling until it is gone")
  func cancel() async throws {
    try await House.with { house in
      let id = try await house.enqueue("trap '' TERM; echo up; sleep 600; sleep 600") {
        $0.killGrace = .milliseconds(300)
      }
      var feed = try await house.service.log(id, attempt: nil, stream: nil, offset: 0, tail: nil, follow: true)
      #expect(try await feed.next().map { String(decoding: $0, as: UTF8.self) } == "up\n")
      let asked = try await house.service.cancel(id, viewer: 0)
      #expect(asked.state == .running && asked.cancelling)
      let job = try await house.end(of: id)
      #expect(job.state == .cancelled && job.attempts.last?.outcome == .cancelled && !job.cancelling)
    }
  }

  @Test("no more attempts run at once than there are workers, and all of many jobs end")
  func many() async throws {
    try await House.with(workers: 3) { house in
      let requests = (0..<150).map { _ in
        var request = JobRequest()
        request.command = ["true"]
        return request
      }
      let added = try await house.service.enqueue(requests, by: nil)
      for one in added { #expect(try await house.end(of: one.id).state == .succeeded) }
      #expect(try await house.service.status().counts[.succeeded] == 150)
    }
  }

  @Test("a stop interrupts what outlives its grace, and the next start runs it again")
  func stop() async throws {
    let directory = NSTemporaryDirectory() + "jobq-house-\(UUID().uuidString.prefix(8))"
    defer { try? FileManager.default.removeItem(atPath: directory) }
    var id = JobID(0)
    try await House.with(directory: directory) { house in
      id = try await house.enqueue("echo $JOBQ_ATTEMPT; test $JOBQ_ATTEMPT -gt 1 || sleep 600")
      var feed = try await house.service.log(id, attempt: nil, stream: nil, offset: 0, tail: nil, follow: true)
      _ = try await feed.next()
    }
    try await House.with(directory: directory) { house in
      let job = try await house.end(of: id)
      #expect(job.state == .succeeded && job.attempts.map(\.outcome) == [.interrupted, .succeeded])
      #expect(job.maxAttempts == 2)
    }
  }

  @Test("events tell every change in order, and a reader from before a gap is told so")
  func events() async throws {
    try await House.with { house in
      var feed = await house.service.events(after: nil)
      let id = try await house.enqueue("true")
      var states: [JobState?] = []
      var last = ""
      while states.last != .succeeded {
        for case .change(let number, let change) in await feed.next() where change.id == id {
          states.append(change.to)
          last = number
        }
      }
      #expect(states == [.queued, .running, .succeeded])
      var again = await house.service.events(after: last)
      let next = try await house.enqueue("true")
      guard case .change(_, let change)? = await again.next().first else { return #expect(Bool(false)) }
      #expect(change.id == next)
      var lost = await house.service.events(after: "other-7")
      guard case .reset? = await lost.next().first else { return #expect(Bool(false)) }
    }
  }

  @Test("split output is kept apart and followed as it comes")
  func split() async throws {
    try await House.with { house in
      let id = try await house.enqueue("echo out; echo err >&2") { $0.splitOutput = true }
      #expect(Set(try await house.log(id, follow: true).split(separator: "\n")) == ["out", "err"])
      #expect(try await house.log(id, stream: .stdout) == "out\n")
      #expect(try await house.log(id, stream: .stderr) == "err\n")
    }
  }

  @Test("a drain refuses new work with a word on how to end it")
  func drain() async throws {
    try await House.with { house in
      var asked = JobRequest()
      (asked.command, asked.requestID) = (["true"], "r")
      let first = try await house.service.enqueueOne(asked, by: nil)
      try await house.service.drain()
      // Whoever asks again after a lost reply brings no new work.
      let again = try await house.service.enqueueOne(asked, by: nil)
      #expect(first.isNew && !again.isNew && again.job.id == first.job.id)
      asked.requestID = "s"
      await #expect(throws: Problem.self) { try await house.service.enqueueOne(asked, by: nil) }
      let problem = await #expect(throws: Problem.self) { try await house.enqueue("true") }
      #expect(problem?.code == .draining)
      try await house.service.resume()
      _ = try await house.enqueue("true")
    }
  }
}
