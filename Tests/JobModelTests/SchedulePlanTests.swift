import JobModel
import SeededRandom
import Testing

@Suite("What is done about due times that have come")
struct SchedulePlanTests {
  private static let start = Timestamp(rfc3339: "2026-11-24T00:00:00Z")!
  /// `@every 1m` from `start`: due at `start` plus any number of minutes.
  private static let minutes = Schedule(try! CronExpression("@every 1m"), zone: .utc, anchor: start)  // A constant.

  private func at(_ seconds: Int64) -> Timestamp { Self.start + .seconds(seconds) }

  /// What the plan for the due times from the first minute on says, as a word for each, at `now` seconds.
  private func plan(
    _ missed: MissedPolicy, _ overlap: OverlapPolicy, isBusy: Bool = false, since: Int64 = 0, now: Int64
  ) -> (words: [String], plan: SchedulePlan) {
    let plan = SchedulePlan(
      Self.minutes, missed: missed, overlap: overlap, firstDue: at(60), since: at(since), isBusy: isBusy, now: at(now))
    let words = plan.steps.map { step in
      switch step {
      case .enqueue: "run"
      case .skip: "skip"
      case .miss: "miss"
      }
    }
    return (words, plan)
  }

  @Test("a due time that has come is run, whatever the policy for missed ones", arguments: MissedPolicy.allCases)
  func onTime(_ missed: MissedPolicy) {
    for late: Int64 in [0, 1, 59] {
      let (words, plan) = plan(missed, .skip, now: 60 + late)
      #expect(words == ["run"])
      #expect(plan.lastDue == at(60) && plan.nextDue == at(120) && !plan.isCut && !plan.cancelsPrevious)
    }
  }

  @Test("what was due before anybody looked, before a newer due time, or more than a minute ago has been missed")
  func missed() throws {
    // Down from before 1:00 until after 5:00.
    #expect(plan(.skip, .skip, since: 310, now: 310).words == ["miss", "miss", "miss", "miss", "miss"])
    #expect(plan(.once, .skip, since: 310, now: 310).words == ["miss", "miss", "miss", "miss", "run"])
    #expect(plan(.all, .skip, since: 310, now: 310).words == ["run", "run", "run", "run", "run"])
    // Asleep: it woke at 5:10, and what was due at 5:00 is on time.
    #expect(plan(.skip, .skip, now: 310).words == ["miss", "miss", "miss", "miss", "run"])
    #expect(plan(.once, .skip, now: 310).words == ["miss", "miss", "miss", "miss", "run"])
    // What is on time comes while those that were missed and are run all the same have not ended.
    #expect(plan(.all, .skip, now: 310).words == ["run", "run", "run", "run", "skip"])
    #expect(plan(.all, .queue, now: 310).words == ["run", "run", "run", "run", "run"])
    // At 2:00 the one of 1:00 is not late, but it is not the newest.
    #expect(plan(.skip, .queue, now: 120).words == ["miss", "run"])
    #expect(plan(.once, .queue, now: 120).words == ["miss", "run"])
    #expect(plan(.all, .queue, now: 120).words == ["run", "run"])
    // Late by more than a minute, without a newer one.
    let hourly = Schedule(try CronExpression("@hourly"), zone: .utc, anchor: Self.start)
    for (late, isRun) in [(60, true), (61, false)] as [(Int64, Bool)] {
      let plan = SchedulePlan(
        hourly, missed: .skip, overlap: .skip, firstDue: at(3600), since: at(0), isBusy: false, now: at(3600 + late))
      #expect(plan.steps == [isRun ? .enqueue(at(3600)) : .miss(at(3600))])
    }
    // A second of downtime is downtime, and what was due after it is not.
    #expect(plan(.skip, .skip, since: 61, now: 61).words == ["miss"])
    #expect(plan(.skip, .skip, since: 60, now: 61).words == ["run"])
  }

