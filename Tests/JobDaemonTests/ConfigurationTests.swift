import JobModel
import JobStore
import Logging
import Supervisor
import Testing

@testable import JobDaemon

@Suite("jobq.yaml")
struct ConfigurationTests {
  private func read(_ yaml: String) throws(ConfigurationError) -> Configuration {
    try Configuration(yaml: yaml, file: "f", cores: 3)
  }

  /// The complaints about a text, as a person reads them; empty where it is taken.
  private func complaints(_ yaml: String) -> [String] {
    do throws(ConfigurationError) {
      _ = try read(yaml)
      return []
    } catch {
      return error.description.split(separator: "\n").map(String.init)
    }
  }

  @Test(
    "a file that says nothing gives the built-in values",
    arguments: ["", "\n\n", "# all of it\n", "---\n", "~\n", "{}"])
  func empty(yaml: String) throws {
    let configuration = try read(yaml)
    #expect(configuration == Configuration(cores: 3))
    #expect(configuration.supervisor.workers == 3)
    #expect(configuration.supervisor.shutdownGrace == .seconds(30))
    #expect(configuration.supervisor.logMax == 16 << 20)
    #expect(configuration.socket == SocketSettings())
  }

  @Test("every supported key of the manual reaches its value")
  func supported() throws {
    let configuration = try read(
      """
      workers: 4
      shutdown_grace: 90
      socket: {path: /run/jobq/other.sock, mode: "0666", group: people}
      defaults:
        queue: work
        timeout: 1h
        kill_grace: 250ms
        retries: 3
        backoff: {kind: linear, base: 1s, max: 2m, jitter: 0.5}
        log_max: 64KiB
      queues:
        default: {concurrency: 4}
        mail:
          concurrency: 2
          rate: 30/m
          priority: -5
          per_key: {label: customer, concurrency: 1}
          retention: {failed: 2d, logs: forever, max_jobs: 500}
        bulk: {retention: {succeeded: forever}}
      retention: {succeeded: 1d, failed: forever, cancelled: 0, logs: 12h, max_jobs: unlimited}
      """)
    var expected = SupervisorConfiguration(workers: 4, shutdownGrace: .seconds(90))
    expected.defaults.queue = "work"
    expected.defaults.timeout = .hours(1)
    expected.defaults.killGrace = .milliseconds(250)
    expected.defaults.retries = 3
    expected.defaults.backoff = Backoff(kind: .linear, base: .seconds(1), max: .minutes(2), jitter: 0.5)
    expected.logMax = 64 << 10
    expected.queueLimits = [
      "default": QueueLimits(concurrency: 4),
      "mail": QueueLimits(
        concurrency: 2, rate: Rate("30/m"), perKey: KeyLimit(label: "customer", concurrency: 1), priority: -5),
    ]
    expected.retention = RetentionPolicy(succeeded: .days(1), failed: nil, cancelled: .zero, maxJobs: nil)
    expected.retention.queues["mail"] = RetentionPolicy(
      succeeded: .days(1), failed: .days(2), cancelled: .zero, maxJobs: 500)
    expected.retention.queues["bulk"] = RetentionPolicy(succeeded: nil, failed: nil, cancelled: .zero, maxJobs: nil)
    expected.logRetention = .hours(12)
    expected.queueLogRetention = ["mail": nil]
    #expect(configuration.supervisor == expected)
    #expect(configuration.socket.path == "/run/jobq/other.sock")
    #expect(configuration.socket.mode == 0o666)
    #expect(configuration.socket.group == "people")
  }

  @Test("a section that is there without keys, as one whose keys are commented out, says nothing")
  func emptySections() throws {
    let yaml = "socket:\ndefaults:\n  backoff:\nqueues:\n  mail:\nretention:\nschedules:\nhooks:\n"
    #expect(try read(yaml) == Configuration(cores: 3))
  }

