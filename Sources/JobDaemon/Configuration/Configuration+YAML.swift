import JobModel
import JobStore
import Supervisor
package import TimeZones
import YAML

extension Configuration {
  /// Reads the text of a configuration file. It looks at no clock, and at no file but those of the zones that
  /// schedules name.
  /// - Parameters:
  ///   - file: its path, for complaints.
  ///   - cores: see `init(cores:)`.
  /// - Throws: everything that is wrong at once, where the text is YAML at all.
  package init(yaml: String, file: String, cores: Int, zones: TimeZoneFile = TimeZoneFile()) throws(ConfigurationError)
  {
    self.init(cores: cores)
    let root: Node?
    do throws(YAMLError) { root = try Node.document(of: yaml) } catch {
      throw ConfigurationError(file: file, [Complaint(error, yaml)])
    }
    guard let root else { return }
    let complaints = Section.Complaints()
    if var section = Section(root, line: 1, path: "", complaints) {
      read(&section, zones)
      section.refuseUnknown()
    }
    guard complaints.all.isEmpty else { throw ConfigurationError(file: file, complaints.all) }
  }

  private mutating func read(_ root: inout Section, _ zones: TimeZoneFile) {
    root.read("workers", .integer(in: 1...10_000), into: &supervisor.workers)
    root.read("shutdown_grace", .span(upTo: .days(1)), into: &supervisor.shutdownGrace)
    root.read("log_level", .choice, into: &logLevel)
    root.section("socket") { socket, _ in
      socket.read("path", .socketPath, into: &self.socket.path)
      socket.read("mode", .mode, into: &self.socket.mode)
      socket.read("group", .line("a group's name"), into: &self.socket.group)
    }
    root.section("defaults") { defaults, _ in readDefaults(&defaults) }
    // Before the queues, whose own rules go over these.
    root.section("retention") { retention, _ in readRetention(&retention) }
    root.section("queues") { queues, _ in
      queues.sections(.queueName) { name, queue, _ in readQueue(name, &queue) }
    }
    root.section("schedules") { schedules, _ in
      schedules.sections(.scheduleName) { name, schedule, line in
        readSchedule(name, &schedule, line: line, zones: zones)
      }
    }
    root.section("hooks") { hooks, _ in
      for outcome in Outcome.allCases {
        hooks.read(outcome.rawValue, .command, into: &supervisor.hooks.commands[outcome])
      }
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
    var limits = QueueLimits()
    section.read("priority", .integer(in: Limits.priority), into: &limits.priority)
    section.read("concurrency", .integer(in: QueueLimits.concurrencies), into: &limits.concurrency)
    section.read("rate", .rate, into: &limits.rate)
    section.section("hooks") { hooks, _ in readHooks(of: name, &hooks) }
    section.section("retention") { retention, _ in readRetention(of: name, &retention) }
    section.section("per_key") { perKey, line in
      let label = perKey.required("label", .labelKey, line: line)
      let concurrency = perKey.required("concurrency", .integer(in: QueueLimits.concurrencies), line: line)
      if let label, let concurrency { limits.perKey = KeyLimit(label: label, concurrency: concurrency) }
    }
    if limits != QueueLimits() { supervisor.queueLimits[name] = limits }
  }

  /// Over those for all queues; "none" is a word of its own here.
  private mutating func readHooks(of queue: String, _ section: inout Section) {
    for outcome in Outcome.allCases {
      section.read(
        outcome.rawValue, .none("none", or: .command), into: &supervisor.hooks.queues[queue, default: [:]][outcome])
    }
  }

  private mutating func readRetention(_ section: inout Section) {
    Self.readRetention(&section, &supervisor.retention, logs: &supervisor.logRetention)
  }

  /// What a queue's own rules leave open is as for all; its `max_jobs` counts its own jobs.
  private mutating func readRetention(of queue: String, _ section: inout Section) {
    var policy = supervisor.retention
    (policy.maxJobs, policy.queues) = (nil, [:])
    var logs = supervisor.logRetention
    Self.readRetention(&section, &policy, logs: &logs)
    supervisor.retention.queues[queue] = policy
    if logs != supervisor.logRetention { supervisor.queueLogRetention.updateValue(logs, forKey: queue) }
  }

  private static func readRetention(_ section: inout Section, _ policy: inout RetentionPolicy, logs: inout TimeSpan?) {
    section.read("succeeded", .none("forever", or: .span()), into: &policy.succeeded)
    section.read("failed", .none("forever", or: .span()), into: &policy.failed)
    section.read("cancelled", .none("forever", or: .span()), into: &policy.cancelled)
    section.read("logs", .none("forever", or: .span()), into: &logs)
    section.read("max_jobs", .none("unlimited", or: .integer(in: 1...1_000_000_000)), into: &policy.maxJobs)
  }
}
