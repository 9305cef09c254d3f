import JobModel
import SQLite

extension JobTable {
  /// A queue as a claim takes from it.
  private struct Line {
    let queue: String
    var room: QueueRoom
    /// How far its rate has been used; nil where it has none.
    var pace: Pace?
    var head: Head?
  }

  /// The next job of a queue, and what it is ordered by beside the queue's priority.
  private struct Head {
    var id: JobID
    var priority: Int
    /// Of a job that counts against a key's limit.
    var key: String?

    func comes(before other: Head) -> Bool { priority != other.priority ? priority > other.priority : id < other.id }
  }

  /// Takes the best of the queues' heads, again and again: the cost goes with what is taken, what runs, and the number
  /// of queues, never with how much waits in them.
  /// - Throws: `NeedsSync` where a job with another `on_interrupt` than `retry` would be taken in a transaction
  ///   that is not synced: after a power cut nobody would know that it had been started.
  func claim(_ request: ClaimRequest, isSynced: Bool, at moment: Moment) throws -> ClaimReport {
    var report = ClaimReport()
    guard request.limit > 0, try reader.pause() == nil else { return report }
    var lines: [Line] = []
    for queue in try statements[.readyQueues].all({ row throws(SQLiteError) in try row.read(String.self) }) {
      let room = request.rooms[queue] ?? QueueRoom(QueueLimits())
      guard try keyLabel(of: queue) == room.perKey?.label else { continue }
      var line = Line(queue: queue, room: room)
      if let rate = room.rate { line.pace = try reader.startTimes(of: queue).pace(rate, at: moment) }
      line.head = try head(of: line, at: moment, &report)
      if line.head != nil { lines.append(line) }
    }
    while report.attempts.count < request.limit, let best = Self.best(of: lines), let head = lines[best].head {
      let row = try find(head.id)
      guard isSynced || row.onInterrupt == .retry else { throw NeedsSync() }
      let attempt = try start(row, at: moment)
      report.attempts.append(attempt)
      lines[best].room.take(attempt.spec.labels)
      if lines[best].pace != nil { try noteStart(in: &lines[best], at: moment) }
      lines[best].head = try self.head(of: lines[best], at: moment, &report)
      if lines[best].head == nil { lines.remove(at: best) }
    }
    return report
  }

  private static func best(of lines: [Line]) -> Int? {
    lines.indices.min { left, right in
      let (left, right) = (lines[left], lines[right])
      if left.room.priority != right.room.priority { return left.room.priority > right.room.priority }
      guard let first = left.head, let second = right.head else { return left.head != nil }
      return first.comes(before: second)
    }
  }

  /// The queue's next job that its limits let start now. Where its rate alone holds one back, the report learns until
  /// when.
  private func head(of line: Line, at moment: Moment, _ report: inout ClaimReport) throws(SQLiteError) -> Head? {
    if let places = line.room.places, places <= 0 { return nil }
    var head: Head? = try statements[.nextInQueue].bind(line.queue).bind(JobRow.Kind.command).first {
      row throws(SQLiteError) in Head(id: try row.read(), priority: try row.read())
    }
    if let perKey = line.room.perKey, let keyed = try headOfLanes(line.queue, .command, perKey),
      head.map(keyed.comes(before:)) ?? true
    {
      head = keyed
    }
    if head != nil, let wait = line.pace?.wait, wait > .zero {
      report.nextStart = min(report.nextStart ?? .max, moment.boot + wait.milliseconds)
      return nil
    }
    return head
  }

  /// The best head of those lanes whose key has room. Those that have none are passed over: no more than what runs.
  private func headOfLanes(_ queue: String, _ kind: JobRow.Kind, _ room: KeyRoom) throws(SQLiteError) -> Head? {
    let lanes = try statements[.lanesInOrder].bind(queue).bind(kind)
    defer { lanes.reset() }
    while try lanes.step() {
      let head = Head(id: try lanes.read(), priority: try lanes.read(), key: try lanes.read())
      if let key = head.key, room.lets(key) { return head }
    }
    return nil
  }

  /// Counts a start against the queue's rate, in the transaction of the claim: so it holds over restarts.
  private func noteStart(in line: inout Line, at moment: Moment) throws(SQLiteError) {
    line.pace?.start()
    guard let pace = line.pace else { return }
    let times = StartTimes(pace, at: moment)
    try statements[.setStartTimes].bind(times.wall).bind(times.boot).bind(line.queue).run()
  }
}
