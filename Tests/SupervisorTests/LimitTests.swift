import Foundation
import JobModel
import JobStore
import Testing

@testable import Supervisor

@Suite("Limits that change while jobs run")
struct LimitTests {
  @Test("of many changes at once the one that the store kept is the one in force")
  func concurrentChanges() async throws {
    try await House.with(workers: 3) { house in
      await withTaskGroup(of: Void.self) { group in
        for number in 1...60 {
          group.addTask {
            let perKey = [nil, KeyLimit(label: "customer", concurrency: 1), KeyLimit(label: "region", concurrency: 2)]
            let patch = QueuePatch(
              concurrency: .some(number % 7 == 0 ? nil : number), perKey: .some(perKey[number % 3]))
            _ = try? await house.service.update(queue: "mail", patch)
          }
        }
      }
      let kept = try await house.store.overview().queues.map(\.limits)
      #expect(await kept == [house.supervisor.core.queueLimits["mail"]])
      // And the store counts by the same label: what waits is found.
      let id = try await house.enqueue("true") {
        $0.queue = "mail"
        $0.labels = ["customer": "x", "region": "y"]
      }
      #expect(try await house.end(of: id).state == .succeeded)
    }
  }

  @Test("jobs of one customer never overlap, whatever else of their queue changes meanwhile")
  func keysNeverOverlap() async throws {
    try await House.with(workers: 4) { house in
      let perKey = QueuePatch(perKey: .some(KeyLimit(label: "customer", concurrency: 1)))
      _ = try await house.service.update(queue: "mail", perKey)
      var ids: [JobID] = []
      for number in 0..<24 {
        let lock = house.directory + "/lock-\(number % 3)"
        // mkdir(2) is refused where another of the same customer is under way.
        ids.append(
          try await house.enqueue("mkdir \(lock) && sleep 0.02 && rmdir \(lock)") {
            $0.queue = "mail"
            $0.labels = ["customer": "c\(number % 3)"]
          })
        if number % 4 == 0 {
          _ = try await house.service.update(
            queue: "mail", QueuePatch(concurrency: .some(number % 8 == 0 ? 2 : nil), priority: .some(number)))
        }
      }
      for id in ids { #expect(try await house.end(of: id).state == .succeeded) }
    }
  }

  @Test(
    "a reload that brings more workers and a limit never has the new workers by the old limits",
    arguments: [QueueLimits(concurrency: 1), QueueLimits(perKey: KeyLimit(label: "customer", concurrency: 1))])
  func reload(_ limits: QueueLimits) async throws {
    try await House.with(workers: 1) { house in
      let lock = house.directory + "/lock"
      var ids: [JobID] = []
      for _ in 0..<20 {
        ids.append(
          try await house.enqueue("mkdir \(lock) && sleep 0.03 && rmdir \(lock)") {
            $0.queue = "mail"
            $0.labels = ["customer": "c"]
          })
      }
      var configuration = SupervisorConfiguration(workers: 10, shutdownGrace: .seconds(1))
      configuration.queueLimits["mail"] = limits
      try await house.supervisor.reconfigure(configuration)
      #expect(await house.supervisor.core.workers == 10)
      #expect(await house.supervisor.core.queueLimits == ["mail": limits])
      for id in ids { #expect(try await house.end(of: id).state == .succeeded) }
    }
  }

  @Test("a label that jobs are counted by may change while they run")
  func relabelled() async throws {
    try await House.with(workers: 4) { house in
      var ids: [JobID] = []
      for number in 0..<30 {
        ids.append(
          try await house.enqueue("sleep 0.01") {
            $0.queue = "mail"
            $0.labels = ["customer": "c\(number % 2)", "region": "r\(number % 5)"]
          })
        let label = [nil, "customer", "region"][number % 3]
        _ = try await house.service.update(
          queue: "mail", QueuePatch(perKey: .some(label.map { KeyLimit(label: $0, concurrency: 1) })))
      }
      for id in ids { #expect(try await house.end(of: id).state == .succeeded) }
    }
  }

  @Test("why counts what runs, and a payload waits for a worker that nobody is")
  func why() async throws {
    try await House.with(workers: 2) { house in
      let id = try await house.enqueue("sleep 600") { $0.queue = "mail" }
      _ = try await house.service.update(queue: "mail", QueuePatch(concurrency: 1))
      var feed = await house.service.events(after: nil)
      while try await house.service.job(id, viewer: 0).state != .running { _ = await feed.next() }
      let next = try await house.enqueue("true") { $0.queue = "mail" }
      let why = try await house.service.why(next)
      #expect(why.reason == .queueLimit && why.blockers == [id])
      var payload = JobRequest()
      payload.payload = .integer(1)
      let work = try await house.service.enqueue([payload], by: nil)[0].id
      #expect(try await house.service.why(work).reason == .noWorker)
      let problem = await #expect(throws: Problem.self) { try await house.service.why(JobID(99)) }
      #expect(problem?.code == .notFound)
    }
  }
}
