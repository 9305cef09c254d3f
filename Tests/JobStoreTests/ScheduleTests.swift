import Foundation
import JobModel
import JobStore
import SeededRandom
import Testing

@Suite("Schedules in the store") struct ScheduleTests {
  private func schedule(
    _ name: String = "tick", _ cron: String = "@every 60s", change: (inout ScheduleDefinition) -> Void = { _ in }
  )
    throws -> TimedSchedule
  {
    var definition = ScheduleDefinition(
      name: name, source: .api, expression: try CronExpression(cron), timezone: "UTC", job: JobRequest())
    definition.job.command = ["/bin/true"]
    definition.job.env = ["K": "V"]
    definition.submittedBy = Submitter(uid: 3, pid: 4)
    change(&definition)
    return TimedSchedule(definition, zone: .utc)
  }

  private func run(
    _ store: any JobStore, _ name: String = "tick", since: Moment = .start, random: Double = 0, at moment: Moment
  ) async throws -> ScheduleReport? {
    let stored = try #require(try await store.schedule(name))
    let timing = TimedSchedule(stored.definition, zone: .utc).timing(from: stored.anchor)
    return try await store.runDue(
      name, revision: stored.revision, timing, try stored.definition.spec(defaults: JobDefaults()), since: since.wall,
      random: { random }, at: moment)
  }

  @Test("a schedule is given back as it was added, over a restart too", arguments: Engine.all)
  func keeps(_ engine: Engine) async throws {
    try await withDirectory { directory in
      let store = try await engine.open(directory, "boot 1")
      let timed = try schedule("nightly", "15 3 * * mon-fri") {
        $0.jitter = .seconds(30)
        $0.missed = .all
        $0.overlap = .cancelPrevious
        $0.job.payload = .null
        $0.job.command = nil
        $0.job.labels = ["a": "b"]
        $0.job.retryOn = ExitCodes("1,75")
      }
      let (added, isNew) = try await store.add(timed, isReplacing: false, paused: nil, at: .start)
      #expect(isNew && added.definition == timed.definition && !added.paused && added.lastDue == nil)
      #expect(added.createdAt == Moment.start.wall && added.anchor == Moment.start.wall)
      #expect(added.nextDue == Timestamp(rfc3339: "2026-11-25T03:15:00Z"))
      #expect(try await store.schedule("nightly") == added)
      #expect(try await store.schedules() == [added])
      #expect(try await store.schedule("other") == nil)
      await store.close()
      let again = try await engine.open(directory, "boot 1")
      #expect(try await again.schedules() == [added])
      await again.close()
    }
  }

  @Test("a second schedule of one name is refused, or changes the first", arguments: Engine.all)
  func names(_ engine: Engine) async throws {
    try await engine.withStore { store in
      let first = try await store.add(try schedule(), isReplacing: false, paused: nil, at: .start).0
      let taken = await refusal { _ = try await store.add(try schedule(), isReplacing: false, paused: nil, at: .start) }
      #expect(taken?.code == .scheduleTaken("tick"))
      // The same again changes nothing at all; another job only the job.
      let same = try await store.add(try schedule(), isReplacing: true, paused: nil, at: .start + 10)
      #expect(same.0 == first && !same.isNew)
      let other = try await store.add(
        try schedule { $0.job.command = ["/bin/false"] }, isReplacing: true, paused: nil, at: .start + 10
      ).0
      #expect(other.nextDue == first.nextDue && other.anchor == first.anchor && other.revision > first.revision)
      #expect(other.definition.job.command == ["/bin/false"])
      // Another time is a new beginning.
      let timed = try await store.add(
        try schedule("tick", "@every 90s"), isReplacing: true, paused: nil, at: .start + 10
      ).0
      #expect(timed.anchor == (Moment.start + 10).wall && timed.nextDue == (Moment.start + 100).wall)
      #expect(timed.createdAt == Moment.start.wall)
    }
  }

