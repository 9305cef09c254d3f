import JobModel
import SQLite

extension JobTable {
  func prune(_ policy: RetentionPolicy, at moment: Moment, limit: Int) throws -> PruneReport {
    let queues = try reader.queueNames()
    // One more than may go tells whether there is another.
    var going = Going(room: limit + 1)
    for queue in queues {
      try expire(policy.queues[queue] ?? policy, in: queue, at: moment, &going)
      guard let most = policy.queues[queue]?.maxJobs else { continue }
      let total = try reader.queue(queue)?.counts.total ?? 0
      try thin([queue], by: total - going.count(in: queue) - most, &going)
    }
    if let most = policy.maxJobs { try thin(queues, by: reader.total() - going.ids.count - most, &going) }
    let removed = Array(going.ids.prefix(limit))
    for id in removed { try drop(find(id), at: moment) }
    let isMoreForgotten = try forgetRequests(at: moment)
    try shrink()
    return PruneReport(removed: removed, more: going.ids.count > limit || isMoreForgotten)
  }

  /// The jobs that are to go, in order.
  private struct Going {
    var room: Int
    private(set) var ids: [JobID] = []
    private var taken: Set<JobID> = []
    private var counts: [String: Int] = [:]

    init(room: Int) { self.room = room }

    func contains(_ id: JobID) -> Bool { taken.contains(id) }
    func count(in queue: String) -> Int { counts[queue] ?? 0 }

    mutating func add(_ id: JobID, of queue: String) {
      ids.append(id)
      taken.insert(id)
      counts[queue, default: 0] += 1
      room -= 1
    }
  }

  /// Those whose time is over.
  private func expire(_ policy: RetentionPolicy, in queue: String, at moment: Moment, _ going: inout Going)
    throws(SQLiteError)
  {
    for (state, span) in [
      (JobState.succeeded, policy.succeeded), (.failed, policy.failed), (.cancelled, policy.cancelled),
    ] {
      guard let span else { continue }
      let through = Timestamp(milliseconds: moment.wall.milliseconds - span.milliseconds)
      for job in try reader.free(in: queue, state, through: through, limit: going.room) { going.add(job.id, of: queue) }
    }
  }

  /// Those beyond the most that are kept: over all states and queues the one that ended first first.
  private func thin(_ queues: [String], by excess: Int, _ going: inout Going) throws(SQLiteError) {
    let count = min(excess, going.room)
    guard count > 0 else { return }
    var ended: [(id: JobID, at: Timestamp, queue: String)] = []
    for queue in queues {
      for state in [JobState.succeeded, .failed, .cancelled] {
        let free = try reader.free(
          in: queue, state, through: Timestamp(milliseconds: .max), limit: count + going.count(in: queue))
        for job in free where !going.contains(job.id) { ended.append((job.id, job.at, queue)) }
      }
    }
    for job in ended.sorted(by: { ($0.at, $0.id) < ($1.at, $1.id) }).prefix(count) { going.add(job.id, of: job.queue) }
  }

  /// Gives pages back to the file system where more than a quarter of the file is free, a few at a time; fewer
  /// are kept for the next jobs.
  func shrink() throws(SQLiteError) {
    let free = try statements[.freePages].first { row throws(SQLiteError) in try row.read(Int.self) } ?? 0
    guard free > 1024 else { return }
    let pages = try statements[.pages].first { row throws(SQLiteError) in try row.read(Int.self) } ?? 0
    if free > pages / 4 { try statements[.shrink].run() }
  }
}
