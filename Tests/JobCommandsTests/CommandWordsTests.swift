import ArgumentParser
import JobModel
import Testing

@testable import JobCommands

@Suite("Where the job's own command begins")
struct CommandWordsTests {
  @Test(
    "the first word that is no option begins the command",
    arguments: [
      ("enqueue make -j4 release", "enqueue -- make -j4 release"),
      ("enqueue -q mail make -j4", "enqueue -q mail -- make -j4"),
      ("enqueue -p -5 --wait true --wait", "enqueue -p -5 --wait -- true --wait"),
      ("enqueue --retries=3 sh -c x", "enqueue --retries=3 -- sh -c x"),
      ("enqueue -- --odd", "enqueue -- --odd"), ("enqueue --from -", "enqueue --from -"),
      ("status 1", "status 1"), ("enqueue", "enqueue"), ("enqueue - a", "enqueue -- - a"),
    ])
  func separated(given: String, expected: String) throws {
    #expect(try CommandWords.separated(given.split(separator: " ").map(String.init)).joined(separator: " ") == expected)
  }

  @Test("an unknown option is named")
  func unknown() {
    let error = #expect(throws: ValidationError.self) {
      try CommandWords.separated(["enqueue", "--frobnicate", "true"])
    }
    #expect(error?.message.contains("--frobnicate") == true)
  }

  @Test("both lists of options are the parser's own")
  func lists() {
    // In the help each option stands at the start of a line, with `<…>` behind it where it takes a value.
    var flags: Set<String> = []
    var valued: Set<String> = []
    for line in EnqueueCommand.helpMessage(columns: 400).split(separator: "\n") where line.hasPrefix("  -") {
      let names = line.dropFirst(2).prefix { $0 != " " || true }.split(separator: "  ")[0]
      let takesValue = names.contains("<")
      for name in names.split(whereSeparator: { $0 == "," || $0 == " " }) where name.hasPrefix("-") {
        if takesValue { valued.insert(String(name)) } else { flags.insert(String(name)) }
      }
    }
    #expect(valued == CommandWords.valued)
    #expect(flags.union(["--version"]) == CommandWords.flags)
  }
}

@Suite("The options of enqueue, by value")
struct EnqueueOptionsTests {
  private func parse(_ words: String...) throws -> EnqueueCommand {
    try #require(try JobQ.parseAsRoot(try CommandWords.separated(["enqueue"] + words)) as? EnqueueCommand)
  }

