import Foundation
import Glibc
import JobModel
import JobStore
import Supervisor
import Testing

@Suite("Schedules under the supervisor", .timeLimit(.minutes(10)))
struct ScheduleTests {
  private static let start = Timestamp(rfc3339: "2026-11-24T00:00:00Z")!
  private func at(_ seconds: Int64) -> Timestamp { Self.start + .seconds(seconds) }

  private func request(_ cron: String = "@every 1m", _ change: (inout ScheduleRequest) -> Void = { _ in })
    -> ScheduleRequest
  {
    var request = ScheduleRequest()
    request.cron = cron
    request.timezone = "UTC"
    request.overlap = .queue
    request.job = JobRequest()
    // Held, so that nothing but the schedule decides what there is.
    request.job?.command = ["true"]
    request.job?.hold = true
    change(&request)
    return request
  }

  @discardableResult
  private func add(_ house: House, _ request: ScheduleRequest, as name: String = "tick") async throws -> ScheduleInfo {
    try await house.service.add(request, name: name, isReplacing: true, by: Submitter(uid: 0, pid: 1)).0
  }

  /// A letter for each fact, the oldest first.
  private func facts(_ house: House, _ name: String = "tick") async throws -> String {
    try await house.service.schedule(name, runs: 1000, viewer: 0).runs.reversed()
      .map { String($0.result.rawValue.prefix(1)) }.joined()
  }

  @Test("one alarm wakes for whatever is due first, and each due time adds a job")
  func alarms() async throws {
    let time = ManualTime(Self.start)
    try await House.with(time: time) { house in
      try await add(house, request())
      try await add(house, request("30 0 * * *"), as: "other")
      await time.armed(for: at(60))
      await time.pass(to: at(60), next: at(120))
      await time.pass(to: at(120), next: at(180))
      #expect(try await facts(house) == "ee")
      let jobs = try await house.service.jobs(JobFilter(), viewer: 0).jobs
      #expect(jobs.map(\.name) == ["tick", "tick"] && jobs.map(\.createdAt) == [at(120), at(60)])
      #expect(try await house.service.schedules(viewer: 0).map(\.name) == ["other", "tick"])
      try await house.service.removeSchedule("tick")
      await time.pass(to: at(900), next: at(1800))
      #expect(try await house.service.jobs(JobFilter(), viewer: 0).jobs.count == 2)
    }
  }

  @Test("a job of a schedule runs as any other")
  func runs() async throws {
    let time = ManualTime(Self.start)
    try await House.with(time: time) { house in
      try await add(
        house,
        request {
          $0.job?.hold = nil
          $0.job?.command = ["sh", "-c", "echo $JOBQ_SCHEDULE $JOBQ_DUE_AT"]
        })
      await time.pass(to: at(60), next: at(120))
      let id = try #require(try await house.service.schedule("tick", runs: 1, viewer: 0).runs.first?.jobID)
      #expect(try await house.end(of: id).state == .succeeded)
      #expect(try await house.log(id) == "tick 2026-11-24T00:01:00.000Z\n")
    }
  }

  @Test("a clock that is set forward by a week gives what the policy says, and one that is set back nothing twice")
  func clockJumps() async throws {
    for (missed, jobs, facts) in [(MissedPolicy.skip, 2, 1000), (.once, 2, 1000), (.all, 1001, 1000)] {
      let time = ManualTime(Self.start)
      try await House.with(time: time) { house in
        try await add(house, request { $0.missed = missed })
        await time.pass(to: at(60), next: at(120))
        let week: Int64 = 7 * 86_400
        await time.pass(to: at(week), next: at(week + 60))
        let count = try await house.store.overview().counts.total
        #expect(count == jobs)
        #expect(try await self.facts(house).count == facts)
        // Back by a day: the alarm stays where it was.
        time.set(at(week - 86_400))
        try await add(house, request("@every 1h"), as: "later")
        await time.pass(to: at(week - 86_400 + 3600), next: at(week - 86_400 + 7200))
        #expect(try await house.store.overview().counts.total == count + 1)
        #expect(try await house.service.schedule("later", runs: 9, viewer: 0).runs.map(\.result) == [.enqueued])
      }
    }
  }

