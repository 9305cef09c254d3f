import JobModel
import Testing

@Suite("Rates and limits") struct RateTests {
  @Test("a rate is a count for a second, minute, hour or day")
  func reading() {
    #expect(Rate("30/m")?.period == .minutes(1))
    #expect(Rate("1/d")?.description == "1/d")
    for bad in ["", "30", "0/m", "-1/m", "+1/m", "30/", "/m", "30/min", "30/m/s", "1000001/s", "3 /m", "30/2m"] {
      #expect(Rate(bad) == nil, "\(bad)")
    }
  }

  @Test("starts are evenly spaced, the first at once, and what was not used is not saved up")
  func even() throws {
    let rate = try #require(Rate("30/m"))
    var pace = Pace(rate, next: nil, now: 5_000_000_000)
    #expect(pace.wait == .zero)
    pace.start()
    #expect(pace.wait == .seconds(2))
    // An hour later one may start, not 1,800.
    pace = Pace(rate, next: 7_000_000_000, now: 3_600_000_000_000)
    #expect(pace.wait == .zero)
    pace.start()
    #expect(pace.wait == .seconds(2))
  }

  @Test("a clock that was set back, or a rate that was raised, is waited for no longer than between two starts")
  func clockSetBack() throws {
    let pace = Pace(try #require(Rate("30/m")), next: 86_400_000_000_000, now: 0)
    #expect(pace.wait <= .seconds(2) + .milliseconds(1))
  }

  @Test(
    "at full use a rate is met to a thousandth or so and never passed",
    arguments: ["7/s", "3000/s", "700000/s", "1000000/s", "90/m"])
  func fullUse(text: String) throws {
    let rate = try #require(Rate(text))
    var (now, next, starts): (Int64, Int64?, Int) = (0, nil, 0)
    let end = rate.period.milliseconds * 10
    while now < end {
      var pace = Pace(rate, next: next, now: now * 1_000_000)
      while pace.wait == .zero {
        pace.start()
        starts += 1
      }
      next = now * 1_000_000 + pace.remaining
      now += pace.wait.milliseconds
    }
    let most = rate.count * 10
    #expect(starts <= most + 1 && starts >= most - most / 500 - 1, "\(starts)")
  }

  @Test("a limit for each key is a label and a number")
  func keys() {
    #expect(KeyLimit("customer=2") == KeyLimit(label: "customer", concurrency: 2))
    for bad in ["", "customer", "=1", "customer=", "customer=0", "customer=-1", "customer=100001", "a b=1", "x=1=y"] {
      #expect(KeyLimit(bad) == nil, "\(bad)")
    }
  }

  @Test("what the file says of a queue goes before what was set, key by key")
  func merge() {
    let file = QueueLimits(concurrency: 2, priority: 5)
    let live = QueueLimits(concurrency: 9, rate: Rate("1/s"))
    #expect(file.over(live) == QueueLimits(concurrency: 2, rate: Rate("1/s"), priority: 5))
    #expect(
      QueuePatch(concurrency: .some(nil), rate: .some(Rate("2/s"))).applied(to: live) == QueueLimits(rate: Rate("2/s")))
  }

  @Test("a patch that cannot be is refused by the name of what is wrong")
  func badPatches() {
    func field(_ patch: QueuePatch) -> String? {
      do throws(InvalidValue) { try patch.check() } catch { return error.field }
      return nil
    }
    #expect(field(QueuePatch(concurrency: .some(0))) == "concurrency")
    #expect(field(QueuePatch(perKey: .some(KeyLimit(label: "", concurrency: 1)))) == "per_key.label")
    #expect(field(QueuePatch(perKey: .some(KeyLimit(label: "a", concurrency: 0)))) == "per_key.concurrency")
    #expect(field(QueuePatch(priority: .some(1001))) == "priority")
    #expect(field(QueuePatch(pause: PauseRequest(reason: "why"))) == "reason")
    #expect(field(QueuePatch(paused: false, pause: PauseRequest(span: .seconds(1)))) == "for_seconds")
    #expect(field(QueuePatch(paused: true, pause: PauseRequest(span: .zero))) == "for_seconds")
    #expect(field(QueuePatch(paused: true, pause: PauseRequest(reason: "a\nb"))) == "reason")
    #expect(field(QueuePatch(paused: true, priority: .some(nil), pause: PauseRequest(reason: "why"))) == nil)
  }
}
