import JobModel
import Supervisor
import Testing

@Suite("What the daemon counts")
struct ServiceCountersTests {
  private func change(
    _ queue: String, from: JobState?, to: JobState, at: Int64, outcome: Outcome? = nil, since: Int64? = nil
  ) -> JobChange {
    JobChange(
      id: JobID(1), queue: queue, from: from, to: to, attempt: 1, at: Timestamp(milliseconds: at), outcome: outcome,
      since: since.map { Timestamp(milliseconds: $0) })
  }

  @Test("arrivals, waits and runs are counted by queue, each attempt by its outcome")
  func counts() throws {
    var counters = ServiceCounters()
    counters.note([
      change("a", from: nil, to: .queued, at: 0),
      change("a", from: .queued, to: .running, at: 3000, since: 1000),
      change("a", from: .running, to: .scheduled, at: 3030, outcome: .failed, since: 3000),
      change("a", from: .queued, to: .running, at: 9000),
      change("a", from: .running, to: .failed, at: 8000, outcome: .timedOut, since: 9000),
      change("b", from: .held, to: .queued, at: 1),
    ])
    let queue = try #require(counters.queues["a"])
    #expect(counters.queues.count == 1, "what is not counted makes no series")
    #expect(queue.enqueued == 1 && queue.attempts == [.failed: 1, .timedOut: 1])
    #expect(queue.wait.count == 1 && queue.wait.sum == 2)
    #expect(queue.run.count == 2 && queue.run.sum == 0.03, "a clock that was set back measures nothing")
  }

  @Test("a thousand queues make a hundred series, and one for all others")
  func bounded() {
    var counters = ServiceCounters()
    for number in 0..<1000 { counters.note([change("q\(number)", from: nil, to: .queued, at: 0)]) }
    #expect(counters.queues.count == ServiceCounters.mostQueues + 1)
    #expect(counters.queues[ServiceCounters.others]?.enqueued == 900)
    #expect(!Limits.isQueueName(ServiceCounters.others))
  }
}
