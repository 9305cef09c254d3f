import ArgumentParser
import ControlClient
import Glibc
import JobModel
import TimeZones

struct ScheduleAddCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "add", abstract: "Add a schedule.",
    usage: "jobq schedule add NAME CRON [options] [--] COMMAND [ARG…]",
    discussion: """
      CRON is one word for the shell: quote it. `jobq schedule next CRON` shows when it is due.

        jobq schedule add nightly '15 3 * * *' --timezone Europe/Berlin -- /usr/local/bin/backup --all
        jobq schedule add poll '@every 90s' --jitter 10s -- fetch-mail

      Each due time adds a job as `jobq enqueue` with the same options would, from the directory and with the environment \
      of now. Due times that jobqd was not there for are recorded, and treated as --missed says: skip runs none of them, \
      once runs one for all of them, all runs each. Where a job of the schedule's has not ended, --overlap decides: skip \
      gives up the new one, queue adds it all the same, cancel-previous cancels the old one.
      """)

  @Argument(help: ArgumentHelp("What it is called from now on.", valueName: "NAME"), transform: Values.schedule)
  var name: String

  @Argument(
    help: ArgumentHelp(
      "Five fields (minute, hour, day of month, month, day of week), or @hourly, @daily, @weekly, @monthly, @yearly, "
        + "@every SPAN.",
      valueName: "CRON"), transform: Values.cron)
  var expression: CronExpression

  @OptionGroup(title: "Schedule options") var options: ScheduleOptions
  @OptionGroup(title: "Job options") var job: JobOptions
  @OptionGroup var common: CommonOptions

  @Argument(parsing: .postTerminator, help: ArgumentHelp("The program and its arguments.", valueName: "COMMAND"))
  var command: [String] = []

  func run() throws {
    guard !command.isEmpty else {
      throw Failure.usage("a command is expected: jobq schedule add NAME CRON [options] [--] COMMAND [ARG…]")
    }
    let client = common.client
    let isOwnDaemon = try client.connect() == geteuid()
    let body = try client.add(try request(isOwnDaemon: isOwnDaemon), isReplacing: options.replace)
    if common.json { return try Output.write(json: body) }
    let schedule: ScheduleInfo = try ControlClient.decode(body)
    try Output.write(ScheduleText.sentence(schedule, now: .now))
  }

  /// The request that the options describe.
  func request(isOwnDaemon: Bool) throws(Failure) -> ScheduleRequest {
    var request = ScheduleRequest()
    request.name = name
    request.cron = expression.description
    request.timezone = options.timezone
    request.jitter = options.jitter
    request.missed = options.missed
    request.overlap = options.overlap
    if options.paused { request.paused = true }
    var template = try EnqueueCommand(options: job, command: command).request(isOwnDaemon: isOwnDaemon)
    template.requestID = nil
    request.job = template
    // The daemon's own check, made here too: a bad value is a mistake in usage, and is known without a daemon's help.
    do throws(InvalidValue) {
      _ = try request.checked(name: nil, defaults: JobDefaults(), submittedBy: nil)
    } catch {
      throw .usage("\(Self.option(of: error.field)): \(error.message)")
    }
    do throws(TimeZoneError) {
      _ = try TimeZoneFile().rules(of: options.timezone ?? ScheduleDefinition.localZone)
    } catch {
      // Where this side has no zones, the daemon may have some.
      if error.code == .unknown { throw .usage("--timezone: \(error)") }
    }
    return request
  }

  /// The option that sets a field, of those that can be given and are refused.
  private static func option(of field: String) -> String {
    switch field {
    case "job.run_at": "--at"
    case "job.delay_seconds": "--delay"
    case "job.after": "--after"
    case "job.after_any": "--after-any"
    case "jitter_seconds": "--jitter"
    default: field.printable
    }
  }
}

extension EnqueueCommand {
  /// The same words as `jobq enqueue` would get.
  fileprivate init(options: JobOptions, command: [String]) {
    self.init()
    self.options = options
    self.command = command
  }
}

/// When a schedule is due, and what that does.
struct ScheduleOptions: ParsableArguments {
  @Option(
    help: ArgumentHelp(
      "The zone on whose clocks CRON is read: a name such as Europe/Berlin, UTC, or local, the daemon's own. (default: "
        + "local)", valueName: "TZ"))
  var timezone: String?

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp("Delay each job by a span drawn evenly from 0 up to this. (default: 0s)", valueName: "DUR"),
    transform: Values.span)
  var jitter: TimeSpan?

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp("Due times that jobqd was not there for: skip, once, all. (default: once)", valueName: "what"),
    completion: .list(Values.words(MissedPolicy.self)), transform: Values.missed)
  var missed: MissedPolicy?

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp(
      "While a job of the schedule's has not ended: skip, queue, cancel-previous. (default: skip)", valueName: "what"),
    completion: .list(Values.words(OverlapPolicy.self)), transform: Values.overlap)
  var overlap: OverlapPolicy?

  @Flag(help: "Add it paused, until `jobq schedule resume`.")
  var paused = false

  @Flag(help: "Where there is a schedule of this name, change it into this one.")
  var replace = false
}

extension Values {
  static func schedule(_ text: String) throws -> String {
    guard Limits.isQueueName(text) else {
      throw ValidationError(
        "a schedule's name is made of letters, digits and \". _ - : @\", and does not begin with \".\" or \"-\"")
    }
    return text
  }

  static func cron(_ text: String) throws -> CronExpression {
    do throws(CronError) { return try CronExpression(text) } catch {
      throw ValidationError("\"\(text.printable)\" is no cron expression: \(error)")
    }
  }

  static func missed(_ text: String) throws -> MissedPolicy { try word(text, MissedPolicy.self) }
  static func overlap(_ text: String) throws -> OverlapPolicy { try word(text, OverlapPolicy.self) }
}
