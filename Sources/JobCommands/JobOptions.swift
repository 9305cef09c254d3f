import ArgumentParser
import JobModel

/// What `enqueue` can say of a job. Values are taken as they stand, with a leading dash too: `-p -5`.
struct JobOptions: ParsableArguments {
  @Option(
    name: .shortAndLong, parsing: .unconditional,
    help: ArgumentHelp("The queue. (default: default)", valueName: "name"), transform: Values.queue)
  var queue: String?

  @Option(
    name: .shortAndLong, parsing: .unconditional,
    help: ArgumentHelp("What people see of it in lists.", valueName: "text"))
  var name: String?

  @Option(
    name: .shortAndLong, parsing: .unconditionalSingleValue,
    help: ArgumentHelp("A label; may be repeated.", valueName: "key=value"), transform: Values.label)
  var label: [Label] = []

  @Option(
    name: .shortAndLong, parsing: .unconditional,
    help: ArgumentHelp("−1000 to 1000; higher goes first, then order of arrival. (default: 0)", valueName: "n"),
    transform: Values.priority)
  var priority: Int?

  @Option(
    parsing: .unconditional, help: ArgumentHelp("Start no sooner than so long from now.", valueName: "DUR"),
    transform: Values.span)
  var delay: TimeSpan?

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp(
      "Start no sooner than then: RFC 3339, or HH:MM[:SS] of today or else tomorrow.", valueName: "time"),
    transform: Values.startTime)
  var at: StartTime?

  @Option(
    parsing: .unconditional, help: ArgumentHelp("End an attempt after so long. (default: never)", valueName: "DUR"),
    transform: Values.span)
  var timeout: TimeSpan?

  @Option(
    parsing: .unconditional, help: ArgumentHelp("Between TERM and KILL. (default: 10s)", valueName: "DUR"),
    transform: Values.span)
  var killGrace: TimeSpan?

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp("Further attempts after the first, where it fails. (default: 0)", valueName: "n"),
    transform: Values.retries)
  var retries: Int?

  @Option(
    parsing: .unconditional, help: ArgumentHelp("The pause before the first retry. (default: 5s)", valueName: "DUR"),
    transform: Values.span)
  var backoff: TimeSpan?

  @Option(
    parsing: .unconditional, help: ArgumentHelp("The longest pause. (default: 10m)", valueName: "DUR"),
    transform: Values.span)
  var backoffMax: TimeSpan?

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp("How pauses grow: exponential, linear, fixed. (default: exponential)", valueName: "kind"),
    completion: .list(Values.words(Backoff.Kind.self)), transform: Values.backoffKind)
  var backoffKind: Backoff.Kind?

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp("Retry on these exit codes only, such as 1,75,100-110.", valueName: "codes"),
    transform: Values.exitCodes)
  var retryOn: ExitCodes?

  @Option(
    parsing: .unconditional, help: ArgumentHelp("Never retry on these exit codes.", valueName: "codes"),
    transform: Values.exitCodes)
  var noRetryOn: ExitCodes?

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp(
      "After the daemon or the host died, or stopped, under it: retry, fail, hold. (default: retry)", valueName: "what"),
    completion: .list(Values.words(OnInterrupt.self)), transform: Values.onInterrupt)
  var onInterrupt: OnInterrupt?

  @Option(
    parsing: .unconditional, help: ArgumentHelp("Run there. (default: here)", valueName: "dir"), completion: .directory)
  var cwd: String?

  @Option(
    name: .shortAndLong, parsing: .unconditionalSingleValue,
    help: ArgumentHelp("Set a variable, or pass the caller's on; may be repeated.", valueName: "K[=V]"))
  var env: [String] = []

  @Flag(help: "Pass all of the caller's variables on.")
  var inheritEnv = false

  @Option(
    parsing: .unconditional, help: ArgumentHelp("In octal digits. (default: the caller's)", valueName: "mask"))
  var umask: String?

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp(
      "Standard input, up to 1 MiB, read now; - is the caller's own. (default: none)", valueName: "file|-"),
    completion: .file())
  var stdin: String?

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp("Where a job with this key has not ended, print its number instead.", valueName: "key"))
  var unique: String?

  @Option(
    parsing: .unconditionalSingleValue, help: ArgumentHelp("Start once these have succeeded.", valueName: "ID,…"),
    transform: Values.ids)
  var after: [JobIDs] = []

  @Option(
    parsing: .unconditionalSingleValue, help: ArgumentHelp("Start once these have ended.", valueName: "ID,…"),
    transform: Values.ids)
  var afterAny: [JobIDs] = []

  @Flag(help: "Keep standard output and standard error apart. (default: one log, in the order written)")
  var splitOutput = false

  @Flag(help: "Set it aside until `jobq release`.")
  var hold = false

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp("For an outside worker, such as `jobq work`, instead of a command.", valueName: "JSON"))
  var payload: String?

  func validate() throws {
    if delay != nil, at != nil { throw ValidationError("a job starts after --delay or --at a time, not both") }
  }

  /// The first option that was given.
  var firstGiven: String? {
    let given: [(String, Bool)] = [
      ("--queue", queue != nil), ("--name", name != nil), ("--label", !label.isEmpty), ("--priority", priority != nil),
      ("--delay", delay != nil), ("--at", at != nil), ("--timeout", timeout != nil), ("--kill-grace", killGrace != nil),
      ("--retries", retries != nil), ("--backoff", backoff != nil), ("--backoff-max", backoffMax != nil),
      ("--backoff-kind", backoffKind != nil), ("--retry-on", retryOn != nil), ("--no-retry-on", noRetryOn != nil),
      ("--on-interrupt", onInterrupt != nil), ("--cwd", cwd != nil), ("--env", !env.isEmpty),
      ("--inherit-env", inheritEnv), ("--umask", umask != nil), ("--stdin", stdin != nil), ("--unique", unique != nil),
      ("--after", !after.isEmpty), ("--after-any", !afterAny.isEmpty), ("--split-output", splitOutput),
      ("--hold", hold), ("--payload", payload != nil),
    ]
    return given.first { $0.1 }?.0
  }
}
