import ArgumentParser
import ControlClient
import JobModel

struct PruneCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "prune", abstract: "Take ended jobs, or their output, out now.",
    discussion: """
      Without a condition: what the configuration's retention lets go, which the daemon does by itself every hour. A job that one which \
      has not ended depends on stays. The file shrinks as jobs go.
      """)

  @Option(
    parsing: .unconditionalSingleValue,
    help: ArgumentHelp(
      "Jobs that ended so: succeeded, failed, cancelled; several with commas between. (default: all three)",
      valueName: "state"), completion: .list(JobState.allCases.filter(\.hasEnded).map(\.rawValue)),
    transform: Values.states)
  var state: [JobStates] = []

  @Option(
    name: .shortAndLong, parsing: .unconditional, help: ArgumentHelp("Jobs of this queue.", valueName: "name"),
    transform: Values.queue)
  var queue: String?

  @Option(
    parsing: .unconditional, help: ArgumentHelp("Jobs that ended at least so long ago.", valueName: "DUR"),
    transform: Values.span)
  var olderThan: TimeSpan?

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp("All of them but the newest, so many.", valueName: "n"), transform: Values.jobCount)
  var keep: Int?

  @Flag(help: "Their output only; the jobs stay.")
  var logsOnly = false

  @Flag(help: "Only count.")
  var dryRun = false

  @Flag(
    name: .shortAndLong, help: "Ask nothing. Without it a terminal is asked first where more than 10 jobs are meant.")
  var yes = false

  @OptionGroup var common: CommonOptions

  func validate() throws {
    do throws(InvalidValue) { try request.check() } catch {
      let option = error.field == "body" ? "" : "--\(error.field): "
      throw ValidationError(
        error.field == "body"
          ? "--dry-run and --logs-only need a condition: --state, --queue, --older-than or --keep"
          : option + error.message)
    }
  }

  private var request: PruneRequest {
    var request = PruneRequest()
    if !state.isEmpty { request.state = state.flatMap(\.all) }
    request.queue = queue
    request.olderThan = olderThan
    request.keep = keep
    if logsOnly { request.logsOnly = true }
    if dryRun { request.dryRun = true }
    return request
  }

  func run() throws {
    let client = common.client
    if !yes, !dryRun, !request.isUnconditional, Confirmation.isPossible {
      var question = request
      question.dryRun = true
      let receipt: PruneReceipt = try ControlClient.decode(try client.prune(question))
      let what = logsOnly ? "the output of \(receipt.matched.jobs)" : receipt.matched.jobs
      try Confirmation.ask("prune \(what)?", of: receipt.matched, unless: false)
    }
    let body = try client.prune(request)
    if common.json { return try Output.write(json: body) }
    let receipt: PruneReceipt = try ControlClient.decode(body)
    if dryRun { return try Output.write("prune: \(receipt.matched.jobs) meant; nothing was changed\n") }
    let kept = receipt.matched - receipt.removed
    try Output.write(
      (logsOnly ? "output of \(receipt.removed.jobs) removed" : "\(receipt.removed.jobs) removed")
        + (kept > 0 ? "; \(kept) stay: live jobs depend on them, or they went on meanwhile" : "") + "\n")
  }
}