  @Test(
    "a bad value is refused with its line, its key, what is expected and what stands there",
    arguments: [
      ("\nworkers: two", "f:2: workers: a whole number from 1 to 10000 is expected, not \"two\""),
      ("workers: 0", "f:1: workers: a whole number from 1 to 10000 is expected, not \"0\""),
      ("workers: 1.5", "f:1: workers: a whole number from 1 to 10000 is expected, not \"1.5\""),
      ("workers:", "f:1: workers: a whole number from 1 to 10000 is expected, not nothing"),
      ("workers: [1]", "f:1: workers: a whole number from 1 to 10000 is expected, not a list"),
      (
        "shutdown_grace: 2d",
        "f:1: shutdown_grace: a duration (30s, 5m, 2h, 1d or a number of seconds) of at most 1d is expected, not \"2d\""
      ),
      ("socket: {mode: \"888\"}", "f:1: socket.mode: a mode from \"000\" to \"777\" is expected, not \"888\""),
      ("socket: {mode: 7777}", "f:1: socket.mode: a mode from \"000\" to \"777\" is expected, not \"7777\""),
      ("socket:\n  path: x", "f:2: socket.path: an absolute path of at most 107 bytes is expected, not \"x\""),
      ("socket: /run/x", "f:1: socket: keys with values are expected, not \"/run/x\""),
      (
        "defaults:\n  log_max: 1MB",
        "f:2: defaults.log_max: a size (16MiB, 64KiB or a number of bytes) of at least 4096 bytes is expected, not \"1MB\""
      ),
      (
        "defaults:\n  backoff:\n    kind: random",
        "f:3: defaults.backoff.kind: \"exponential\", \"linear\" or \"fixed\" is expected, not \"random\""
      ),
      (
        "defaults: {backoff: {jitter: 1.1}}",
        "f:1: defaults.backoff.jitter: a number from 0 to 1 is expected, not \"1.1\""
      ),
      (
        "defaults: {timeout: 0s}",
        "f:1: defaults.timeout: a duration (30s, 5m, 2h, 1d or a number of seconds) over 0, or \"none\" is expected, not \"0s\""
      ),
      (
        "queues:\n  mail:\n    concurrency: two",
        "f:3: queues.mail.concurrency: a whole number from 1 to 100000 is expected, not \"two\""
      ),
      (
        "queues: {.mail: {}}",
        "f:1: queues..mail: a queue's name (letters, digits and \". _ - : @\", not beginning with \".\" or \"-\") is expected"
      ),
      (
        "queues: {a: {retention: {max_jobs: 0}}}",
        "f:1: queues.a.retention.max_jobs: a whole number from 1 to 1000000000, or \"unlimited\" is expected, not \"0\""
      ),
      (
        "retention: {max_jobs: -1}",
        "f:1: retention.max_jobs: a whole number from 1 to 1000000000, or \"unlimited\" is expected, not \"-1\""
      ),
      ("[workers]", "f:1: keys with values are expected, not a list"),
      ("? [a, b]\n: 1", "f:1: a key is expected to be a word, not a list"),
    ])
  func badValues(yaml: String, complaint: String) {
    #expect(complaints(yaml) == [complaint])
  }

  @Test(
    "an unknown key is refused, with the nearest that there is or with all",
    arguments: [
      ("wokers: 2", "f:1: wokers: unknown key; did you mean \"workers\"?"),
      (
        "queues:\n  mail:\n    concurency: 2", "f:3: queues.mail.concurency: unknown key; did you mean \"concurrency\"?"
      ),
      ("socket: {owner: root}", "f:1: socket.owner: unknown key; known are group, mode, path"),
      ("\"a\\nb\": 1", "f:1: a\\u{a}b: unknown key; known are"),
    ])
  func unknownKeys(yaml: String, complaint: String) {
    let said = complaints(yaml)
    #expect(said.count == 1)
    #expect(said.first?.hasPrefix(complaint) == true, "\(said)")
  }

  @Test("all complaints come at once, in the order of the lines")
  func allAtOnce() {
    let said = complaints("retention: {logs: x}\nworkers: two\nsocket: {mode: z, path: y}\nfoo: 1\n")
    #expect(said.map { $0.prefix(4) } == ["f:1:", "f:2:", "f:3:", "f:3:", "f:4:"])
  }

  @Test(
    "what is no YAML is refused with its line",
    arguments: [
      ("a: 1\n\tb: 2\n", "f:2: a tab stands before the text; YAML indents with spaces"),
      ("workers: 1\r\n\tworkers: 2\r\n", "f:2: a tab stands before the text; YAML indents with spaces"),
      (
        "workers: [1\n\n",
        "f:3: this is no YAML: did not find expected ',' or ']', while parsing a flow sequence that begins on line 1"
      ),
      ("workers: 1\nsocket: {mode: \"x}\n", "f:3: this is no YAML: found unexpected end of stream"),
      ("workers: 1\n---\nworkers: 2\n", "f:2: one document is expected: "),
      ("workers: 1\nqueues: *no\n", "f:2: the alias *no is not supported; write the value out"),
      ("workers: \u{0}\n", "f:1: this is no YAML: control characters are not allowed"),
      ("\nworkers: 1\nsocket: {}\nworkers: 2\n", "f:2: workers: stands more than once in the same mapping"),
      ("queues:\n  a: {}\n  b: {}\n  a: {}\n", "f:2: a: stands more than once in the same mapping"),
    ])
  func notYAML(yaml: String, complaint: String) {
    let said = complaints(yaml)
    #expect(said.count == 1)
    #expect(said.first?.hasPrefix(complaint) == true, "\(said)")
  }