  @Test("what was due while jobqd was down is dealt with at the start, once")
  func restart() async throws {
    let directory = NSTemporaryDirectory() + "jobq-schedules-\(UUID().uuidString.prefix(8))"
    defer { try? FileManager.default.removeItem(atPath: directory) }
    for (missed, expected) in [(MissedPolicy.skip, "emmm"), (.once, "emme"), (.all, "eeee")] {
      let name = missed.rawValue
      try await House.with(directory: directory, time: ManualTime(Self.start)) { house in
        try await add(house, request { $0.missed = missed }, as: name)
      }
      // Killed between two due times, or at one, as often as you like.
      for _ in 0..<3 {
        let time = ManualTime(at(60))
        try await House.with(directory: directory, time: time) { house in await time.armed(for: at(120)) }
      }
      let before = try await count(directory, name, at: at(60), next: at(120))
      #expect(before == "e")
      #expect(try await count(directory, name, at: at(245), next: at(300)) == before + expected.dropFirst())
      #expect(try await count(directory, name, at: at(245), next: at(300)) == before + expected.dropFirst())
      try await House.with(directory: directory, time: ManualTime(at(245))) { house in
        try await house.service.removeSchedule(name)
      }
    }
  }

  private func count(_ directory: String, _ name: String, at now: Timestamp, next: Timestamp) async throws -> String {
    let time = ManualTime(now)
    var found = ""
    try await House.with(directory: directory, time: time) { house in
      await time.armed(for: next)
      found = try await facts(house, name)
    }
    return found
  }

  @Test("due times pass in a drain and have been missed once it ends")
  func drain() async throws {
    let time = ManualTime(Self.start)
    try await House.with(time: time) { house in
      try await add(house, request())
      try await house.service.drain()
      time.set(at(130))
      #expect(try await facts(house) == "")
      await #expect(throws: Problem.self) { try await house.service.runSchedule("tick", viewer: 0) }
      try await house.service.resume()
      await time.armed(for: at(180))
      #expect(try await facts(house) == "me")
    }
  }

  @Test("a pause lets due times pass, a resume goes on, a run by hand needs neither")
  func pause() async throws {
    let time = ManualTime(Self.start)
    try await House.with(time: time) { house in
      try await add(house, request())
      let paused = try await house.service.pauseSchedule("tick", viewer: 0)
      #expect(paused.paused && paused.nextDueAt == nil)
      time.set(at(600))
      let added = try await house.service.runSchedule("tick", viewer: 0)
      #expect(added.isNew && added.job.name == "tick")
      let resumed = try await house.service.resumeSchedule("tick", viewer: 0)
      #expect(!resumed.paused && resumed.nextDueAt == at(660))
      await time.pass(to: at(660), next: at(720))
      #expect(try await facts(house) == "ee")
      await #expect(throws: Problem.self) { try await house.service.pauseSchedule("none", viewer: 0) }
      await #expect(throws: Problem.self) { try await house.service.schedule("none", runs: 1, viewer: 0) }
    }
  }

  @Test("cancel-previous ends the job that runs and starts the next one")
  func cancelPrevious() async throws {
    let time = ManualTime(Self.start)
    try await House.with(time: time) { house in
      try await add(
        house,
        request {
          $0.overlap = .cancelPrevious
          $0.job?.hold = nil
          $0.job?.command = ["sleep", "600"]
        })
      await time.pass(to: at(60), next: at(120))
      let first = try #require(try await house.service.schedule("tick", runs: 1, viewer: 0).runs.first?.jobID)
      await time.pass(to: at(120), next: at(180))
      let second = try #require(try await house.service.schedule("tick", runs: 1, viewer: 0).runs.first?.jobID)
      #expect(second != first)
      #expect(try await house.end(of: first).state == .cancelled)
      #expect(try await !house.service.job(second, viewer: 0).state.hasEnded)
    }
  }

