import JobModel
import Testing

@testable import JobCommands

@Suite("Exit codes")
struct JobEndingTests {
  private func job(_ state: JobState, _ outcome: Outcome? = nil, code: Int? = nil, signal: Int? = nil) -> Job {
    var job = Job(
      id: JobID(1), state: state, queue: "default", priority: 0, createdAt: Timestamp(milliseconds: 0), attempt: 1,
      maxAttempts: 1, killGrace: .seconds(10), backoff: .standard, onInterrupt: .retry, splitOutput: false,
      cancelling: false)
    (job.outcome, job.exitCode, job.signal) = (outcome, code, signal)
    return job
  }

  @Test("what waits exits as the job did")
  func statuses() {
    #expect(job(.succeeded, .succeeded, code: 0).exitStatus == 0)
    #expect(job(.failed, .failed, code: 42).exitStatus == 42)
    #expect(job(.failed, .signaled, signal: 15).exitStatus == 143)
    #expect(job(.failed, .timedOut, signal: 15).exitStatus == 124)
    #expect(job(.failed, .oomKilled, signal: 9).exitStatus == 137)
    #expect(job(.failed, .spawnFailed, code: 127).exitStatus == 127)
    #expect(job(.failed, .spawnFailed, code: 126).exitStatus == 126)
    #expect(job(.failed, .interrupted).exitStatus == 125)
    // One that a dependency or a person ended between two attempts keeps the earlier attempt's outcome.
    #expect(job(.cancelled, .failed, code: 3).exitStatus == 125)
    #expect(job(.cancelled).exitStatus == 125)
    for state in BulkVerb.cancel.states { #expect(job(state, .failed, code: 3).exitStatus == nil) }
  }

  @Test("what was not well is said in words")
  func words() {
    #expect(job(.succeeded, .succeeded, code: 0).ending == nil)
    #expect(job(.running).ending == nil)
    #expect(job(.failed, .failed, code: 3).ending == "failed: exit code 3")
    #expect(job(.failed, .timedOut).ending?.contains("timeout") == true)
    #expect(job(.failed, .signaled, signal: 9).ending == "failed: signal 9 ended it")
    var cancelled = job(.cancelled)
    cancelled.error = "job 3 failed\u{7}"
    #expect(cancelled.ending == #"was cancelled: job 3 failed\u{7}"#)
  }
}
