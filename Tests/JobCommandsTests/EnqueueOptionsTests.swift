import ArgumentParser
import ControlClient
import FoundationEssentials
import JobModel
import Testing

@testable import JobCommands

@Suite("What the options of enqueue ask for")
struct EnqueueOptionsTests {
  private func parse(_ words: String...) throws -> EnqueueCommand {
    try #require(try JobQ.parseAsRoot(CommandWords.separated(["enqueue"] + words)) as? EnqueueCommand)
  }

  @Test(
    "without options: the command, the caller's directory, umask and environment, and nothing that the daemon decides")
  func plain() throws {
    let request = try parse("make", "-j4", "release").request(isOwnDaemon: true)
    #expect(request.command == ["make", "-j4", "release"])
    #expect(request.cwd?.hasPrefix("/") == true)
    #expect(request.umask == CallerEnvironment.umask())
    #expect(request.env?["PATH"] == CallerEnvironment.variable("PATH"))
    #expect(request.requestID?.count == 32)
    var rest = request
    (rest.command, rest.cwd, rest.umask, rest.env, rest.requestID) = (nil, nil, nil, nil, nil)
    #expect(rest == JobRequest())
  }

  @Test("each option sets its field, by its short and its long name")
  func each() throws {
    let short = try parse("-q", "mail", "-n", "a name", "-l", "a=1", "-l", "b=x=y", "-p", "-5", "-e", "K=V", "true")
      .request(isOwnDaemon: true)
    let long = try parse(
      "--queue", "mail", "--name", "a name", "--label", "a=1", "--label", "b=x=y", "--priority", "-5", "--env", "K=V",
      "true"
    ).request(isOwnDaemon: true)
    for request in [short, long] {
      #expect(request.queue == "mail" && request.name == "a name" && request.priority == -5)
      #expect(request.labels == ["a": "1", "b": "x=y"])
      #expect(request.env?["K"] == "V")
    }
    let times = try parse(
      "--delay", "1h30m", "--timeout", "250ms", "--kill-grace", "2", "--retries", "3", "--backoff", "1s",
      "--backoff-max", "1m", "--backoff-kind", "linear", "--retry-on", "1,75,100-110", "--no-retry-on", "2",
      "--on-interrupt", "hold", "true"
    ).request(isOwnDaemon: true)
    #expect(times.delay == .minutes(90) && times.timeout == .milliseconds(250) && times.killGrace == .seconds(2))
    #expect(times.retries == 3 && times.onInterrupt == .hold)
    #expect(times.backoff == Backoff(kind: .linear, base: .seconds(1), max: .minutes(1), jitter: 0.2))
    #expect(times.retryOn?.description == "1,75,100-110" && times.noRetryOn?.description == "2")
    let rest = try parse(
      "--at", "2030-01-01T00:00:00+01:00", "--cwd", "/tmp", "--umask", "077", "--unique", "k", "--after", "1,2",
      "--after", "3", "--after-any", "4", "--split-output", "--hold", "true"
    ).request(isOwnDaemon: true)
    #expect(rest.runAt == Timestamp(rfc3339: "2029-12-31T23:00:00Z"))
    #expect(rest.cwd == "/tmp" && rest.umask == "077" && rest.uniqueKey == "k")
    #expect(rest.after == [JobID(1), JobID(2), JobID(3)].map(JobReference.id) && rest.afterAny == [.id(JobID(4))])
    #expect(rest.splitOutput == true && rest.hold == true)
  }

  @Test("a backoff longer than the usual bound lifts the bound")
  func longBackoff() throws {
    let request = try parse("--backoff", "1h", "true").request(isOwnDaemon: true)
    #expect(request.backoff?.base == .hours(1) && request.backoff?.max == .hours(1))
  }

  @Test("a relative directory is one below the caller's")
  func relativeDirectory() throws {
    let request = try parse("--cwd", "a/b", "true").request(isOwnDaemon: true)
    #expect(try request.cwd == CallerEnvironment.directory() + "/a/b")
  }

