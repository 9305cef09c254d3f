import JobModel
import Testing

@Suite("Requests for schedules")
struct ScheduleRequestTests {
  private func refused(_ change: (inout ScheduleRequest) -> Void, name: String? = nil) -> InvalidValue? {
    var request = ScheduleRequest()
    request.name = "nightly"
    request.cron = "15 3 * * *"
    request.job = JobRequest()
    request.job?.command = ["backup"]
    change(&request)
    do throws(InvalidValue) {
      _ = try request.checked(name: name, defaults: JobDefaults(), submittedBy: nil)
      return nil
    } catch {
      return error
    }
  }

  @Test("each value that cannot be is refused by its name")
  func refusals() {
    #expect(refused { _ in } == nil)
    #expect(refused({ _ in }, name: "nightly") == nil)
    #expect(refused({ _ in }, name: "weekly")?.description == "name: is \"nightly\", but the path says \"weekly\"")
    #expect(refused { $0.name = nil }?.description == "name: is missing")
    #expect(refused { $0.name = "a b" }?.field == "name")
    #expect(refused { $0.cron = nil }?.description == "cron: is missing")
    #expect(refused { $0.job = nil }?.description == "job: is missing")
    #expect(
      refused { $0.cron = "0 0 31 2 *" }?.description
        == "cron: \"0 0 31 2 *\" is no cron expression: day of month: it never comes: month 2 has no day 31")
    #expect(refused { $0.jitter = .hours(25) }?.description == "jitter_seconds: at most 1d is expected")
    #expect(refused { $0.job?.command = nil }?.description == "job.command: a job needs a command or a payload")
    #expect(refused { $0.job?.priority = 5000 }?.field == "job.priority")
    #expect(refused { $0.job?.runAt = Timestamp(milliseconds: 0) }?.field == "job.run_at")
    #expect(refused { $0.job?.delay = .seconds(1) }?.field == "job.delay_seconds")
    #expect(refused { $0.job?.after = [JobID(1)] }?.field == "job.after")
    #expect(refused { $0.job?.afterAny = [JobID(1)] }?.field == "job.after_any")
    #expect(refused { $0.job?.requestID = "x" }?.field == "job.request_id")
  }

  @Test("a job of a schedule has the schedule's name, unless it has one of its own, and the defaults of its time")
  func specs() throws {
    var definition = ScheduleDefinition(
      name: "nightly", source: .api, expression: try CronExpression("@daily"), job: JobRequest())
    definition.job.command = ["backup"]
    definition.submittedBy = Submitter(uid: 7, pid: 8)
    var defaults = JobDefaults()
    defaults.queue = "slow"
    defaults.retries = 3
    let spec = try definition.spec(defaults: defaults)
    #expect(spec.name == "nightly" && spec.queue == "slow" && spec.retries == 3)
    #expect(spec.submittedBy == Submitter(uid: 7, pid: 8))
    definition.job.name = "the backup"
    #expect(try definition.spec(defaults: defaults).name == "the backup")
  }

  @Test("what is shown of the job hides its standard input from all, and its environment's values from others")
  func masks() {
    let job = JSONValue.object([
      "command": .array([.string("x")]), "stdin": .string("s"), "env": .object(["K": .string("V")]),
    ])
    let submitter = Submitter(uid: 7, pid: 8)
    let owner = JSONValue.object(["command": .array([.string("x")]), "env": .object(["K": .string("V")])])
    let other = JSONValue.object(["command": .array([.string("x")]), "env": .object(["K": .null])])
    #expect(job.asTemplate(of: submitter, visibleTo: 7) == owner)
    #expect(job.asTemplate(of: submitter, visibleTo: 0) == owner)
    #expect(job.asTemplate(of: submitter, visibleTo: 8) == other)
    #expect(job.asTemplate(of: submitter, visibleTo: nil) == other)
    #expect(job.asTemplate(of: nil, visibleTo: 7) == other)
  }
}
