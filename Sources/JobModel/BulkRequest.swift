/// What can be asked of many jobs at once: the verbs of `POST /v1/bulk/{verb}`.
package enum BulkVerb: String, CaseIterable, Sendable {
  case cancel, retry, hold, release, remove

  /// The states that a selection without any means.
  package var states: Set<JobState> {
    switch self {
    case .cancel: [.held, .blocked, .scheduled, .queued, .running]
    case .retry: [.failed]
    case .hold: [.blocked, .scheduled, .queued]
    case .release: [.held]
    case .remove: [.succeeded, .failed, .cancelled]
    }
  }

  /// Whether the latest job comes first. What depends on others was added after them: taken first, it ends by
  /// itself, instead of with the whole chain above it in one step, and nothing that is left depends on it.
  package var isNewestFirst: Bool { self == .cancel || self == .remove || self == .hold }
}

/// The body of `POST /v1/bulk/{verb}`: which jobs are meant. All conditions hold at once; at least one is needed.
package struct BulkRequest: Sendable, Hashable, Codable {
  package var state: [JobState]?
  package var queue: String?
  package var labels: [String: String]?
  /// A name, or with a trailing `*` the beginning of one.
  package var name: String?
  package var since: Timestamp?
  package var until: Timestamp?
  /// Of a retry: retry those that their ends cancelled, too.
  package var withDependents: Bool?
  /// Only count.
  package var dryRun: Bool?

  package init() {}

  package init(_ filter: JobFilter) {
    if !filter.states.isEmpty { state = JobState.allCases.filter(filter.states.contains) }
    queue = filter.queue
    if !filter.labels.isEmpty { labels = filter.labels }
    name = filter.name?.description
    since = filter.since
    until = filter.until
  }

  package enum CodingKeys: String, CodingKey, CaseIterable {
    case state, queue, labels, name, since, until
    case withDependents = "with_dependents"
    case dryRun = "dry_run"
  }

  package init(from decoder: any Decoder) throws {
    try decoder.refuseUnknownKeys(CodingKeys.self)
    let c = try decoder.container(keyedBy: CodingKeys.self)
    state = try c.decodeIfPresent([JobState].self, forKey: .state)
    queue = try c.decodeIfPresent(String.self, forKey: .queue)
    labels = try c.decodeIfPresent([String: String].self, forKey: .labels)
    name = try c.decodeIfPresent(String.self, forKey: .name)
    since = try c.decodeIfPresent(Timestamp.self, forKey: .since)
    until = try c.decodeIfPresent(Timestamp.self, forKey: .until)
    withDependents = try c.decodeIfPresent(Bool.self, forKey: .withDependents)
    dryRun = try c.decodeIfPresent(Bool.self, forKey: .dryRun)
  }

  /// The jobs that are meant. Throws `InvalidValue` where that is all of them, or can be none.
  package func filter(for verb: BulkVerb) throws(InvalidValue) -> JobFilter {
    var filter = JobFilter()
    filter.states = Set(state ?? [])
    filter.queue = queue
    filter.labels = labels ?? [:]
    filter.since = since
    filter.until = until
    if let name {
      guard let pattern = NamePattern(name) else {
        throw InvalidValue("name", "1 to 256 bytes without control characters are expected")
      }
      filter.name = pattern
    }
    guard !filter.isUnconditional else {
      throw InvalidValue("body", "it names no condition: state, queue, labels, name, since or until")
    }
    guard verb == .retry || withDependents != true else {
      throw InvalidValue("with_dependents", "only a retry brings dependents back")
    }
    try filter.check()
    if filter.states.isEmpty { filter.states = verb.states }
    return filter
  }
}

/// What became of a bulk verb. What matched and was neither changed nor refused had moved on by itself meanwhile.
package struct BulkReport: Sendable, Hashable, Codable {
  /// How many jobs fitted when the verb began.
  package var matched: Int
  package var changed: Int
  package var refused: Int
  /// Why the first of the refused was.
  package var firstProblem: Problem?

  package init(matched: Int, changed: Int = 0, refused: Int = 0, firstProblem: Problem? = nil) {
    self.matched = matched
    self.changed = changed
    self.refused = refused
    self.firstProblem = firstProblem
  }

  package enum CodingKeys: String, CodingKey, CaseIterable {
    case matched, changed, refused
    case firstProblem = "first_problem"
  }

  package func encode(to encoder: any Encoder) throws {
    var c = encoder.container(keyedBy: CodingKeys.self)
    try c.encode(matched, forKey: .matched)
    try c.encode(changed, forKey: .changed)
    try c.encode(refused, forKey: .refused)
    try c.encode(firstProblem, forKey: .firstProblem)
  }
}