  @Test(
    "next due times are found anew by other rules: not those that have come, of the paused, or of other zones",
    arguments: Engine.all)
  func otherRules(_ engine: Engine) async throws {
    try await engine.withStore { store in
      for (name, cron, zone) in [
        ("moves", "0 3 * * *", "Test/Zone"), ("stays", "0 3 * * *", "UTC"), ("every", "@every 1h", "Test/Zone"),
        ("paused", "0 3 * * *", "Test/Zone"), ("due", "* * * * *", "Test/Zone"),
      ] {
        let timed = try schedule(name, cron) { $0.timezone = zone }
        _ = try await store.add(timed, isReplacing: false, paused: name == "paused", at: .start)
      }
      let before = try await store.schedules()
      let later = Moment.start + 90
      // Five hours east: their names count westwards.
      let file = try #require(FileManager.default.contents(atPath: "/usr/share/zoneinfo/Etc/GMT-5"))
      let east = try TimeZoneRules(name: "Test/Zone", tzif: Array(file))
      let moved = try await store.findDueTimes(by: ["Test/Zone": east], at: later)
      #expect(moved.map(\.name) == ["moves"])
      let due = try #require(moved.first?.nextDue)
      #expect(due.rfc3339.hasSuffix("T22:00:00.000Z") && due > later.wall && due - later.wall < .days(1))
      #expect(moved.first?.revision ?? 0 > before.map(\.revision).max() ?? .max)
      let after = try await store.schedules()
      #expect(after.filter { $0.name != "moves" } == before.filter { $0.name != "moves" })
      #expect(after.first { $0.name == "moves" } == moved.first)
      #expect(try await store.findDueTimes(by: ["Test/Zone": east], at: later) == [])
      // Three o'clock in the east has been dealt with: with rules by which it is still to come it is another one.
      _ = try await run(store, "moves", at: Moment.start + 86_400)
      let last = try #require(try await store.schedule("moves")?.lastDue)
      #expect(try await store.findDueTimes(by: ["Test/Zone": .utc], at: later).allSatisfy { $0.nextDue! > last })
    }
  }

  @Test("a thousand schedules are kept, and no more until one goes", arguments: Engine.all)
  func number(_ engine: Engine) async throws {
    try await engine.withStore { store in
      for number in 1...Limits.schedules {
        _ = try await store.add(try schedule("s\(number)"), isReplacing: false, paused: nil, at: .start)
      }
      let refused = await refusal {
        _ = try await store.add(try schedule("more"), isReplacing: true, paused: nil, at: .start)
      }
      #expect(refused?.code == .tooManySchedules)
      _ = try await store.add(try schedule("s7", "@daily"), isReplacing: true, paused: nil, at: .start)
      try await store.removeSchedule("s7")
      #expect(try await store.add(try schedule("more"), isReplacing: false, paused: nil, at: .start).isNew)
      #expect(try await store.schedules().count == Limits.schedules)
    }
  }

  @Test("the file's schedules are made what the file says, and are the file's to change", arguments: Engine.all)
  func file(_ engine: Engine) async throws {
    func ofFile(_ name: String, _ cron: String = "@every 60s") throws -> TimedSchedule {
      try schedule(name, cron) { $0.source = .file }
    }
    try await engine.withStore { store in
      _ = try await store.add(try schedule("mine"), isReplacing: false, paused: nil, at: .start)
      let both = try await store.add(try schedule("both"), isReplacing: false, paused: nil, at: .start).0
      try await store.setFileSchedules([try ofFile("both"), try ofFile("a")], at: .start + 30)
      let all = try await store.schedules()
      #expect(all.map(\.name) == ["a", "both", "mine"])
      #expect(all.map(\.definition.source) == [.file, .file, .api])
      // Taken over, it goes on where it was.
      #expect(all[1].nextDue == both.nextDue)
      for attempt in [true, false] {
        let refused = await refusal {
          _ = try await store.add(try schedule("a"), isReplacing: attempt, paused: nil, at: .start)
        }
        #expect(refused?.code == .scheduleTaken("a"))
      }
      #expect(await refusal { try await store.removeSchedule("a") }?.code == .scheduleTaken("a"))
      // A pause outlives a reload; what is gone from the file goes; a new time counts from now.
      _ = try await store.pauseSchedule("a")
      try await store.setFileSchedules([try ofFile("a", "@every 5s")], at: .start + 40)
      let left = try await store.schedules()
      #expect(left.map(\.name) == ["a", "mine"])
      #expect(left[0].paused && left[0].nextDue == nil)
      try await store.removeSchedule("mine")
      #expect(await refusal { try await store.removeSchedule("mine") }?.code == .noSuchSchedule("mine"))
      #expect(await refusal { _ = try await store.pauseSchedule("mine") }?.code == .noSuchSchedule("mine"))
    }
  }

