import FoundationEssentials
import JobModel
import JobStore
import Testing

@Suite struct HookTests {
  private func deliveries(_ store: any JobStore, at moment: Moment = .start) async throws -> [HookDelivery] {
    try await store.dueDeliveries(at: moment, limit: 100).due
  }

  @Test(
    "an end that is wanted leaves one delivery, with the job as it ended and no values of env", arguments: Engine.all)
  func outbox(_ engine: Engine) async throws {
    try await engine.withStore { store in
      store.setHooks(Hooks([.failed: ["page"]]))
      let id = try await store.add(
        .command("/bin/false", queue: "mail") {
          $0.env = ["SECRET": "s3cr3t"]
          $0.labels = ["a": "b"]
          $0.submittedBy = Submitter(uid: 1000, pid: 1)
        })
      try await store.runNext(.exit(3), at: .start + 1)
      let delivery = try #require(try await deliveries(store, at: .start + 1).first)
      #expect(try await deliveries(store, at: .start + 1).count == 1)
      #expect(delivery.job == id && delivery.tries == 0)
      #expect(delivery.end == JobEnd(queue: "mail", state: .failed, outcome: .failed))
      #expect(!delivery.text.contains("\n") && !delivery.text.contains("s3cr3t"))
      let told = try JSONDecoder().decode(Job.self, from: Data(delivery.text.utf8))
      let shown = try await store.found(id).visible(to: nil)
      #expect(told == shown)
      #expect(told.env == ["SECRET": nil] && told.exitCode == 3 && told.attempts.count == 1)
    }
  }

  @Test("an attempt that is followed by another, and an end that nobody wants, leave nothing", arguments: Engine.all)
  func unwanted(_ engine: Engine) async throws {
    try await engine.withStore { store in
      store.setHooks(Hooks([.failed: ["page"]], queues: ["quiet": [.failed: nil]]))
      try await store.add(.command { $0.retries = 1 })
      try await store.runNext(.exit(1))
      #expect(try await deliveries(store).isEmpty)
      _ = try await store.promoteDue(at: .start + 9, limit: 1)
      try await store.runNext(.exit(1), at: .start + 9)
      #expect(try await deliveries(store, at: .start + 9).count == 1)
      try await store.add()
      try await store.runNext(.exit(0))
      try await store.add(.command(queue: "quiet"))
      try await store.runNext(.exit(1))
      _ = try await store.cancel(try await store.add(), at: .start)
      store.setHooks(Hooks())
      try await store.add()
      try await store.runNext(.exit(1))
      #expect(try await deliveries(store, at: .start + 9).count == 1)
    }
  }

  @Test("every way in which a job ends without an attempt of its own is told too", arguments: Engine.all)
  func cancelled(_ engine: Engine) async throws {
    try await engine.withStore { store in
      store.setHooks(Hooks([.cancelled: ["note"], .interrupted: ["note"]]))
      let first = try await store.add()
      let chained = try await store.add(.command { $0.after = [first] })
      let last = try await store.add(.command { $0.after = [chained] })
      let asked = try await store.add(.command { $0.hold = true })
      _ = try await store.cancel(asked, at: .start)
      try await store.runNext(.exit(1))
      let late = try await store.add(.command { $0.after = [first] })
      let interrupted = try await store.add(.command { $0.onInterrupt = .fail })
      let claimed = try await store.claim()
      try await store.interrupt(try await store.leftovers(), at: .start)
      #expect(claimed.map(\.id) == [interrupted])
      let told = try await deliveries(store)
      #expect(told.map(\.job) == [asked, chained, last, late, interrupted])
      #expect(told.map(\.end.outcome) == [.cancelled, .cancelled, .cancelled, .cancelled, .interrupted])
      for delivery in told {
        let job = try JSONDecoder().decode(Job.self, from: Data(delivery.text.utf8))
        let shown = try await store.found(delivery.job).visible(to: nil)
        #expect(job == shown)
      }
    }
  }

  @Test("an ending that is refused leaves no delivery", arguments: Engine.all)
  func refused(_ engine: Engine) async throws {
    try await engine.withStore { store in
      store.setHooks(Hooks([.failed: ["page"]]))
      let id = try await store.add()
      _ = try await store.claim()
      _ = await refusal { _ = try await store.finish(id, attempt: 2, .exit(1), random: 0, at: .start) }
      #expect(try await deliveries(store).isEmpty)
    }
  }

  @Test(
    "a delivery that failed comes again at its time and not before, counted; one that is done is gone",
    arguments: Engine.all)
  func verdicts(_ engine: Engine) async throws {
    try await engine.withStore { store in
      store.setHooks(Hooks([.failed: ["page"]]))
      for _ in 0..<3 {
        try await store.add()
        try await store.runNext(.exit(1))
      }
      let told = try await deliveries(store)
      #expect(told.map(\.id) == told.map(\.id).sorted() && Set(told.map(\.id)).count == 3)
      let later = Moment.start + 5
      try await store.settle(told[0].id, .again(at: later.boot))
      try await store.settle(told[1].id, .done)
      #expect(
        try await store.dueDeliveries(at: .start, limit: 9) == HookReport(due: [told[2]], next: later.boot))
      var again = told[0]
      again.tries = 1
      #expect(try await store.dueDeliveries(at: later, limit: 9) == HookReport(due: [told[2], again], next: nil))
      #expect(try await store.dueDeliveries(at: later, limit: 1).due == [told[2]])
    }
  }

  @Test("a delivery outlives a restart, a retry and the removal of its job, and is due at once", arguments: Engine.all)
  func restart(_ engine: Engine) async throws {
    try await withDirectory { directory in
      var store = try await engine.open(directory, "boot 1")
      store.setHooks(Hooks([.failed: ["page"]]))
      let id = try await store.add()
      try await store.runNext(.exit(7))
      let told = try #require(try await deliveries(store).first)
      try await store.settle(told.id, .again(at: .max))
      _ = try await store.retry(id, withDependents: false, at: .start)
      try await store.remove(id, at: .start)
      await store.close()

      store = try await engine.open(directory, "boot 2")
      let again = try #require(try await deliveries(store, at: Moment(wall: Moment.start.wall, boot: 1)).first)
      #expect(again.id == told.id && again.text == told.text && again.tries == 1)
      try await store.settle(again.id, .done)
      try await store.add()
      store.setHooks(Hooks([.failed: ["page"]]))
      try await store.runNext(.exit(7))
      #expect(try await deliveries(store).map { $0.id > told.id } == [true], "its number is not used again")
      await store.close()
    }
  }
}
