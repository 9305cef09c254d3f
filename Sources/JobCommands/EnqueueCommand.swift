import ArgumentParser
import ControlClient
import FoundationEssentials
import Glibc
import JobModel

/// `jobq enqueue`.
struct EnqueueCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "enqueue", abstract: "Put a command into the queue and print its job's number.",
    usage: "jobq enqueue [options] [--] COMMAND [ARG …]\n       jobq enqueue [options] --from FILE",
    discussion:
      "The first word that is no option begins the command; what follows belongs to it. Once the number is printed, the job is on disk."
  )

  @OptionGroup var daemon: DaemonOptions
  @OptionGroup(title: "The job") var job: EnqueueOptions
  @Flag(name: .long, help: "Wait for its end and exit as it did; the number goes to standard error.") var wait = false
  @Flag(name: .long, help: "As --wait, and show the job's output as it comes.") var follow = false
  @Option(
    name: .long,
    help: ArgumentHelp("Many at once: one JSON job a line, of FILE or (-) standard input.", valueName: "FILE"),
    completion: .file())
  var from: String?
  @Argument(parsing: .postTerminator, help: ArgumentHelp("The program and its arguments.", valueName: "COMMAND"))
  var command: [String] = []

  mutating func validate() throws {
    if from != nil {
      if !command.isEmpty { throw ValidationError("give a command or --from, not both") }
      if wait || follow { throw ValidationError("--wait and --follow are for one job, and --from gives many") }
    } else if command.isEmpty {
      throw ValidationError("a command is expected, such as: jobq enqueue -- make release")
    }
  }

  mutating func run() throws {
    let client = daemon.client()
    if let from { return try BulkEnqueue(client: client, json: daemon.json).run(from) }
    var request = try job.request(isOwnDaemon: { try client.daemonUID() == getuid() })
    request.command = command
    // The same id answers with the same job: so a reply that was lost can be asked for again.
    request.requestID = Self.requestID()
    let body = try ControlClient.encode(request)
    var patience = Patience()
    // Nobody at the socket is said at once; only a connection that broke may have left a job behind it.
    _ = try client.daemonUID()
    let answer = try patience.persist { () throws(ClientError) in try client.data("POST", "/v1/jobs", body: body) }
    struct Number: Decodable { var id: JobID }
    let id = try client.decode(Number.self, answer).id
    guard wait || follow else { return daemon.json ? try Output.print(answer) : try Output.print("\(id)") }
    Output.note("\(id)")
    Interrupt.explain(id)
    var following = Following(client)
    let ended = follow ? try following.output(of: id, from: 1) : try following.end(of: id)
    if daemon.json, !follow { try Output.print(try ControlClient.encode(ended)) }
    Following.explain(ended)
    if let code = ended.exitStatus, code != 0 { throw Failure(Int32(code)) }
  }

  static func requestID() -> String {
    let alphabet = Array("0123456789abcdefghijklmnopqrstuvwxyz")
    return String((0..<25).map { _ in alphabet[Int.random(in: 0..<36)] })
  }
}