  @Test("a due time gives a job and a fact in one commit, and the schedule moves on", arguments: Engine.all)
  func due(_ engine: Engine) async throws {
    try await engine.withStore { store in
      _ = try await store.add(try schedule(), isReplacing: false, paused: nil, at: .start)
      #expect(try await run(store, at: .start + 59.999) == nil)
      let commits = Commits(of: store)
      let report = try #require(try await run(store, at: .start + 60))
      let job = try #require(report.runs.first?.jobID)
      let fact = ScheduleRun(
        dueAt: (Moment.start + 60).wall, result: .enqueued, jobID: job, at: (Moment.start + 60).wall)
      #expect(report.runs == [fact] && !report.isCut)
      #expect(commits.changes.map(\.id) == [job])
      #expect(report.schedule.lastDue == (Moment.start + 60).wall)
      #expect(report.schedule.nextDue == (Moment.start + 120).wall)
      #expect(try await store.schedule("tick") == report.schedule)
      #expect(try await store.runs(ofSchedule: "tick", limit: 10) == [fact])
      let found = try await store.found(job)
      #expect(found.state == .queued && found.name == "tick" && found.env["K"] == "V")
      #expect(found.env["JOBQ_SCHEDULE"] == "tick" && found.env["JOBQ_DUE_AT"] == (Moment.start + 60).wall.rfc3339)
      #expect(found.submittedBy == Submitter(uid: 3, pid: 4))
      #expect(try await run(store, at: .start + 60) == nil)
    }
  }

  @Test("an answer from an earlier state of the schedule does nothing", arguments: Engine.all)
  func stale(_ engine: Engine) async throws {
    try await engine.withStore { store in
      let old = try await store.add(try schedule(), isReplacing: false, paused: nil, at: .start).0
      _ = try await store.add(
        try schedule { $0.job.command = ["/bin/false"] }, isReplacing: true, paused: nil, at: .start)
      func ask(_ revision: Int64) async throws -> ScheduleReport? {
        try await store.runDue(
          "tick", revision: revision, try schedule().timing(from: Moment.start.wall),
          try old.definition.spec(defaults: JobDefaults()), since: Moment.start.wall, random: { 0 }, at: .start + 60)
      }
      #expect(try await ask(old.revision) == nil)
      #expect(try await store.overview().counts.total == 0)
      // One that was removed and added anew is another, and has another number.
      try await store.removeSchedule("tick")
      #expect(try await ask(old.revision + 1) == nil)
      let anew = try await store.add(try schedule(), isReplacing: false, paused: nil, at: .start).0
      #expect(anew.revision > old.revision + 1)
      #expect(try await ask(old.revision + 1) == nil)
      #expect(try await ask(anew.revision) != nil)
    }
  }

