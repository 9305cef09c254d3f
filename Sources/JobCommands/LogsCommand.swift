import ArgumentParser
import ControlClient
import Glibc
import JobModel

struct LogsCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "logs", abstract: "Show what jobs wrote.",
    discussion: """
      Of the latest attempt, or with -f of it and all that follow, until the job has ended; then the exit code is 0 however it ended. \
      Of a job with --split-output both streams are shown, one after the other; with -f as they come.

      Of several jobs each log has a line before it. There is no JSON form: --json is for the errors of scripts that give it to \
      every verb.
      """)

  @OptionGroup var selection: JobSelection

  @Flag(name: .shortAndLong, help: "Go on as more is written, over retries.")
  var follow = false

  @Option(
    parsing: .unconditional, help: ArgumentHelp("Of this attempt only, the first is 1.", valueName: "n"),
    transform: Values.attempt)
  var attempt: Int?

  @Option(
    parsing: .unconditional, help: ArgumentHelp("Only the last lines.", valueName: "n"), transform: Values.lineCount)
  var tail: Int?

  @Flag(help: "Standard output only, of a job with --split-output.")
  var stdout = false

  @Flag(help: "Standard error only, of a job with --split-output.")
  var stderr = false

  @OptionGroup var common: CommonOptions

  func validate() throws {
    try selection.validateNotEmpty()
    if stdout, stderr { throw ValidationError("--stdout or --stderr, not both; without them both are shown") }
    if follow, selection.ids.flatMap(\.all).count != 1 { throw ValidationError("-f follows one job") }
  }

  func run() throws {
    let client = common.client
    let ids = try selection.resolve(client, states: Set(JobState.allCases))
    if follow, let id = ids.first { return try follow(id, client) }
    try forEach(ids) { id in
      var query = LogQuery()
      query.attempt = attempt
      query.stream = stream
      query.tail = tail
      let reply = try client.log(id, query)
      // As tail(1) heads several files.
      if ids.count > 1 { try Output.write("\(id == ids.first ? "" : "\n")==> job \(id) <==\n") }
      while let bytes = try reply.next() { try Output.write(bytes, to: STDOUT_FILENO) }
    }
  }

  private var stream: String? { stdout ? "stdout" : stderr ? "stderr" : nil }

  private func follow(_ id: JobID, _ client: ControlClient) throws {
    struct Standing: Decodable {
      var attempt: Int
      var splitOutput: Bool

      enum CodingKeys: String, CodingKey {
        case attempt
        case splitOutput = "split_output"
      }
    }
    let job: Standing = try ControlClient.decode(try client.job(id))
    var outputs = LogFollower.Output.all(split: job.splitOutput)
    if let stream { outputs = [LogFollower.Output(stream: stream, descriptor: STDOUT_FILENO)] }
    // `logs` shows; unlike `enqueue --follow` it does not stand in for the command.
    for index in outputs.indices { outputs[index].descriptor = STDOUT_FILENO }
    try LogFollower(
      client: client, id: id, attempt: attempt ?? max(1, job.attempt), outputs: outputs, tail: tail
    ).run(overRetries: attempt == nil)
  }
}
