import JobModel
import SQLite

extension JobTable {
  /// How long a request id answers with the job that it was answered with before.
  static let requestMemory = TimeSpan.hours(24)

  /// Adds jobs; throws before any is kept for good, since the caller rolls its savepoint back.
  func enqueue(_ specs: [EncodedSpec], at moment: Moment) throws -> [Enqueued] {
    var answers: [Enqueued] = []
    answers.reserveCapacity(specs.count)
    for spec in specs { answers.append(try enqueue(spec, at: moment)) }
    return answers
  }

  private func enqueue(_ encoded: EncodedSpec, at moment: Moment) throws -> Enqueued {
    let spec = encoded.spec
    if let request = spec.requestID {
      let since = Timestamp(milliseconds: moment.wall.milliseconds - Self.requestMemory.milliseconds)
      let known: JobID? = try statements[.findRequest].bind(request).bind(since).first { row throws(SQLiteError) in
        try row.read()
      }
      if let known { return Enqueued(id: known, isNew: false) }
    }
    if let key = spec.uniqueKey, let live = try owner(ofKey: key) {
      try remember(spec.requestID, live, at: moment)
      return Enqueued(id: live, isNew: false)
    }
    let id = try insert(encoded, at: moment)
    try remember(spec.requestID, id, at: moment)
    return Enqueued(id: id, isNew: true)
  }

  /// The live job that has this unique key.
  func owner(ofKey key: String) throws(SQLiteError) -> JobID? {
    try statements[.findUnique].bind(key).first { row throws(SQLiteError) in try row.read() }
  }

  private func remember(_ request: String?, _ id: JobID, at moment: Moment) throws(SQLiteError) {
    guard let request else { return }
    try statements[.insertRequest].bind(request).bind(id).bind(moment.wall).run()
  }

  private func insert(_ encoded: EncodedSpec, at moment: Moment) throws -> JobID {
    let spec = encoded.spec
    let dependencies = encoded.dependencies
    var row = JobRow(spec, at: moment)
    var isResolved: [Bool] = []
    var failed: (id: JobID, state: JobState)?
    for (id, kind) in dependencies {
      guard let state = try reader.state(of: id) else {
        throw StoreError(
          .unknownDependency(id),
          "job \(id), on which the new job is to depend, is not in the store; it may have been removed")
      }
      isResolved.append(state.hasEnded)
      if !state.hasEnded { row.pending += 1 }
      if failed == nil, state.hasEnded, !kind.isSatisfied(by: state) { failed = (id, state) }
    }
    if let failed {
      row.cancel(because: failed.id, ended: failed.state, at: moment)
    } else {
      row.wait(held: spec.hold, at: moment)
    }
    let id = try add(row, at: moment)
    try encoded.insert(for: id, by: statements[.insertSpec])
    for (key, value) in spec.labels { try statements[.insertLabel].bind(id).bind(key).bind(value).run() }
    for ((other, kind), isResolved) in zip(dependencies, isResolved) {
      try statements[.insertDependency].bind(id).bind(other).bind(kind).bind(isResolved).run()
    }
    return id
  }
}
