import JobModel
import SQLite

extension JobTable {
  /// Adds jobs; throws before any is kept for good, since the caller rolls its savepoint back.
  func enqueue(_ specs: [EncodedSpec], at moment: Moment) throws -> [Enqueued] {
    var answers: [Enqueued] = []
    answers.reserveCapacity(specs.count)
    for spec in specs {
      switch try enqueue(spec, among: answers, at: moment) {
      case .existing(let id): answers.append(Enqueued(id: id, isNew: false))
      case .new(let row): answers.append(Enqueued(id: row.id, isNew: true))
      }
    }
    return answers
  }

  /// Adds one job and gives it as it now is. A new one is not read back: its row and its spec are at hand.
  func enqueueOne(_ encoded: EncodedSpec, at moment: Moment) throws -> EnqueuedJob {
    switch try enqueue(encoded, among: [], at: moment) {
    case .new(let row): return EnqueuedJob(job: try row.told(encoded.spec), isNew: true)
    case .existing(let id):
      guard let job = try reader.job(id) else {
        throw StoreError(.noSuchJob(id), "job \(id), which this request_id stands for, has been removed")
      }
      return EnqueuedJob(job: job, isNew: false)
    }
  }

  private enum Answer {
    case new(JobRow)
    case existing(JobID)
  }

  /// - Parameter earlier: the answers to the jobs before it in the same call.
  private func enqueue(_ encoded: EncodedSpec, among earlier: [Enqueued], at moment: Moment) throws -> Answer {
    if let request = encoded.spec.requestID {
      if let known = try reader.answer(to: request, at: moment) { return .existing(known) }
    }
    if let key = encoded.spec.uniqueKey, let live = try owner(ofKey: key) {
      try remember(encoded.spec.requestID, live, at: moment)
      return .existing(live)
    }
    let row = try insert(encoded, among: earlier, at: moment)
    try remember(encoded.spec.requestID, row.id, at: moment)
    return .new(row)
  }

  /// The live job that has this unique key.
  func owner(ofKey key: String) throws(SQLiteError) -> JobID? {
    try statements[.findUnique].bind(key).first { row throws(SQLiteError) in try row.read() }
  }

  private func insert(_ encoded: EncodedSpec, among earlier: [Enqueued], at moment: Moment) throws -> JobRow {
    let dependencies = encoded.dependencies { earlier[$0].id }
    var row = JobRow(encoded.spec, at: moment)
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
      row.wait(held: encoded.spec.hold, at: moment)
    }
    row.limitKey = try keyLabel(of: encoded.spec.queue).flatMap { encoded.spec.labels[$0] }
    try add(&row, at: moment)
    let id = row.id
    try encoded.insert(for: id, by: statements[.insertSpec])
    for (key, value) in encoded.spec.labels { try add(label: key, value, to: id) }
    for ((other, kind), isResolved) in zip(dependencies, isResolved) {
      try statements[.insertDependency].bind(id).bind(other).bind(kind).bind(isResolved).run()
      memory.ties?.dependencies = true
    }
    try noteEnd(of: row, at: moment)
    return row
  }
}
