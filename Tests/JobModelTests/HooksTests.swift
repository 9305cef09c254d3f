import JobModel
import Testing

@Suite("Which hook is told of the end of a job")
struct HooksTests {
  private func end(_ state: JobState, _ last: Outcome?, in queue: String = "q") -> JobEnd {
    JobEnd(queue: queue, state: state, last: last)!
  }

  @Test("only an end is told, by the outcome of the last attempt; a cancelled job is cancelled however it ran")
  func ends() {
    for state in JobState.allCases where !state.hasEnded {
      #expect(JobEnd(queue: "q", state: state, last: .failed) == nil)
    }
    #expect(end(.failed, .timedOut).outcome == .timedOut)
    #expect(end(.failed, .interrupted).outcome == .interrupted)
    #expect(end(.succeeded, .succeeded).outcome == .succeeded)
    for last in [nil, Outcome.failed, .succeeded, .cancelled] { #expect(end(.cancelled, last).outcome == .cancelled) }
  }

  @Test("the hook of failed stands in for every outcome that failed the job and has none of its own")
  func standIn() {
    let hooks = Hooks([.failed: ["page"], .oomKilled: ["buy"]])
    for outcome in Outcome.allCases {
      #expect(hooks.command(for: end(.failed, outcome)) == (outcome == .oomKilled ? ["buy"] : ["page"]))
    }
    #expect(hooks.command(for: end(.succeeded, .succeeded)) == nil)
    #expect(hooks.command(for: end(.cancelled, .failed)) == nil)
    #expect(Hooks([.timedOut: ["slow"]]).command(for: end(.failed, .failed)) == nil)
  }

  @Test("a queue's hooks win, outcome by outcome, and it may want none")
  func queues() {
    let hooks = Hooks(
      [.failed: ["page"], .succeeded: ["cheer"]],
      queues: ["mail": [.failed: ["mend"]], "night": [.failed: nil, .timedOut: ["slow"]]])
    #expect(hooks.command(for: end(.failed, .signaled, in: "mail")) == ["mend"])
    #expect(hooks.command(for: end(.succeeded, .succeeded, in: "mail")) == ["cheer"])
    #expect(hooks.command(for: end(.failed, .failed, in: "night")) == nil)
    #expect(hooks.command(for: end(.failed, .signaled, in: "night")) == nil)
    #expect(hooks.command(for: end(.failed, .timedOut, in: "night")) == ["slow"])
    #expect(hooks.command(for: end(.failed, .failed)) == ["page"])
  }

  @Test("hooks that name no command are none")
  func empty() {
    #expect(Hooks().isEmpty && Hooks(queues: ["a": [:], "b": [.failed: nil]]).isEmpty)
    #expect(!Hooks([.failed: ["x"]]).isEmpty && !Hooks(queues: ["a": [.failed: ["x"]]]).isEmpty)
  }
}