  @Test("standard input goes as text where it is text, else as base64, and over 1 MiB is refused")
  func input() throws {
    let file = try TemporaryFile(Array("grüße\n".utf8))
    #expect(try parse("--stdin", file.path, "cat").request(isOwnDaemon: true).stdin == "grüße\n")
    let binary = try TemporaryFile([0xFF, 0x00, 0x80])
    #expect(try parse("--stdin", binary.path, "cat").request(isOwnDaemon: true).stdinBase64 == "/wCA")
    // Text that JSON would blow up to six times its size.
    let zeroes = try TemporaryFile([UInt8](repeating: 0, count: 1 << 20))
    let request = try parse("--stdin", zeroes.path, "cat").request(isOwnDaemon: true)
    #expect(request.stdin == nil && ControlClient.encode(request).count < 2 << 20)
    let large = try TemporaryFile([UInt8](repeating: 65, count: 1 << 20 + 1))
    let failure = #expect(throws: Failure.self) {
      try parse("--stdin", large.path, "cat").request(isOwnDaemon: true)
    }
    #expect(failure?.exitCode == 64 && failure?.message.contains("1 MiB") == true)
    let absent = #expect(throws: Failure.self) {
      try parse("--stdin", "/no/such/file", "cat").request(isOwnDaemon: true)
    }
    #expect(absent?.exitCode == 64 && absent?.message.contains("/no/such/file") == true)
  }

  @Test(
    "a value that cannot be is a mistake in usage, and the message has it",
    arguments: [
      (["-p", "high", "true"], "high"), (["-p", "1001", "true"], "1001"), (["--delay", "soon", "true"], "soon"),
      (["--delay", "-5", "true"], "-5"), (["--retry-on", "1,x", "true"], "1,x"),
      (["-l", "novalue", "true"], "novalue"),
      (["-q", "a/b", "true"], "a/b"), (["--at", "25:00", "true"], "25:00"), (["--after", "1,,2", "true"], "1,,2"),
      (["--backoff-kind", "square", "true"], "square"), (["--on-interrupt", "weep", "true"], "weep"),
      (["--retries", "-1", "true"], "-1"), (["--frobnicate", "true"], "--frobnicate"),
      (["--delay", "1s", "--at", "12:00", "true"], "--at"), (["--queue"], "--queue"),
    ])
  func badValues(words: [String], mistake: String) {
    do {
      _ = try JobQ.parseAsRoot(CommandWords.separated(["enqueue"] + words))
      Issue.record("\(words) was taken")
    } catch {
      #expect(JobQ.exitCode(for: error).rawValue == 64)
      #expect(JobQ.message(for: error).contains(mistake))
    }
  }

  @Test(
    "what only the whole request shows is named by its option",
    arguments: [
      (["--kill-grace", "25h", "true"], "--kill-grace"), (["--umask", "999", "true"], "--umask"),
      (["-n", "", "true"], "--name"), (["--unique", "", "true"], "--unique"),
      (["--timeout", "0", "true"], "--timeout"),
      (["-l", "a=1", "-l", "a=2", "true"], "--label"), (["-l", "a b=1", "true"], "--label"), ([""], "the command"),
      (["-e", "=x", "true"], "--env"), (["-e", "JOBQ_NO_SUCH_VARIABLE", "true"], "JOBQ_NO_SUCH_VARIABLE"),
    ])
  func badRequests(words: [String], mistake: String) throws {
    let enqueue = try #require(try JobQ.parseAsRoot(CommandWords.separated(["enqueue"] + words)) as? EnqueueCommand)
    let failure = #expect(throws: Failure.self) { try enqueue.request(isOwnDaemon: true) }
    #expect(failure?.exitCode == 64 && failure?.message.contains(mistake) == true, "\(failure?.message ?? "")")
  }

  @Test("every option is named where --from has no use for it")
  func fromAlone() throws {
    let own: Set = ["--from", "--socket", "--json", "--help", "--version"]
    for argument in try HelpDump.arguments(of: "enqueue") {
      guard let name = argument.names?.first(where: { $0.kind == "long" })?.name, !own.contains("--\(name)") else {
        continue
      }
      let value =
        switch name {
        case "label": "a=b"
        case "at": "12:00"
        case "backoff-kind": "fixed"
        case "on-interrupt": "hold"
        default: "1"
        }
      let enqueue = try #require(
        try JobQ.parseAsRoot(["enqueue", "--\(name)"] + (argument.kind == "flag" ? [] : [value])) as? EnqueueCommand)
      #expect((enqueue.options.firstGiven ?? enqueue.then.firstGiven) == "--\(name)")
    }
  }
}
