import JobModel
import JobStore
import Supervisor
import Testing
import TimeZones

@testable import JobDaemon

@Suite("Schedules in jobq.yaml")
struct ScheduleConfigurationTests {
  private func read(_ yaml: String, zones: TimeZoneFile = TimeZoneFile()) throws(ConfigurationError) -> Configuration {
    try Configuration(yaml: yaml, file: "f", cores: 3, zones: zones)
  }

  private func complaints(_ yaml: String, zones: TimeZoneFile = TimeZoneFile()) -> [String] {
    do throws(ConfigurationError) {
      _ = try read(yaml, zones: zones)
      return []
    } catch {
      return error.description.split(separator: "\n").map(String.init)
    }
  }

  @Test("a schedule has its own keys and those of its job")
  func all() throws {
    let configuration = try read(
      """
      defaults: {backoff: {base: 9s}}
      schedules:
        nightly: {cron: "15 3 * * *", timezone: Europe/Berlin, missed: all, overlap: cancel-previous, command: [backup, --all]}
        other:
          cron: "@every 90s"
          jitter: 10s
          command: [sh, -c, "true"]
          queue: slow
          name: the other
          labels: {a: b}
          priority: -5
          cwd: /tmp
          env: {K: "1"}
          umask: "077"
          timeout: 1h
          kill_grace: 1s
          retries: 3
          backoff: {kind: fixed}
          retry_on: 1,75
          no_retry_on: "2"
          on_interrupt: hold
          unique_key: k
          split_output: true
      """)
    let schedules = configuration.supervisor.schedules.sorted { $0.definition.name < $1.definition.name }
    let nightly = try #require(schedules.first)
    #expect(nightly.zone.name == "Europe/Berlin")
    #expect(nightly.definition.expression.description == "15 3 * * *" && nightly.definition.source == .file)
    #expect(nightly.definition.missed == .all && nightly.definition.overlap == .cancelPrevious)
    var job = JobRequest()
    job.command = ["backup", "--all"]
    #expect(nightly.definition.job == job)
    let other = try #require(schedules.last).definition
    #expect(other.timezone == "local" && other.jitter == .seconds(10))
    #expect(other.missed == .once && other.overlap == .skip)
    let spec = try other.spec(defaults: configuration.supervisor.defaults)
    #expect(spec.queue == "slow" && spec.name == "the other" && spec.labels == ["a": "b"] && spec.priority == -5)
    #expect(spec.cwd == "/tmp" && spec.env["K"] == "1" && spec.umask == 0o077 && spec.timeout == .hours(1))
    #expect(spec.killGrace == .seconds(1) && spec.retries == 3 && spec.onInterrupt == .hold && spec.splitOutput)
    #expect(spec.backoff == Backoff(kind: .fixed, base: .seconds(9), max: .minutes(10), jitter: 0.2))
    #expect(spec.retryOn?.description == "1,75" && spec.noRetryOn?.description == "2" && spec.uniqueKey == "k")
  }

  @Test(
    "what cannot be is refused with its line and key",
    arguments: [
      ("schedules: {n: {cron: '@daily', missed: yes}}", "f:1: schedules.n.command: is missing"),
      (
        "schedules: {n: {cron: '@daily', missed: yes, command: [x]}}",
        "f:1: schedules.n.missed: \"skip\", \"once\" or \"all\" is expected, not \"yes\""
      ),
      ("schedules: {n: {command: [x]}}", "f:1: schedules.n.cron: is missing"),
      (
        "schedules:\n  n:\n    cron: 0 0 31 2 *\n    command: [x]",
        "f:3: schedules.n.cron: a cron expression such as \"15 3 * * *\" or @daily is expected, not \"0 0 31 2 *\": "
      ),
      (
        "schedules:\n  n:\n    cron: '@daily'\n    timezone: Mars/Base\n    command: [x]",
        "f:4: schedules.n.timezone: the time zone \"Mars/Base\" cannot be read from /usr/share/zoneinfo/Mars/Base"
      ),
      ("schedules: {n: {cron: '@daily', command: [x], jitter: 2d}}", "f:1: schedules.n.jitter: a duration "),
      (
        "schedules: {n: {cron: '@daily', command: [x], cwd: tmp}}", "f:1: schedules.n.cwd: an absolute path is expected"
      ),
      ("schedules: {n: {cron: '@daily', command: [x], env: [K]}}", "f:1: schedules.n.env: a mapping of variables "),
      ("schedules: {n: {cron: '@daily', command: [x], delay: 1s}}", "f:1: schedules.n.delay: unknown key; "),
      ("schedules: {-n: {cron: '@daily', command: [x]}}", "f:1: schedules.-n: a schedule's name "),
      (
        "schedules: {n: {cron: '@daily', command: [x]}, n: {cron: '@daily', command: [x]}}",
        "f:1: n: stands more than once"
      ),
    ])
  func refusals(yaml: String, complaint: String) {
    #expect(complaints(yaml).first?.hasPrefix(complaint) == true, "\(complaints(yaml))")
  }

  @Test("where the host has no zones, the package that brings them is named")
  func noZones() {
    let said = complaints(
      "schedules: {n: {cron: '@daily', timezone: Europe/Berlin, command: [x]}}",
      zones: TimeZoneFile(directory: "/nonexistent", local: "/nonexistent"))
    #expect(said.count == 1 && said[0].contains("schedules.n.timezone") && said[0].contains("tzdata"), "\(said)")
    let utc = "schedules: {n: {cron: '@daily', timezone: UTC, command: [x]}, m: {cron: '@daily', command: [x]}}"
    #expect(complaints(utc, zones: TimeZoneFile(directory: "/nonexistent", local: "/nonexistent")) == [])
  }
}
