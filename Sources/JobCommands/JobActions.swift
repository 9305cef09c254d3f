import ArgumentParser
import ControlClient
import JobModel

/// What every verb that changes jobs takes beside its selection.
struct ActionOptions: ParsableArguments {
  @Flag(help: "Only show which jobs are meant.")
  var dryRun = false

  @Flag(
    name: .shortAndLong, help: "Ask nothing. Without it a terminal is asked first where more than 10 jobs are meant.")
  var yes = false
}

/// The verbs that ask one thing of each job.
protocol JobActionCommand: ParsableCommand {
  static var verb: BulkVerb { get }
  var selection: JobSelection { get }
  var options: ActionOptions { get }
  var common: CommonOptions { get }
  var withDependents: Bool { get }
}

extension JobActionCommand {
  var withDependents: Bool { false }

  func validate() throws { try selection.validateNotEmpty() }

  func run() throws {
    let client = common.client
    if options.dryRun { return try show(client) }
    guard selection.ids.isEmpty else { return try perform(on: selection.named, client) }
    try performInBulk(client)
  }

  private func perform(on ids: [JobID], _ client: ControlClient) throws {
    try Confirmation.ask("\(Self.verb.rawValue) \(ids.count) jobs?", of: ids.count, unless: options.yes)
    try forEach(ids) { id in
      let body = try client.perform(Self.verb, on: id, withDependents: withDependents)
      if Self.verb == .remove {
        try Output.write(common.json ? "{\"id\":\(id),\"removed\":true}\n" : "job \(id): removed\n")
      } else if common.json {
        try Output.write(json: body)
      } else {
        let job: JobGlance = try ControlClient.decode(body)
        try Output.write("job \(id): \(job.cancelling == true ? "is being cancelled" : job.state.printable)\n")
      }
    }
  }

  /// The daemon finds the jobs and does it, in one call.
  private func performInBulk(_ client: ControlClient) throws {
    var request = BulkRequest(try selection.conditions.filter())
    if withDependents { request.withDependents = true }
    if !options.yes, Confirmation.isPossible {
      request.dryRun = true
      let report: BulkReport = try ControlClient.decode(try client.perform(Self.verb, request))
      request.dryRun = nil
      try Confirmation.ask("\(Self.verb.rawValue) \(report.matched) jobs?", of: report.matched, unless: false)
    }
    let body = try client.perform(Self.verb, request)
    let report: BulkReport = try ControlClient.decode(body)
    if common.json {
      try Output.write(json: body)
    } else {
      try Output.write(BulkText.text(report, Self.verb))
    }
    if let problem = report.firstProblem {
      complain("\(report.refused.jobs) refused; the first: \(problem.detail.printable)")
      throw Failure(problem.code.exitCode)
    }
  }

  /// The jobs that are meant, as `list` shows them.
  private func show(_ client: ControlClient) throws {
    let terminal = Terminal.standardOutput
    var count = 0
    func show(_ jobs: [Job]) throws {
      count += jobs.count
      if !jobs.isEmpty { try Output.write(JobTable.text(jobs, now: .now, terminal)) }
    }
    if selection.ids.isEmpty {
      try selection.forEachPage(client, states: Self.verb.states) { page in
        if common.json { return try Output.write(json: page) }
        try show((ControlClient.decode(page) as JobPage).jobs)
      }
    } else {
      try forEach(selection.named) { id in
        let body = try client.job(id)
        if common.json { return try Output.write(json: body) }
        try show([ControlClient.decode(body)])
      }
    }
    if !common.json { try Output.write("\(Self.verb.rawValue): \(count.jobs) meant; nothing was changed\n") }
  }
}

/// What a bulk verb did, in a sentence.
enum BulkText {
  static func text(_ report: BulkReport, _ verb: BulkVerb) -> String {
    let past =
      switch verb {
      case .cancel: "cancelled"
      case .retry: "retried"
      case .hold: "held"
      case .release: "released"
      case .remove: "removed"
      }
    let left = report.matched - report.changed - report.refused
    return "\(report.changed.jobs) \(past)" + (left > 0 ? "; \(left) had moved on meanwhile" : "") + "\n"
  }
}

extension Int {
  /// `1 job`, `40000 jobs`.
  var jobs: String { self == 1 ? "1 job" : "\(self) jobs" }
}

/// As much of a job as a line about it needs. The state is text: a newer daemon may know more of them.
struct JobGlance: Decodable {
  var id: JobID
  var state: String
  var cancelling: Bool?
}