  @Test("a small text that aliases make large is refused before it is built, as a value and as a key")
  func billionLaughs() {
    var yaml = "a0: &a0 [x, x]\n"
    for level in 1...60 { yaml += "a\(level): &a\(level) [*a\(level - 1), *a\(level - 1)]\n" }
    #expect(complaints(yaml) == ["f:2: the alias *a0 is not supported; write the value out"])
    let asKey = "a: &a {x: y}\n{*a : 1}: 2\n"
    #expect(complaints(asKey) == ["f:2: the alias *a is not supported; write the value out"])
  }

  @Test("stars and ampersands in text are no aliases")
  func stars() throws {
    _ = try read("socket: {group: \"a & b\"}\ndefaults: {queue: 'q'}\n# &x is text\n# *y\n")
  }

  @Test("nesting without end is refused, not followed")
  func deep() {
    #expect(complaints(String(repeating: "[", count: 500_000)).count == 1)
    #expect(complaints(String(repeating: "- ", count: 500_000)).count == 1)
    #expect(complaints(String(repeating: "{a: ", count: 500_000)).count == 1)
  }

  @Test("the log's level is one of swift-log's")
  func logLevel() throws {
    #expect(try read("log_level: debug").logLevel == .debug)
    #expect(try read("").logLevel == .info)
    #expect(complaints("log_level: loud").first?.hasPrefix("f:1: log_level: \"trace\", \"debug\"") == true)
  }

  @Test("hooks are commands by outcome, and a queue's are said over them or taken away")
  func hooks() throws {
    let yaml = """
      hooks: {failed: [/bin/page, someone], succeeded: [cheer]}
      queues:
        mail: {hooks: {failed: none, timed_out: [slow]}}
        other: {concurrency: 1}
      """
    #expect(
      try read(yaml).supervisor.hooks
        == Hooks(
          [.failed: ["/bin/page", "someone"], .succeeded: ["cheer"]],
          queues: ["mail": [.failed: nil, .timedOut: ["slow"]]]))
    let command = "a list of words that begins with the program"
    #expect(complaints("hooks: {failed: page}") == ["f:1: hooks.failed: \(command) is expected, not \"page\""])
    #expect(complaints("hooks: {failed: none}") == ["f:1: hooks.failed: \(command) is expected, not \"none\""])
    #expect(
      complaints("queues: {m: {hooks: {failed: []}}}")
        == ["f:1: queues.m.hooks.failed: \(command), or \"none\" is expected, not an empty list"])
    #expect(
      complaints("hooks: {fails: [x]}") == ["f:1: hooks.fails: unknown key; did you mean \"failed\"?"])
  }

  @Test("a rate of nothing, a limit of nothing and a key without its label are refused")
  func badLimits() {
    let rate = "a rate from 1 up, such as 30/m (per s, m, h or d), is expected"
    #expect(complaints("queues: {m: {rate: 0/m}}") == ["f:1: queues.m.rate: \(rate), not \"0/m\""])
    #expect(complaints("queues: {m: {rate: 30/x}}") == ["f:1: queues.m.rate: \(rate), not \"30/x\""])
    #expect(complaints("queues: {m: {per_key: {concurrency: 1}}}") == ["f:1: queues.m.per_key.label: is missing"])
    #expect(complaints("queues: {m: {per_key: {label: c}}}") == ["f:1: queues.m.per_key.concurrency: is missing"])
    #expect(
      complaints("queues: {m: {concurrency: 0, priority: 1001}}") == [
        "f:1: queues.m.priority: a whole number from -1000 to 1000 is expected, not \"1001\"",
        "f:1: queues.m.concurrency: a whole number from 1 to 100000 is expected, not \"0\"",
      ])
  }

  @Test("a size is in bytes, KiB, MiB or GiB, and never overflows")
  func sizes() {
    #expect(ByteSize("16MiB")?.bytes == 16 << 20)
    #expect(ByteSize("65536")?.bytes == 65536)
    #expect(ByteSize("2GiB")?.bytes == 2 << 30)
    for bad in ["", "MiB", "1kib", "1 MiB", "1MB", "-1", "+1", "9223372036854775807KiB", "٣", "1.5MiB"] {
      #expect(ByteSize(bad) == nil, "\(bad)")
    }
  }
}
