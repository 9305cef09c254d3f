import ArgumentParser
import JobModel
import Testing

@testable import JobCommands

@Suite("jobq schedule")
struct ScheduleCommandTests {
  private func add(_ words: String...) throws -> ScheduleRequest {
    let command = try JobQ.parseAsRoot(CommandWords.separated(["schedule", "add"] + words))
    return try #require(command as? ScheduleAddCommand).request(isOwnDaemon: true)
  }

  @Test("the command begins with the third word that is no option, wherever the options stand")
  func words() throws {
    for words in [
      ["schedule", "add", "n", "@daily", "-q", "mail", "--replace", "make", "-j4"],
      ["schedule", "add", "-q", "mail", "n", "--replace", "@daily", "make", "-j4"],
      ["schedule", "add", "-qmail", "n", "@daily", "--replace", "--", "make", "-j4"],
    ] {
      let command = try #require(try JobQ.parseAsRoot(CommandWords.separated(words)) as? ScheduleAddCommand)
      let request = try command.request(isOwnDaemon: true)
      #expect(request.name == "n" && request.cron == "@daily" && command.options.replace)
      #expect(request.job?.command == ["make", "-j4"] && request.job?.queue == "mail")
    }
    #expect(CommandWords.separated(["schedule", "next", "@daily", "x"]) == ["schedule", "next", "@daily", "x"])
  }

  @Test("the schedule's options and the job's become one request")
  func request() throws {
    let plain = try add("n", "15  3 * * *", "true")
    #expect(plain.cron == "15 3 * * *" && plain.timezone == nil && plain.jitter == nil)
    #expect(plain.missed == nil && plain.overlap == nil && plain.paused == nil)
    #expect(plain.job?.command == ["true"] && plain.job?.cwd != nil && plain.job?.requestID == nil)
    let full = try add(
      "n", "@every 90s", "--timezone", "UTC", "--jitter", "10s", "--missed", "all", "--overlap", "cancel-previous",
      "--paused", "--timeout", "1h", "--retries", "2", "--name", "a name", "--", "true", "--paused")
    #expect(full.timezone == "UTC" && full.jitter == .seconds(10) && full.missed == .all)
    #expect(full.overlap == .cancelPrevious && full.paused == true)
    #expect(full.job?.timeout == .hours(1) && full.job?.retries == 2 && full.job?.name == "a name")
    #expect(full.job?.command == ["true", "--paused"])
  }

  @Test("the flags of schedule add are known to the separation of its words")
  func declared() throws {
    for argument in try HelpDump.arguments(of: "schedule", "add") where argument.kind == "flag" {
      for name in argument.names ?? [] where name.kind == "long" {
        #expect(CommandWords.flags.union(CommandWords.scheduleFlags).contains("--" + name.name), "\(name.name)")
      }
    }
  }

  @Test("a schedule is shown with what became of its due times")
  func shows() throws {
    let now = try #require(Timestamp(rfc3339: "2026-11-24T08:14:40Z"))
    var definition = ScheduleDefinition(
      name: "tick", source: .api, expression: try CronExpression("@every 90s"), timezone: "UTC", job: JobRequest())
    definition.jitter = .seconds(10)
    let runs = [
      ScheduleRun(dueAt: nil, result: .enqueued, jobID: JobID(9), at: now),
      ScheduleRun(dueAt: now + .seconds(-60), result: .missed, jobID: nil, at: now),
    ]
    let schedule = ScheduleInfo(
      definition, paused: false, createdAt: now + .hours(-2), lastDueAt: now + .seconds(-60),
      nextDueAt: now + .seconds(30), job: .object(["command": .array([.string("echo"), .string("a b")])]), runs: runs)
    let terminal = Terminal(isTerminal: false, width: nil, hasColour: false)
    #expect(
      ScheduleText.table([schedule], now: now, terminal) == """
        NAME  CRON        ZONE  NEXT    LAST   SOURCE  COMMAND
        tick  @every 90s  UTC   in 30s  job 9  api     echo 'a b'

        """)
    #expect(
      ScheduleText.page(schedule, now: now, terminal) == """
        schedule   tick
        source     added by hand
        cron       @every 90s
        time zone  UTC
        jitter     up to 10s
        missed     once
        overlap    skip
        next       2026-11-24T08:15:10.000Z (in 30s)
        last       2026-11-24T08:13:40.000Z (1m ago)
        command    echo 'a b'
        created    2026-11-24T06:14:40.000Z (2h ago)

        DUE                       RESULT    JOB  DEALT WITH
        by hand                   enqueued    9  2026-11-24T08:14:40.000Z
        2026-11-24T08:13:40.000Z  missed         2026-11-24T08:14:40.000Z

        """)
    #expect(ScheduleText.sentence(schedule, now: now) == "schedule tick is due in 30s, at 2026-11-24T08:15:10.000Z\n")
    #expect(ScheduleText.table([], now: now, terminal) == "There is no schedule.\n")
  }
}