  @Test("while a job of the schedule's has not ended, a due time is skipped, queued, or takes its place")
  func overlap() {
    #expect(plan(.once, .skip, isBusy: true, now: 60).words == ["skip"])
    #expect(plan(.once, .queue, isBusy: true, now: 60).words == ["run"])
    #expect(plan(.once, .cancelPrevious, isBusy: true, now: 60) == (["run"], cancels: true))
    #expect(plan(.once, .cancelPrevious, now: 60) == (["run"], cancels: false))
    #expect(plan(.skip, .cancelPrevious, isBusy: true, since: 61, now: 61) == (["miss"], cancels: false))
    // Of several only the newest: the others would be cancelled at once.
    #expect(
      plan(.all, .cancelPrevious, isBusy: true, since: 200, now: 200) == (["skip", "skip", "run"], cancels: true))
    #expect(plan(.once, .skip, isBusy: true, since: 200, now: 200).words == ["miss", "miss", "skip"])
    // A job for each that was missed, said `all`.
    #expect(plan(.all, .skip, isBusy: true, since: 200, now: 200).words == ["run", "run", "run"])
  }

  @Test("of a long absence the newest thousand due times are dealt with, in no time")
  func longAbsence() throws {
    let second = Schedule(try CronExpression("@every 1s"), zone: .utc, anchor: Self.start)
    let now = Self.start + .days(10 * 365)
    let clock = ContinuousClock()
    let took = clock.measure {
      for missed in MissedPolicy.allCases {
        let plan = SchedulePlan(
          second, missed: missed, overlap: .skip, firstDue: at(1), since: now, isBusy: false, now: now)
        #expect(plan.isCut && plan.steps.count == SchedulePlan.limit)
        #expect(plan.lastDue == now && plan.nextDue == now + .seconds(1))
        #expect(plan.steps.first?.due == now + .seconds(-999))
      }
    }
    #expect(took < .seconds(5))
    // Exactly the limit is not cut, one more is.
    func isCut(_ seconds: Int64) -> (Int, Bool) {
      let plan = SchedulePlan(
        second, missed: .all, overlap: .skip, firstDue: at(1), since: at(seconds), isBusy: false, now: at(seconds))
      return (plan.steps.count, plan.isCut)
    }
    #expect(isCut(1000) == (1000, false))
    #expect(isCut(1001) == (1000, true))
    // A year of which all falls on one day.
    let newYear = Schedule(try CronExpression("* * 1 1 *"), zone: .utc, anchor: Self.start)
    let (times, cut) = newYear.dueTimes(after: Self.start, through: now, newest: 1000)
    #expect(times.count == 1000 && cut && times.last == Timestamp(rfc3339: "2036-01-01T23:59:00Z"))
  }

  @Test("the newest due times are those that a look at each in turn gives")
  func dueTimes() throws {
    let seed = testSeed()
    var random = SplitMix(seed: seed)
    let zone = try #require(TestZone.rules(footer: "CET-1CEST,M3.5.0,M10.5.0/3"))
    for text in ["*/7 * * * *", "30 2 * * *", "0 0 1 * *", "@every 13m", "0 */5 * * sun", "59 23 31 12 *"] {
      let schedule = Schedule(try CronExpression(text), zone: zone, anchor: Self.start)
      for _ in 0..<20 {
        let start = Self.start + .seconds(.random(in: -10_000_000...10_000_000, using: &random))
        let end = start + .seconds(.random(in: 0...3_000_000, using: &random))
        var all: [Timestamp] = []
        var time = start
        while let next = schedule.next(after: time), next <= end {
          all.append(next)
          time = next
        }
        let limit = Int.random(in: 1...50, using: &random)
        let (times, isCut) = schedule.dueTimes(after: start, through: end, newest: limit)
        #expect(times == Array(all.suffix(limit)) && isCut == (all.count > limit), "seed \(seed), \(text), \(limit)")
      }
    }
  }

  /// A store of one schedule in a few lines: what the tables keep, and what a restart leaves of it.
  private struct Model {
    var next: Timestamp
    var facts: [Timestamp: String] = [:]
    var order: [Timestamp] = []
    var isBusy = false

    mutating func look(
      _ schedule: Schedule, _ missed: MissedPolicy, _ overlap: OverlapPolicy, since: Timestamp, now: Timestamp
    ) -> SchedulePlan? {
      guard next <= now else { return nil }
      let plan = SchedulePlan(
        schedule, missed: missed, overlap: overlap, firstDue: next, since: since, isBusy: isBusy, now: now)
      for step in plan.steps {
        let word =
          switch step {
          case .enqueue: "run"
          case .skip: "skip"
          case .miss: "miss"
          }
        // Twice for one due time: the store's key would refuse it.
        precondition(facts.updateValue(word, forKey: step.due) == nil, "\(step.due) came twice")
        order.append(step.due)
        if word == "run" { isBusy = true }
      }
      if let following = plan.nextDue { next = following }
      return plan
    }
  }

  @Test("through random restarts and clocks that jump, each due time gets one fact, in order, and none is left out")
  func randomTimes() throws {
    let seed = testSeed()
    var random = SplitMix(seed: seed)
    let zone = try #require(TestZone.rules(footer: "CET-1CEST,M3.5.0,M10.5.0/3"))
    var looks = 0
    for round in 0..<300 {
      let text = ["*/5 * * * *", "30 2 * * *", "@hourly", "@every 90s", "0 12 * * mon-fri"].randomElement(
        using: &random)!
      let schedule = Schedule(try CronExpression(text), zone: zone, anchor: Self.start)
      let missed = MissedPolicy.allCases.randomElement(using: &random)!
      let overlap = OverlapPolicy.allCases.randomElement(using: &random)!
      var now = Self.start + .seconds(.random(in: 0...31_000_000, using: &random))
      let first = try #require(schedule.next(after: now))
      var model = Model(next: first)
      var since = now
      var latest = now
      for _ in 0..<40 {
        looks += 1
        switch Int.random(in: 0..<10, using: &random) {
        case 0:  // The daemon dies, and is back a while later.
          now = now + .seconds(.random(in: 0...200_000, using: &random))
          since = now
        case 1: now = now + .seconds(-.random(in: 0...100_000, using: &random))  // The clock is set back.
        case 2:  // Suspend, or a clock that is set forward.
          now = now + .seconds(.random(in: 0...200_000, using: &random))
        default:  // The alarm for the next due time, or one for something else.
          now = Bool.random(using: &random) ? max(now, model.next) : now + .seconds(.random(in: 0...50, using: &random))
        }
        since = min(since, now)
        latest = max(latest, now)
        if Bool.random(using: &random) { model.isBusy = false }
        let wasBusy = model.isBusy
        let plan = model.look(schedule, missed, overlap, since: since, now: now)
        #expect(model.next > now, "seed \(seed), round \(round)")
        guard let plan else { continue }
        let runs = plan.steps.filter { if case .enqueue = $0 { true } else { false } }
        let isMissed = { (step: SchedulePlan.Step) in
          step.due < since || now - step.due > SchedulePlan.tolerance || step.due < plan.lastDue
        }
        let catchUps = runs.count(where: isMissed)
        switch missed {
        case .skip: #expect(catchUps == 0, "seed \(seed), round \(round)")
        case .once: #expect(catchUps <= 1, "seed \(seed), round \(round)")
        case .all:
          if overlap != .cancelPrevious {
            #expect(catchUps == plan.steps.count(where: isMissed), "seed \(seed), round \(round)")
          }
        }
        if overlap == .skip, missed != .all { #expect(runs.count <= (wasBusy ? 0 : 1), "seed \(seed), round \(round)") }
        if overlap == .cancelPrevious { #expect(runs.count <= 1, "seed \(seed), round \(round)") }
        if overlap == .queue, !plan.steps.allSatisfy(isMissed) {
          #expect(!runs.isEmpty, "seed \(seed), round \(round)")
        }
      }
      #expect(model.order == model.order.sorted(), "seed \(seed), round \(round)")
      // By a look at each in turn: exactly the due times up to the latest that the clock has shown.
      var expected: [Timestamp] = []
      var time: Timestamp? = first
      while let due = time, due <= latest {
        expected.append(due)
        time = schedule.next(after: due)
      }
      let unrecorded = expected.count - model.order.count
      #expect(unrecorded == 0 || expected.count > SchedulePlan.limit, "seed \(seed), round \(round), \(text)")
      #expect(Set(model.order).isSubset(of: expected), "seed \(seed), round \(round), \(text)")
    }
    #expect(looks == 12_000)
  }
}

private func == (left: (words: [String], plan: SchedulePlan), right: ([String], cancels: Bool)) -> Bool {
  left.words == right.0 && left.plan.cancelsPrevious == right.cancels
}
