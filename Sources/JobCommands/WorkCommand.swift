import ArgumentParser
import ControlClient
import Glibc
import JobModel

struct WorkCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "work", abstract: "Be an outside worker: run a command for each payload of a queue.",
    usage: "jobq work QUEUE [options] -- COMMAND [ARG…]",
    discussion: """
      Each payload is given to the command on standard input, as one line of JSON. Exit code 0 completes the job, with standard output \
      as its result (as JSON where it is JSON, else as text; at most 256 KiB are kept); any other code, or a signal, fails it, and its \
      retries decide what follows. Standard error is the worker's own. JOBQ_ID, JOBQ_ATTEMPT, JOBQ_QUEUE and JOBQ_SOCKET are set.

      While the command runs its lease is extended at half time. Where the lease is lost (the job was cancelled, say), the command and its \
      process group are ended: TERM, and KILL after 10 s. What is left of the group when the command exits is killed.

      SIGTERM and SIGINT take no more jobs, finish the current ones and exit 0; a second one ends their commands, and the jobs run again. A \
      daemon that restarts is waited for, 30 s.
      """)

  @Argument(help: ArgumentHelp("The queue.", valueName: "QUEUE"), transform: Values.queue)
  var queue: String

  @Option(
    name: .shortAndLong, parsing: .unconditional, help: ArgumentHelp("Commands at once. (default: 1)", valueName: "n"),
    transform: Values.concurrency)
  var concurrency = 1

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp("How long a lease lasts unless it is extended. (default: 1m)", valueName: "DUR"),
    transform: Values.lease)
  var lease = TimeSpan.minutes(1)

  @Option(
    parsing: .unconditional, help: ArgumentHelp("Exit after so many jobs.", valueName: "n"),
    transform: Values.lineCount)
  var max: Int?

  @Flag(help: "Exit after one job: --max 1.")
  var once = false

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp("What people see as the worker's name. (default: HOST/PID)", valueName: "name"))
  var worker: String?

  @OptionGroup var common: CommonOptions

  @Argument(parsing: .postTerminator, help: ArgumentHelp("The program and its arguments.", valueName: "COMMAND"))
  var command: [String] = []

  func run() throws {
    guard !command.isEmpty else { throw Failure.usage("a command is expected: jobq work QUEUE -- COMMAND [ARG…]") }
    if once, max != nil { throw Failure.usage("either --once or --max is expected, not both") }
    let location = common.client.socket
    let request = LeaseRequest(worker: worker ?? Self.defaultName, max: 1, lease: lease, wait: .seconds(20))
    do throws(InvalidValue) { _ = try request.checked(queue: queue) } catch {
      throw Failure.usage("--\(error.field): \(error.message)")
    }
    // Said at once, and not by the first job that fails of it.
    try ControlClient(location).connect()
    let stop = try StopBell()
    let budget = WorkBudget(once ? 1 : max)
    let environment = try WorkerChild.environment(socket: location.path)
    let (queue, command, json) = (queue, command, common.json)
    var slots: [SlotThread] = []
    for _ in 0..<concurrency {
      slots.append(
        try SlotThread {
          try WorkSlot(
            client: ControlClient(location), queue: queue, request: request, command: command,
            environment: environment, isJSON: json, stop: stop, budget: budget
          ).run()
        })
    }
    var first: Failure?
    for slot in slots {
      if let failure = slot.join() { first = first ?? failure }
    }
    if let first { throw first }
  }

  private static var defaultName: String {
    var name = [CChar](repeating: 0, count: 65)
    gethostname(&name, name.count - 1)
    let host = String(decoding: name.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
    return "\(host)/\(getpid())"
  }
}
