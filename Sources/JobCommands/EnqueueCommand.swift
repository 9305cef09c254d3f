import ArgumentParser
import ControlClient
import Glibc
import JobModel

struct EnqueueCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "enqueue", abstract: "Add a job, and print its number.",
    usage: """
      jobq enqueue [options] [--] COMMAND [ARG…]
      jobq enqueue [options] --payload JSON
      jobq enqueue --from FILE|-
      """,
    discussion: """
      The first word that is no option begins the command; what follows belongs to it. No shell reads it: for one, say \
      `jobq enqueue -- sh -c '…'`. Once the number is printed, the job is on the disk.

      The job gets the caller's directory and umask, PATH, LANG and TZ, and, from one's own daemon, HOME, USER and SHELL; \
      --env and --inherit-env add to that. JOBQ_ID, JOBQ_ATTEMPT, JOBQ_QUEUE and JOBQ_SOCKET are set for it.

      DUR is a duration, 250ms, 30s, 5m, 2h, 1d, or a number of seconds.
      """)

  @OptionGroup(title: "Job options") var options: JobOptions
  @OptionGroup(title: "What to do then") var then: AfterEnqueue

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp(
      "Add many jobs: each line of the file is a job in the API's JSON. All or nothing for each 1,000 lines.",
      valueName: "file|-"), completion: .file())
  var from: String?

  @OptionGroup var common: CommonOptions

  @Argument(parsing: .postTerminator, help: ArgumentHelp("The program and its arguments.", valueName: "COMMAND"))
  var command: [String] = []

  func run() throws {
    try check()
    let client = common.client
    if let from { return try BulkEnqueue(client: client, file: InputFile(from), isJSON: common.json).run() }
    let isOwnDaemon = try client.connect() == geteuid()
    let request = try request(isOwnDaemon: isOwnDaemon)
    let body = try client.enqueue(request)
    let job: EnqueuedJob = try ControlClient.decode(body)
    guard then.waits || then.follows else {
      return try common.json ? Output.write(json: body) : Output.write("\(job.id)\n")
    }

    Interrupt.leaveInPeace(job.id)
    Output.toStandardError("\(job.id)\n")
    if then.follows {
      try LogFollower(
        client: client, id: job.id, attempt: max(1, job.attempt),
        outputs: LogFollower.Output.all(split: job.splitOutput)
      ).run(overRetries: true)
    }
    let ended = try client.wait(job.id)
    // With --follow standard output is the job's own.
    if common.json { try Output.write(ended + [0x0A], to: then.follows ? STDERR_FILENO : STDOUT_FILENO) }
    try JobEnding(ended).finish()
  }
}

extension EnqueueCommand {
  /// Not `validate`, which comes before ArgumentParser's own look at unknown options: theirs is the better message.
  private func check() throws(Failure) {
    if from != nil {
      if let option = options.firstGiven ?? then.firstGiven {
        throw .usage("\(option) says nothing about the jobs of --from: each line says it of itself")
      }
      guard command.isEmpty else { throw .usage("either a command or --from is expected, not both") }
    } else if options.payload != nil {
      guard command.isEmpty else { throw .usage("either a command or --payload is expected, not both") }
    } else if command.isEmpty {
      throw .usage("a command is expected: jobq enqueue [options] [--] COMMAND [ARG…]")
    }
  }
}

/// As much of the reply to an enqueue as is used at once.
private struct EnqueuedJob: Decodable {
  var id: JobID
  var attempt: Int
  var splitOutput: Bool

  enum CodingKeys: String, CodingKey {
    case id, attempt
    case splitOutput = "split_output"
  }
}

/// What the caller does once the job is added.
struct AfterEnqueue: ParsableArguments {
  @Flag(
    name: .customLong("wait"), help: "Wait for the end, and exit as the job did. The number goes to standard error.")
  var waits = false

  @Flag(name: .customLong("follow"), help: "Show the output as it comes, over retries, and exit as the job did.")
  var follows = false

  /// The first option that was given.
  var firstGiven: String? { waits ? "--wait" : follows ? "--follow" : nil }
}
