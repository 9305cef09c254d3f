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

  var isEmpty: Bool { state.isEmpty && queue == nil && label.isEmpty }

  func filter() throws -> JobFilter {
    var filter = JobFilter()
    filter.states = Set(state.flatMap(\.all))
    filter.queue = queue
    for label in label {
      if let other = filter.labels.updateValue(label.value, forKey: label.key), other != label.value {
        throw Failure.usage("--label \(label.key) is given twice; no job has two values of one label")
      }
    }
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
      throw ValidationError("either IDs or --state, --queue and --label name the jobs, not both")
    }
  }

  /// Refuses a selection that names nothing.
  func validateNotEmpty() throws {
    if ids.isEmpty, conditions.isEmpty {
      throw ValidationError("no job is named: give an ID, or --state, --queue or --label")
    }
  }

  /// The numbers, each once: in the order given, or, of a selection by conditions, oldest first.
  /// - Parameter states: that a selection without `--state` means.
  func resolve(_ client: ControlClient, states: Set<JobState>) throws -> [JobID] {
    if !ids.isEmpty {
      var seen: Set<JobID> = []
      return ids.flatMap(\.all).filter { seen.insert($0).inserted }
    }
    var filter = try conditions.filter()
    if filter.states.isEmpty { filter.states = states }
    filter.limit = JobFilter.limits.upperBound
    var found: [JobID] = []
    repeat {
      let page: Page = try ControlClient.decode(try client.jobs(filter))
      found += page.jobs.map(\.id)
      filter.before = page.nextBefore
    } while filter.before != nil
    return found.reversed()
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

extension JobState {
  static let live: Set<JobState> = [.held, .blocked, .scheduled, .queued, .running]
  static let ended: Set<JobState> = [.succeeded, .failed, .cancelled]
}
