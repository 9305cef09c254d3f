import ArgumentParser
import ControlClient
import JobModel

/// Conditions on jobs: all hold at once.
struct JobConditions: ParsableArguments {
  @Option(
    parsing: .unconditionalSingleValue,
    help: ArgumentHelp("Jobs in this state; several with commas between.", valueName: "state"),
    completion: .list(Values.words(JobState.self)), transform: Values.states)
  var state: [JobStates] = []

  @Option(
    name: .shortAndLong, parsing: .unconditional, help: ArgumentHelp("Jobs of this queue.", valueName: "name"),
    transform: Values.queue)
  var queue: String?

  @Option(
    name: .shortAndLong, parsing: .unconditionalSingleValue,
    help: ArgumentHelp("Jobs with this label; may be repeated.", valueName: "key=value"), transform: Values.label)
  var label: [Label] = []

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp("Jobs of this name; with a * at its end, all whose names begin so.", valueName: "name"),
    transform: Values.namePattern)
  var name: NamePattern?

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp(
      "Jobs added then or later: RFC 3339, the last HH:MM[:SS], or a duration, so long ago.", valueName: "time"),
    transform: Values.pastTime)
  var since: PastTime?

  @Option(
    parsing: .unconditional, help: ArgumentHelp("Jobs added before then.", valueName: "time"),
    transform: Values.pastTime)
  var until: PastTime?

  var isEmpty: Bool {
    state.isEmpty && queue == nil && label.isEmpty && name == nil && since == nil && until == nil
  }

  func filter() throws -> JobFilter {
    var filter = JobFilter()
    filter.states = Set(state.flatMap(\.all))
    filter.queue = queue
    for label in label {
      if let other = filter.labels.updateValue(label.value, forKey: label.key), other != label.value {
        throw Failure.usage("--label \(label.key) is given twice; no job has two values of one label")
      }
    }
    filter.name = name
    let now = Timestamp.now
    filter.since = since?.resolved(now: now)
    filter.until = until?.resolved(now: now)
    do throws(InvalidValue) { try filter.check() } catch { throw Failure.usage("--\(error.field): \(error.message)") }
    return filter
  }
}

/// The jobs that a verb is about: named by their numbers, or by what holds of them.
struct JobSelection: ParsableArguments {
  @Argument(
    help: ArgumentHelp("Jobs' numbers, as several words or with commas between.", valueName: "ID"),
    transform: Values.ids)
  var ids: [JobIDs] = []

  @OptionGroup(title: "Instead of numbers") var conditions: JobConditions

  func validate() throws {
    if !ids.isEmpty, !conditions.isEmpty {
      throw ValidationError(
        "either IDs name the jobs or --state, --queue, --label, --name, --since and --until, not both")
    }
  }

  /// Refuses a selection that names nothing.
  func validateNotEmpty() throws {
    if ids.isEmpty, conditions.isEmpty {
      throw ValidationError("no job is named: give an ID, or --state, --queue, --label, --name, --since or --until")
    }
  }

  /// The numbers that were given, each once.
  var named: [JobID] {
    var seen: Set<JobID> = []
    return ids.flatMap(\.all).filter { seen.insert($0).inserted }
  }

  /// The numbers, each once: in the order given, or, of a selection by conditions, oldest first.
  /// - Parameter states: that a selection without `--state` means.
  func resolve(_ client: ControlClient, states: Set<JobState>) throws -> [JobID] {
    guard ids.isEmpty else { return named }
    var found: [JobID] = []
    try forEachPage(client, states: states) { body in
      let page: Page = try ControlClient.decode(body)
      found += page.jobs.map(\.id)
    }
    return found.reversed()
  }

  /// Hands over the pages of the listing of a selection by conditions, newest first.
  func forEachPage(_ client: ControlClient, states: Set<JobState>, _ body: ([UInt8]) throws -> Void) throws {
    var filter = try conditions.filter()
    if filter.states.isEmpty { filter.states = states }
    filter.limit = JobFilter.limits.upperBound
    repeat {
      let page = try client.jobs(filter)
      try body(page)
      filter.before = try (ControlClient.decode(page) as Page).nextBefore
    } while filter.before != nil
  }

  /// A page of a listing, of which only the numbers count here.
  private struct Page: Decodable {
    struct Entry: Decodable { var id: JobID }
    var jobs: [Entry]
    var nextBefore: JobID?

    enum CodingKeys: String, CodingKey {
      case jobs
      case nextBefore = "next_before"
    }
  }
}

/// Does something to each job in turn. A refusal is reported, and the rest is done all the same; then the first refusal decides the exit code.
func forEach(_ ids: [JobID], _ body: (JobID) throws -> Void) throws {
  var first: Int32?
  for id in ids {
    do {
      try body(id)
    } catch let error as ClientError where error.problem != nil {
      complain(about: id, error)
      first = first ?? error.exitCode
    }
  }
  if let first { throw Failure(first) }
}