  @Test("a reload adds, changes and removes the file's schedules, and takes over one added by hand")
  func reload() async throws {
    func ofFile(_ name: String, _ cron: String) throws -> TimedSchedule {
      var job = JobRequest()
      job.command = ["true"]
      job.hold = true
      return TimedSchedule(
        ScheduleDefinition(
          name: name, source: .file, expression: try CronExpression(cron), timezone: "UTC", job: job),
        zone: .utc)
    }
    let time = ManualTime(Self.start)
    try await House.with(time: time, schedules: [try ofFile("a", "0 12 * * *"), try ofFile("b", "@every 1m")]) {
      house in
      try await add(house, request("@every 20m"), as: "c")
      #expect(try await house.service.schedules(viewer: 0).map(\.source) == [.file, .file, .api])
      let refused = try await #require(throws: Problem.self) { try await add(house, request(), as: "a") }
      #expect(refused.status == 409)
      await time.pass(to: at(60), next: at(120))
      var configuration = SupervisorConfiguration(workers: 2, shutdownGrace: .milliseconds(200))
      configuration.schedules = [
        try ofFile("b", "@every 5m"), try ofFile("c", "@every 20m"), try ofFile("d", "30 0 * * *"),
      ]
      try await house.supervisor.reconfigure(configuration)
      let schedules = try await house.service.schedules(viewer: 0)
      #expect(schedules.map(\.name) == ["b", "c", "d"] && schedules.allSatisfy { $0.source == .file })
      #expect(schedules.map(\.nextDueAt) == [at(360), at(1200), at(1800)])
      await time.pass(to: at(360), next: at(660))
      #expect(try await house.service.schedule("b", runs: 9, viewer: 0).runs.count == 2)
    }
  }

  @Test(
    "what is due while the disk is full is dealt with once there is space, and neither lost nor doubled",
    .enabled(if: getuid() == 0))
  func fullDisk() async throws {
    let directory = NSTemporaryDirectory() + "jobq-schedules-\(UUID().uuidString.prefix(8))"
    mkdir(directory, 0o700)
    guard mount("tmpfs", directory, "tmpfs", 0, "size=4m,mode=700") == 0 else { return }
    defer {
      umount2(directory, Int32(MNT_DETACH))
      rmdir(directory)
    }
    let time = ManualTime(Self.start)
    try await House.with(directory: directory, time: time) { house in
      // Too large for what is left of the disk, once that is full.
      try await add(
        house,
        request {
          $0.missed = .all
          $0.job?.stdin = String(repeating: "x", count: 50_000)
        })
      await time.pass(to: at(60), next: at(120))
      let ballast = directory + "/ballast"
      let descriptor = open(ballast, O_CREAT | O_WRONLY | O_CLOEXEC, 0o600)
      let block = [UInt8](repeating: 0, count: 4096)
      while write(descriptor, block, block.count) > 0 {}
      close(descriptor)
      time.set(at(120))
      // The trouble is told by the same step that leaves the schedule for later.
      while try await house.service.status().storage.state == "ok" { try await Task.sleep(for: .milliseconds(2)) }
      time.set(at(180))
      #expect(try await facts(house) == "e")
      unlink(ballast)
      await time.armed(for: at(240))
      #expect(try await facts(house) == "eee")
      #expect(try await house.store.overview().counts.total == 3)
      #expect(try await house.service.status().storage.state == "ok")
    }
  }

  @Test("what cannot be is refused in a sentence")
  func refusals() async throws {
    try await House.with(time: ManualTime(Self.start)) { house in
      for (change, field) in [
        ({ $0.timezone = "Mars/Base" }, "timezone"), ({ $0.cron = "0 0 31 2 *" }, "cron"),
        ({ $0.job?.command = [] }, "job.command"),
      ] as [((inout ScheduleRequest) -> Void, String)] {
        let problem = try await #require(throws: Problem.self) { try await add(house, request("@daily", change)) }
        #expect(problem.status == 422 && problem.field == field, "\(problem)")
      }
      try await add(house, request())
      let twice = try await #require(throws: Problem.self) {
        try await house.service.add(request(), name: "tick", isReplacing: false, by: nil)
      }
      #expect(twice.status == 409)
    }
  }
}