  @Test("every option of the contract reaches the request")
  func all() throws {
    let command = try parse(
      "-q", "mail", "-n", "nightly", "-l", "a=b", "-l", "c=d=e", "-p", "-7", "--delay", "5m", "--timeout", "1h",
      "--kill-grace",
      "3s", "--retries", "4", "--backoff", "2s", "--backoff-max", "1m", "--backoff-kind", "linear", "--retry-on",
      "1,75",
      "--no-retry-on", "3", "--on-interrupt", "hold", "--cwd", "/usr", "-e", "X=y z", "--umask", "027", "--unique", "k",
      "--after", "1,2", "--after", "3", "--after-any", "4", "--split-output", "--hold", "--", "make", "-j")
    let request = try command.job.request(isOwnDaemon: { false })
    #expect(command.command == ["make", "-j"])
    #expect(request.queue == "mail" && request.name == "nightly" && request.labels == ["a": "b", "c": "d=e"])
    #expect(request.priority == -7 && request.delay == .minutes(5) && request.timeout == .hours(1))
    #expect(request.killGrace == .seconds(3) && request.retries == 4)
    #expect(
      request.backoff?.kind == .linear && request.backoff?.base == .seconds(2) && request.backoff?.max == .minutes(1))
    #expect(
      request.retryOn?.description == "1,75" && request.noRetryOn?.description == "3" && request.onInterrupt == .hold)
    #expect(request.cwd == "/usr" && request.env?["X"] == "y z" && request.umask == "027" && request.uniqueKey == "k")
    #expect(request.after?.map(\.rawValue) == [1, 2, 3] && request.afterAny?.map(\.rawValue) == [4])
    #expect(request.splitOutput == true && request.hold == true)
  }

  @Test(
    "bad values are refused",
    arguments: [
      ["-p", "high", "true"], ["--delay", "soon", "true"], ["--at", "25:00", "true"], ["--retry-on", "1,x", "true"],
      ["-l", "novalue", "true"], ["--after", "x", "true"], ["--delay", "1s", "--at", "10:00", "true"], [],
      ["--from", "f", "true"], ["--on-interrupt", "maybe", "true"], ["--backoff-kind", "odd", "true"],
    ])
  func refused(words: [String]) {
    #expect(throws: (any Error).self) { try JobQ.parseAsRoot(try CommandWords.separated(["enqueue"] + words)) }
  }

  @Test("a job gets the small clean environment; HOME, USER and SHELL only of a daemon that runs as the caller")
  func environment() throws {
    let all = [
      ("PATH", "/bin"), ("HOME", "/home/a"), ("USER", "a"), ("SHELL", "/bin/sh"), ("LANG", "C"), ("TOKEN", "x"),
      ("JOBQ_ID", "7"),
      ("NOTIFY_SOCKET", "/n"), ("LISTEN_FDS", "1"),
    ].map { (name: $0.0, value: $0.1) }
    func environment(_ named: [String] = [], inherit: Bool = false, own: Bool = false) throws -> [String: String] {
      try Surroundings.jobEnvironment(named: named, inheritAll: inherit, all: all, isOwnDaemon: { own })
    }
    #expect(try environment() == ["PATH": "/bin", "LANG": "C"])
    #expect(
      try environment(own: true) == ["PATH": "/bin", "LANG": "C", "HOME": "/home/a", "USER": "a", "SHELL": "/bin/sh"])
    #expect(try environment(["TOKEN", "A=b=c"]) == ["PATH": "/bin", "LANG": "C", "TOKEN": "x", "A": "b=c"])
    #expect(try environment(inherit: true) == ["PATH": "/bin", "LANG": "C", "TOKEN": "x"])
    let unset = #expect(throws: Failure.self) { try environment(["UNSET"]) }
    #expect(unset?.code == 64 && unset?.message.contains("UNSET") == true)
  }

  @Test("a time of day is today's, or tomorrow's where it is past")
  func times() throws {
    // 2026-11-24T12:00:00 in whatever zone this machine has.
    let noon = Int(try #require(Surroundings.time("12:00", now: 1_795_500_000)).milliseconds / 1000)
    #expect(Surroundings.time("12:30", now: noon)?.milliseconds == Int64(noon + 1800) * 1000)
    #expect(Surroundings.time("12:30:15", now: noon)?.milliseconds == Int64(noon + 1815) * 1000)
    let tomorrow = try #require(Surroundings.time("12:00", now: noon)).milliseconds / 1000
    #expect((23...25).contains((Int(tomorrow) - noon) / 3600))
    #expect(Surroundings.time("2026-11-24T08:00:00+01:00", now: noon)?.milliseconds == 1_795_503_600_000)
    for bad in ["24:00", "12:60", "1:00", "12", "12:00:61", "noon"] {
      #expect(Surroundings.time(bad, now: noon) == nil)
    }
  }
}

@Suite("What people read")
struct OutputTests {
  @Test("columns are aligned, and the last is cut to the terminal")
  func table() {
    var table = Table(["ID", "WORK"])
    table.add(["7", "make a very long thing"])
    #expect(table.text(width: nil) == "ID  WORK\n7   make a very long thing\n")
    #expect(table.text(width: 14) == "ID  WORK\n7   make a ve…\n")
  }

  @Test("a command is shown as a shell would take it, control characters made visible")
  func command() {
    #expect(Words.command(["sh", "-c", "echo 'a'; ls"]) == #"sh -c 'echo '\''a'\''; ls'"#)
    #expect(Words.command(["a\u{1B}[31m", ""]) == "'a\\u{1b}[31m' ''")
  }
}
