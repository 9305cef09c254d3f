import JobModel
import JobStore
import Supervisor
import TimeZones

/// One of `schedules`: when it is due, and the job, whose keys stand beside the schedule's own.
extension Configuration {
  mutating func readSchedule(_ name: String, _ section: inout Section, line: Int, zones: TimeZoneFile) {
    let cron = section.required("cron", .cron, line: line)
    let command = section.required("command", .command, line: line)
    let timezone = section.value("timezone", .line("a time zone such as Europe/Berlin"))
    var job = readJob(&section)
    job.command = command
    let jitter = section.value("jitter", .span(upTo: ScheduleDefinition.longestJitter))
    let missed = section.value("missed", Reading<MissedPolicy>.choice)
    let overlap = section.value("overlap", Reading<OverlapPolicy>.choice)
    guard let cron, command != nil else { return }
    var definition = ScheduleDefinition(
      name: name, source: .file, expression: cron, timezone: timezone ?? ScheduleDefinition.localZone, job: job)
    definition.jitter = jitter ?? definition.jitter
    definition.missed = missed ?? definition.missed
    definition.overlap = overlap ?? definition.overlap
    do throws(InvalidValue) { try job.checkTemplate(defaults: supervisor.defaults) } catch {
      return section.complain(of: error.field.replacing("_seconds", with: ""), error.message)
    }
    let zone: TimeZoneRules
    do throws(TimeZoneError) { zone = try zones.rules(of: definition.timezone) } catch {
      return section.complain(of: "timezone", "\(error)")
    }
    let schedule = TimedSchedule(definition, zone: zone)
    let epoch = Timestamp(milliseconds: 0)
    guard schedule.timing(from: epoch).next(after: epoch) != nil else {
      return section.complain(of: "cron", "\"\(definition.expression)\" is never due in \(definition.timezone)")
    }
    supervisor.schedules.append(schedule)
  }

  /// The keys of the job, but for its command: those of a request, without `_seconds`.
  private func readJob(_ section: inout Section) -> JobRequest {
    var job = JobRequest()
    section.read("queue", .queueName, into: &job.queue)
    section.read("name", .line("a line of text"), into: &job.name)
    section.read("labels", .words(from: "labels"), into: &job.labels)
    section.read("priority", .integer(in: Limits.priority), into: &job.priority)
    section.read("cwd", .line("an absolute path"), into: &job.cwd)
    section.read("env", .words(from: "variables"), into: &job.env)
    section.read("umask", .line("octal digits from \"000\" to \"777\""), into: &job.umask)
    section.read("timeout", .span(isZeroAllowed: false), into: &job.timeout)
    section.read("kill_grace", .span(upTo: .hours(24)), into: &job.killGrace)
    section.read("retries", .integer(in: Limits.retries), into: &job.retries)
    section.section("backoff") { backoff, _ in job.backoff = readBackoff(&backoff) }
    section.read("retry_on", .exitCodes, into: &job.retryOn)
    section.read("no_retry_on", .exitCodes, into: &job.noRetryOn)
    section.read("on_interrupt", .choice, into: &job.onInterrupt)
    section.read("unique_key", .line("a line of text"), into: &job.uniqueKey)
    section.read("split_output", .flag, into: &job.splitOutput)
    return job
  }

  /// What it leaves out is as in `defaults`.
  private func readBackoff(_ section: inout Section) -> Backoff {
    var backoff = supervisor.defaults.backoff
    section.read("kind", .choice, into: &backoff.kind)
    section.read("base", .span(), into: &backoff.base)
    section.read("max", .span(), into: &backoff.max)
    section.read("jitter", .number(in: 0...1), into: &backoff.jitter)
    return backoff
  }
}