  @Test("no due time is run twice, whatever is done to the clock", arguments: Engine.all)
  func clock(_ engine: Engine) async throws {
    try await engine.withStore { store in
      _ = try await store.add(try schedule { $0.overlap = .queue }, isReplacing: false, paused: nil, at: .start)
      for minute in 1...5 { _ = try await run(store, at: .start + Double(60 * minute)) }
      // Set back by three minutes: nothing is due again before 6:00.
      for second in stride(from: 120.0, to: 360, by: 15) { #expect(try await run(store, at: .start + second) == nil) }
      #expect(try await run(store, at: .start + 360)?.runs.count == 1)
      // Nor after a person has told it to go on from there, nor with another definition and back.
      let zone = try schedule()
      let resumed = try await store.resumeSchedule("tick", zone.timing(from: Moment.start.wall), at: .start + 130)
      #expect(resumed.nextDue == (Moment.start + 180).wall)
      for minute in 3...6 { #expect(try await run(store, at: .start + Double(60 * minute))?.runs == []) }
      #expect(try await run(store, at: .start + 420)?.runs.count == 1)
      #expect(try await store.overview().counts.total == 7)
      let changed = try await store.add(
        try schedule("tick", "* * * * *"), isReplacing: true, paused: nil, at: .start + 60
      ).0
      #expect(changed.nextDue.map { $0 > (Moment.start + 420).wall } == true)
    }
  }

  @Test("missed due times are recorded, and run as the policy says", arguments: Engine.all)
  func missed(_ engine: Engine) async throws {
    for (policy, expected) in [
      (MissedPolicy.skip, "mmmmm"), (.once, "mmmme"), (.all, "eeeee"),
    ] {
      try await engine.withStore { store in
        _ = try await store.add(try schedule { $0.missed = policy }, isReplacing: false, paused: nil, at: .start)
        let report = try #require(try await run(store, since: .start + 310, at: .start + 310))
        #expect(report.runs.map { String($0.result.rawValue.prefix(1)) }.joined() == expected)
        #expect(report.runs.compactMap(\.dueAt) == (1...5).map { (Moment.start + Double(60 * $0)).wall })
        #expect(try await store.overview().counts.total == expected.count { $0 == "e" })
        #expect(Array(try await store.runs(ofSchedule: "tick", limit: 100).reversed()) == report.runs)
        #expect(report.schedule.nextDue == (Moment.start + 360).wall)
      }
    }
  }

  @Test("a live job of the schedule's is skipped for, queued behind, or cancelled", arguments: Engine.all)
  func overlap(_ engine: Engine) async throws {
    for running in [false, true] {
      for overlap in OverlapPolicy.allCases {
        try await engine.withStore { store in
          _ = try await store.add(try schedule { $0.overlap = overlap }, isReplacing: false, paused: nil, at: .start)
          let first = try #require(try await run(store, at: .start + 60)?.runs.first?.jobID)
          if running { try await store.claim() }
          let second = try #require(try await run(store, at: .start + 120)?.runs.first)
          switch overlap {
          case .skip:
            #expect(second.result == .skipped && second.jobID == first)
            if !running { try await store.claim() }
            _ = try await store.finish(first, attempt: 1, .exit(0), random: 0, at: .start + 130)
            #expect(try await run(store, at: .start + 180)?.runs.first?.result == .enqueued)
          case .queue:
            #expect(second.result == .enqueued && second.jobID != first)
            #expect(try await store.state(first) == (running ? .running : .queued))
          case .cancelPrevious:
            #expect(second.result == .enqueued && second.jobID != first)
            let old = try await store.found(first)
            #expect(running ? old.cancelling : old.state == .cancelled)
          }
        }
      }
    }
  }

  @Test("a schedule waits for all that a catch-up has added, not for the last alone", arguments: Engine.all)
  func overlapOfMany(_ engine: Engine) async throws {
    try await engine.withStore { store in
      _ = try await store.add(try schedule { $0.missed = .all }, isReplacing: false, paused: nil, at: .start)
      let runs = try #require(try await run(store, since: .start + 190, at: .start + 190)).runs
      let ids = runs.compactMap(\.jobID)
      #expect(ids.count == 3)
      for (index, id) in ids.enumerated().reversed() {
        _ = try await store.cancel(id, at: .start + 200)
        let next = try #require(try await run(store, at: .start + 240 + Double(60 * (2 - index)))?.runs.first)
        #expect(next.result == (index == 0 ? .enqueued : .skipped))
      }
    }
  }

  @Test("a job with the schedule's unique key is in its way", arguments: Engine.all)
  func unique(_ engine: Engine) async throws {
    try await engine.withStore { store in
      let live = try await store.add(.command { $0.uniqueKey = "k" })
      _ = try await store.add(
        try schedule {
          $0.job.uniqueKey = "k"
          $0.overlap = .queue
        }, isReplacing: false, paused: nil, at: .start)
      let fact = try #require(try await run(store, at: .start + 60)?.runs.first)
      #expect(fact.result == .skipped && fact.jobID == live)
    }
  }

  @Test("jitter delays the job, not the due time", arguments: Engine.all)
  func jitter(_ engine: Engine) async throws {
    try await engine.withStore { store in
      _ = try await store.add(try schedule { $0.jitter = .seconds(20) }, isReplacing: false, paused: nil, at: .start)
      let id = try #require(try await run(store, random: 0.5, at: .start + 60)?.runs.first?.jobID)
      let job = try await store.found(id)
      #expect(job.state == .scheduled && job.runAt == (Moment.start + 70).wall)
    }
  }

  @Test("a pause lets due times pass unrecorded, and a resume goes on from then", arguments: Engine.all)
  func pause(_ engine: Engine) async throws {
    try await engine.withStore { store in
      _ = try await store.add(try schedule(), isReplacing: false, paused: true, at: .start)
      #expect(try await run(store, at: .start + 600) == nil)
      let timing = try schedule().timing(from: Moment.start.wall)
      let resumed = try await store.resumeSchedule("tick", timing, at: .start + 610)
      #expect(!resumed.paused && resumed.nextDue == (Moment.start + 660).wall)
      // Again it changes nothing, not even where the next due time has come.
      #expect(try await store.resumeSchedule("tick", timing, at: .start + 670) == resumed)
      _ = try await run(store, at: .start + 670)
      let paused = try await store.pauseSchedule("tick")
      #expect(paused.paused && paused.nextDue == nil && paused.lastDue == (Moment.start + 660).wall)
      #expect(try await store.pauseSchedule("tick") == paused)
      // A change keeps the pause, or takes it.
      let changed = try await store.add(
        try schedule("tick", "@every 7s"), isReplacing: true, paused: nil, at: .start + 700)
      #expect(changed.0.paused)
      let open = try await store.add(
        try schedule("tick", "@every 7s"), isReplacing: true, paused: false, at: .start + 700)
      #expect(open.0.nextDue == (Moment.start + 707).wall)
      #expect(try await store.runs(ofSchedule: "tick", limit: 10).count == 1)
    }
  }

  @Test("a run by hand adds a job at once, and later due times see it", arguments: Engine.all)
  func byHand(_ engine: Engine) async throws {
    try await engine.withStore { store in
      let stored = try await store.add(try schedule(), isReplacing: false, paused: true, at: .start).0
      let spec = try stored.definition.spec(defaults: JobDefaults())
      let first = try await store.runSchedule("tick", spec, at: .start + 10).job.id
      let second = try await store.runSchedule("tick", spec, at: .start + 10).job.id
      #expect(first != second)
      let facts = try await store.runs(ofSchedule: "tick", limit: 10)
      #expect(facts.map(\.jobID) == [second, first] && facts.allSatisfy { $0.dueAt == nil && $0.result == .enqueued })
      #expect(try await store.schedule("tick")?.revision == stored.revision)
      _ = try await store.resumeSchedule("tick", try schedule().timing(from: Moment.start.wall), at: .start + 20)
      let fact = try #require(try await run(store, at: .start + 60)?.runs.first)
      #expect(fact.result == .skipped && fact.jobID == second)
      #expect(await refusal { _ = try await store.runSchedule("no", spec, at: .start) }?.code == .noSuchSchedule("no"))
    }
  }

  @Test("the newest thousand facts are kept, and those of jobs that have not ended", arguments: Engine.all)
  func bound(_ engine: Engine) async throws {
    try await engine.withStore { store in
      _ = try await store.add(try schedule("tick", "@every 1s"), isReplacing: false, paused: nil, at: .start)
      let held = try #require(try await run(store, at: .start + 1)?.runs.first?.jobID)
      // A month down, in two pieces.
      let first = try #require(try await run(store, since: .start + 9000, at: .start + 9000))
      #expect(first.isCut && first.runs.count == 1000 && first.runs.last?.result == .skipped)
      let second = try #require(try await run(store, since: .start + 2_600_000, at: .start + 2_600_000))
      #expect(second.isCut && second.runs.count == 1000)
      let facts = try await store.runs(ofSchedule: "tick", limit: 5000)
      #expect(facts.count == 1001 && facts.last?.jobID == held)
      #expect(facts.first?.dueAt == (Moment.start + 2_600_000).wall)
      _ = try await store.cancel(held, at: .start + 2_600_000)
      #expect(try await run(store, at: .start + 2_600_001)?.runs.first?.result == .enqueued)
      #expect(try await store.runs(ofSchedule: "tick", limit: 5000).count == 1000)
      try await store.removeSchedule("tick")
      #expect(try await store.runs(ofSchedule: "tick", limit: 5000).isEmpty)
    }
  }

  @Test(
    "through random restarts, looks and changes each due time has one fact, and each fact its job",
    arguments: Engine.all)
  func randomOrder(_ engine: Engine) async throws {
    let seed = testSeed()
    var random = SplitMix(seed: seed)
    try await withDirectory { directory in
      var store = try await engine.open(directory, "boot 1")
      var added: Set<JobID> = []
      for name in ["a", "b"] {
        let overlap = OverlapPolicy.allCases.randomElement(using: &random)!
        let missed = MissedPolicy.allCases.randomElement(using: &random)!
        _ = try await store.add(
          try schedule(name, "@every 3s") {
            $0.overlap = overlap
            $0.missed = missed
          }, isReplacing: false, paused: nil, at: .start)
      }
      var now = Moment.start
      var since = now
      for _ in 0..<400 {
        let name = Bool.random(using: &random) ? "a" : "b"
        switch Int.random(in: 0..<12, using: &random) {
        case 0:
          await store.close()
          now = now + Double.random(in: 0...20, using: &random)
          since = now
          store = try await engine.open(directory, "boot 1")
        case 1: now = Moment(wall: now.wall + .milliseconds(-.random(in: 0...9000, using: &random)), boot: now.boot)
        case 2:
          // The same definition, or another job: no due time comes or goes by it.
          let old = try #require(try await store.schedule(name)).definition
          _ = try await store.add(
            TimedSchedule(old, zone: .utc), isReplacing: true, paused: nil, at: now)
        case 3:
          for attempt in try await store.claim(3, at: now) {
            _ = try await store.finish(attempt.id, attempt: attempt.attempt, .exit(0), random: 0, at: now)
          }
        default: now = now + Double.random(in: 0...4, using: &random)
        }
        since = Moment(wall: min(since.wall, now.wall), boot: 0)
        if let report = try await run(store, name, since: since, at: now) {
          for run in report.runs where run.result == .enqueued {
            #expect(added.insert(try #require(run.jobID)).inserted, "seed \(seed)")
          }
        }
      }
      #expect(try await store.overview().counts.total == added.count, "seed \(seed)")
      for name in ["a", "b"] {
        let schedule = try #require(try await store.schedule(name))
        let due = try await store.runs(ofSchedule: name, limit: 5000).compactMap(\.dueAt).reversed()
        // Every third second from the first on, without a gap and without a second one.
        let last = try #require(schedule.lastDue)
        let all = stride(from: schedule.anchor.milliseconds + 3000, through: last.milliseconds, by: 3000)
        #expect(Array(due) == all.map { Timestamp(milliseconds: $0) }, "seed \(seed)")
      }
      await store.close()
    }
  }
}
