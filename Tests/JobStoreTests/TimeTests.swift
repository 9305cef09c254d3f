import JobModel
import JobStore
import Testing

@Suite struct TimeTests {
  @Test(
    "what is due is queued in the order of its times, as many as asked for, and the next time of each clock is told",
    arguments: Engine.all)
  func promote(_ engine: Engine) async throws {
    try await engine.withStore { store in
      #expect(try await store.promoteDue(at: .start, limit: 9) == DueReport(promoted: 0, nextWall: nil, nextBoot: nil))
      let ids = try await store.enqueue(
        [30, 10, 20].map { seconds in .command { $0.start = .at((Moment.start + seconds).wall) } }
          + [15, 5].map { seconds in .command { $0.start = .delay(.seconds(seconds)) } }, at: .start
      ).map(\.id)
      let moment = Moment.start
      #expect(
        try await store.promoteDue(at: moment + 4.999, limit: 9)
          == DueReport(promoted: 0, nextWall: (moment + 10).wall, nextBoot: (moment + 5).boot))
      #expect(
        try await store.promoteDue(at: moment + 20, limit: 1)
          == DueReport(promoted: 1, nextWall: (moment + 20).wall, nextBoot: (moment + 5).boot))
      #expect(try await store.state(ids[1]) == .queued)
      #expect(
        try await store.promoteDue(at: moment + 20, limit: 9)
          == DueReport(promoted: 3, nextWall: (moment + 30).wall, nextBoot: nil))
      #expect(try await store.state(ids[0]) == .scheduled)
      #expect(try await store.found(ids[1]).runAt == (moment + 10).wall, "when it was to start stays told")
    }
  }

  @Test("a held job whose time comes is not queued", arguments: Engine.all)
  func held(_ engine: Engine) async throws {
    try await engine.withStore { store in
      let id = try await store.add(.command { $0.start = .delay(.seconds(1)) })
      _ = try await store.hold(id, at: .start)
      #expect(
        try await store.promoteDue(at: .start + 2, limit: 9) == DueReport(promoted: 0, nextWall: nil, nextBoot: nil))
    }
  }

  @Test(
    "a delay goes by the boot clock within one boot and by the wall clock after a reboot, for held and blocked jobs too",
    arguments: Engine.all)
  func reboot(_ engine: Engine) async throws {
    try await withDirectory { directory in
      var store = try await engine.open(directory, "boot 1")
      let first = try await store.add(.command { $0.hold = true })
      let delayed = try await store.add(.command { $0.start = .delay(.seconds(60)) })
      let held = try await store.add(.command { ($0.start, $0.hold) = (.delay(.seconds(60)), true) })
      let blocked = try await store.add(.command { ($0.start, $0.after) = (.delay(.seconds(60)), [first]) })
      await store.close()

      store = try await engine.open(directory, "boot 1")
      let sameBoot = Moment(wall: (Moment.start + 9999).wall, boot: Moment.start.boot + 1000)
      #expect(
        try await store.promoteDue(at: sameBoot, limit: 9)
          == DueReport(promoted: 0, nextWall: nil, nextBoot: (Moment.start + 60).boot))
      await store.close()

      store = try await engine.open(directory, "boot 2")
      let afterBoot = Moment(wall: (Moment.start + 30).wall, boot: 9_999_999)
      #expect(
        try await store.promoteDue(at: afterBoot, limit: 9)
          == DueReport(promoted: 0, nextWall: (Moment.start + 60).wall, nextBoot: nil))
      #expect(try await store.release(held, at: afterBoot).state == .scheduled)
      _ = try await store.cancel(first, at: afterBoot)
      #expect(try await store.state(blocked) == .cancelled)
      let late = Moment(wall: (Moment.start + 60).wall, boot: 5)
      #expect(try await store.promoteDue(at: late, limit: 9).promoted == 2)
      #expect(try await store.state(delayed) == .queued)
      await store.close()
    }
  }
}
