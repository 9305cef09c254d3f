import JobModel
import JobStore
import Supervisor
import YAML

extension Configuration {
  /// Reads the text of a configuration file. Pure: it looks at no file and no clock.
  /// - Parameters:
  ///   - file: its path, for complaints.
  ///   - cores: see `init(cores:)`.
  /// - Throws: everything that is wrong at once, where the text is YAML at all.
  package init(yaml: String, file: String, cores: Int) throws(ConfigurationError) {
    self.init(cores: cores)
    let root: Node?
    do throws(YAMLError) { root = try Node.document(of: yaml) } catch {
      throw ConfigurationError(file: file, [Complaint(error, yaml)])
    }
    guard let root else { return }
    let complaints = Section.Complaints()
    if var section = Section(root, line: 1, path: "", pattern: "", complaints) {
      read(&section)
      section.refuseUnknown()
    }
    guard complaints.all.isEmpty else { throw ConfigurationError(file: file, complaints.all) }
  }

  private mutating func read(_ root: inout Section) {
    root.read("workers", .integer(in: 1...10_000), into: &supervisor.workers)
    root.read("shutdown_grace", .span(upTo: .days(1)), into: &supervisor.shutdownGrace)
    root.section("socket") { socket, _ in
      socket.read("path", .socketPath, into: &self.socket.path)
      socket.read("mode", .mode, into: &self.socket.mode)
      socket.read("group", .line("a group's name"), into: &self.socket.group)
    }
    root.section("defaults") { defaults, _ in readDefaults(&defaults) }
    root.section("queues") { queues, _ in
      queues.sections(.queueName) { name, queue, _ in readQueue(name, &queue) }
    }
    root.section("schedules") { schedules, _ in
      schedules.sections(.queueName) { name, schedule, line in readSchedule(name, &schedule, line: line) }
    }
    root.section("retention") { retention, _ in readRetention(&retention) }
    root.section("hooks") { hooks, _ in
      for outcome in Outcome.allCases { hooks.read(outcome.rawValue, .command, into: &self.hooks[outcome]) }
    }
  }

  private mutating func readDefaults(_ section: inout Section) {
    section.read("queue", .queueName, into: &supervisor.defaults.queue)
    section.read("timeout", .none("none", or: .span(isZeroAllowed: false)), into: &supervisor.defaults.timeout)
    section.read("kill_grace", .span(upTo: .hours(24)), into: &supervisor.defaults.killGrace)
    section.read("retries", .integer(in: Limits.retries), into: &supervisor.defaults.retries)
    section.section("backoff") { backoff, _ in
      backoff.read("kind", .choice, into: &supervisor.defaults.backoff.kind)
      backoff.read("base", .span(), into: &supervisor.defaults.backoff.base)
      backoff.read("max", .span(), into: &supervisor.defaults.backoff.max)
      backoff.read("jitter", .number(in: 0...1), into: &supervisor.defaults.backoff.jitter)
    }
    // Under 4 KiB the marker line between head and tail would be a good part of the log.
    section.read("log_max", .size(in: 4096...1 << 40), into: &supervisor.logMax)
  }

  private mutating func readQueue(_ name: String, _ section: inout Section) {
    section.read("concurrency", .integer(in: 1...100_000), into: &supervisor.queueLimits[name])
    section.read("rate", .rate, into: &rates[name])
    section.section("per_key") { perKey, line in
      let label = perKey.required("label", .labelKey, line: line)
      let concurrency = perKey.required("concurrency", .integer(in: 1...100_000), line: line)
      if let label, let concurrency { keyLimits[name] = KeyLimit(label: label, concurrency: concurrency) }
    }
  }

  private mutating func readSchedule(_ name: String, _ section: inout Section, line: Int) {
    let cron = section.required("cron", .cron, line: line)
    let command = section.required("command", .command, line: line)
    let timezone = section.value("timezone", .line("a time zone such as Europe/Berlin"))
    let missed = section.value("missed", .choice) ?? ScheduleSettings.Missed.once
    let overlap = section.value("overlap", .choice) ?? ScheduleSettings.Overlap.skip
    let queue = section.value("queue", .queueName)
    guard let cron, let command else { return }
    schedules[name] = ScheduleSettings(
      cron: cron, timezone: timezone, missed: missed, overlap: overlap, queue: queue, command: command)
  }

  private mutating func readRetention(_ section: inout Section) {
    section.read("succeeded", .none("forever", or: .span()), into: &supervisor.retention.succeeded)
    section.read("failed", .none("forever", or: .span()), into: &supervisor.retention.failed)
    section.read("cancelled", .none("forever", or: .span()), into: &supervisor.retention.cancelled)
    section.read("logs", .none("forever", or: .span()), into: &supervisor.logRetention)
    section.read(
      "max_jobs", .none("unlimited", or: .integer(in: 1...1_000_000_000)), into: &supervisor.retention.maxJobs)
  }
}
