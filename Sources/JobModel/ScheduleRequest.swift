/// A request for a schedule, as `POST /v1/schedules` and `PUT /v1/schedules/{name}` take it and `jobq schedule add`
/// sends it. `checked` turns it into a `ScheduleDefinition` that holds no bad value.
package struct ScheduleRequest: Sendable, Hashable, Codable {
  package var name: String?
  package var cron: String?
  package var timezone: String?
  package var jitter: TimeSpan?
  package var missed: MissedPolicy?
  package var overlap: OverlapPolicy?
  /// Nil: a new schedule is not paused, and one that is there stays as it is.
  package var paused: Bool?
  package var job: JobRequest?

  package init() {}

  package enum CodingKeys: String, CodingKey, CaseIterable {
    case name, cron, timezone
    case jitter = "jitter_seconds"
    case missed, overlap, paused, job
  }

  package init(from decoder: any Decoder) throws {
    try decoder.refuseUnknownKeys(CodingKeys.self)
    let c = try decoder.container(keyedBy: CodingKeys.self)
    name = try c.decodeIfPresent(String.self, forKey: .name)
    cron = try c.decodeIfPresent(String.self, forKey: .cron)
    timezone = try c.decodeIfPresent(String.self, forKey: .timezone)
    jitter = try c.decodeIfPresent(TimeSpan.self, forKey: .jitter)
    missed = try c.decodeIfPresent(MissedPolicy.self, forKey: .missed)
    overlap = try c.decodeIfPresent(OverlapPolicy.self, forKey: .overlap)
    paused = try c.decodeIfPresent(Bool.self, forKey: .paused)
    job = try c.decodeIfPresent(JobRequest.self, forKey: .job)
  }

  /// The schedule that this request asks for; whether its zone is known, only who can read the zones can say.
  /// - Parameter name: from the path, where the request came with one; the body may leave it out, or repeat it.
  /// - Throws: the first value that cannot be; those of the job as `job.…`.
  package func checked(name given: String?, defaults: JobDefaults, submittedBy: Submitter?) throws(InvalidValue)
    -> ScheduleDefinition
  {
    guard let name = given ?? name else { throw InvalidValue("name", "is missing") }
    guard Limits.isQueueName(name) else {
      throw InvalidValue(
        "name",
        "\"\(name.printable)\" cannot be a schedule's name: 1 to 128 letters, digits and \". _ - : @\" are expected, not "
          + "beginning with \".\" or \"-\"")
    }
    guard self.name ?? name == name else {
      throw InvalidValue("name", "is \"\((self.name ?? "").printable)\", but the path says \"\(name)\"")
    }
    guard let cron else { throw InvalidValue("cron", "is missing") }
    guard let job else { throw InvalidValue("job", "is missing") }
    let expression: CronExpression
    do throws(CronError) { expression = try CronExpression(cron) } catch {
      throw InvalidValue("cron", "\"\(cron.printable)\" is no cron expression: \(error)")
    }
    do throws(InvalidValue) { try job.checkTemplate(defaults: defaults) } catch {
      throw InvalidValue("job.\(error.field)", error.message)
    }
    var definition = ScheduleDefinition(
      name: name, source: .api, expression: expression, timezone: timezone ?? ScheduleDefinition.localZone, job: job)
    definition.jitter = jitter ?? .zero
    guard definition.jitter <= ScheduleDefinition.longestJitter else {
      throw InvalidValue("jitter_seconds", "at most \(ScheduleDefinition.longestJitter) is expected")
    }
    definition.missed = missed ?? .once
    definition.overlap = overlap ?? .skip
    definition.submittedBy = submittedBy
    return definition
  }
}

extension ScheduleDefinition {
  package static let longestJitter = TimeSpan.days(1)
}
