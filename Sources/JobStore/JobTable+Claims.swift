import JobModel
import SQLite

extension JobTable {
  /// A queue as a claim takes from it.
  private struct Line {
    let queue: String
    let kind: JobRow.Kind
    var room: QueueRoom
    /// Those that count against no key, as far as they have been looked up, and the place of the next of them.
    var found: [JobRow] = []
    var next = 0
    /// How far its rate has been used; nil where it has none.
    var pace: Pace?
    var head: Head?

    /// Where its head is one of those that have been looked up: its row, which is taken.
    mutating func takeFound() -> JobRow? {
      guard next < found.count, found[next].id == head?.id else { return nil }
      next += 1
      return found[next - 1]
    }
  }

  /// The next job of a queue, and what it is ordered by beside the queue's priority.
  private struct Head {
    var id: JobID
    var priority: Int

    init(id: JobID, priority: Int) { (self.id, self.priority) = (id, priority) }
    init(_ row: JobRow) { self.init(id: row.id, priority: row.priority) }

    func comes(before other: Head) -> Bool { priority != other.priority ? priority > other.priority : id < other.id }
  }

  /// See `JobStore.claim`.
  func claim(_ request: ClaimRequest, at moment: Moment) throws -> ClaimReport {
    try claim(request, from: readyQueues(), at: moment)
  }

  /// The same, of one that has waited since there was nothing that it could take: from the queues in which something is new;
  /// and from all, for as many as the transaction has freed slots.
  func claimAgain(_ request: ClaimRequest, at moment: Moment) throws -> ClaimReport {
    let free = freed.filter { !$0.isTaken }
    guard !free.isEmpty else {
      guard request.limit > 0 else { return ClaimReport() }
      let ready = try Set(news).filter { queue throws in try isReady(queue) }
      return try claim(request, from: Array(ready), at: moment)
    }
    var request = request
    request.limit += free.count
    var report = try claim(request, from: readyQueues(), at: moment)
    // Who asked may ask again for what it has itself.
    for (index, slot) in zip(report.attempts.indices, free) {
      slot.take()
      passedOn.append(slot)
      report.attempts[index].slot = slot
    }
    return report
  }

  private func claim(_ request: ClaimRequest, from queues: [String], at moment: Moment) throws -> ClaimReport {
    var report = ClaimReport()
    report.nextStart = try take(request, .command, from: queues, at: moment) { row in
      report.attempts.append(try start(row, at: moment))
      return true
    }
    return report
  }

  /// Takes the best of the queues' heads, again and again: the cost goes with what is taken, what runs, and the number
  /// of queues, never with how much waits in them.
  /// - Parameters:
  ///   - queues: by name; none of them paused.
  ///   - start: makes a job `running`; false ends the taking.
  /// - Returns: when a rate lets the first of those start that it alone holds back; see `ClaimReport.nextStart`.
  ///
  /// Where a job with another `on_interrupt` than `retry` is taken, the transaction must be synced: after a power cut
  /// nobody would know that it had been started.
  func take(
    _ request: ClaimRequest, _ kind: JobRow.Kind, from queues: [String], at moment: Moment,
    _ start: (JobRow) throws -> Bool
  ) throws -> Int64? {
    guard request.limit > 0, !queues.isEmpty, try reader.pause() == nil else { return nil }
    var nextStart: Int64?
    var lines: [Line] = []
    // Of one queue all may come; of many few of each.
    let step = queues.count == 1 ? Int.max : 4
    for queue in queues {
      let room = request.rooms[queue] ?? QueueRoom(QueueLimits())
      guard try keyLabel(of: queue) == room.perKey?.label else { continue }
      var line = Line(queue: queue, kind: kind, room: room)
      if let rate = room.rate {
        line.pace = try reader.startTimes(of: queue).pace(rate, at: moment)
        if line.pace?.isShortened == true { try notePace(of: line, at: moment) }
      }
      try findHead(of: &line, among: min(request.limit, step), at: moment, &nextStart)
      if line.head != nil { lines.append(line) }
    }
    var taken = 0
    while taken < request.limit, let best = Self.best(of: lines), let head = lines[best].head {
      let row = try lines[best].takeFound() ?? find(head.id)
      if row.onInterrupt != .retry { mustSync = true }
      let goesOn = try start(row)
      taken += 1
      lines[best].room.take()
      if lines[best].pace != nil { try noteStart(in: &lines[best], at: moment) }
      try findHead(of: &lines[best], among: min(request.limit - taken, step), at: moment, &nextStart)
      if lines[best].head == nil { lines.remove(at: best) }
      if !goesOn { break }
    }
    return nextStart
  }

  private static func best(of lines: [Line]) -> Int? {
    lines.indices.min { left, right in
      let (left, right) = (lines[left], lines[right])
      if left.room.priority != right.room.priority { return left.room.priority > right.room.priority }
      guard let first = left.head, let second = right.head else { return left.head != nil }
      return first.comes(before: second)
    }
  }

  /// Finds the queue's next job that its limits let start now. Where its rate alone holds one back, `nextStart` learns
  /// until when.
  /// - Parameter most: how many may still be taken: so many are looked up at once.
  private func findHead(of line: inout Line, among most: Int, at moment: Moment, _ nextStart: inout Int64?)
    throws(SQLiteError)
  {
    line.head = nil
    guard most > 0, line.room.places ?? 1 > 0 else { return }
    if line.next == line.found.count {
      let most = min(most, line.room.places ?? most)
      line.found = try statements[.nextInQueue].bind(line.queue).bind(line.kind).bind(most).all {
        row throws(SQLiteError) in try JobRow(row)
      }
      line.next = 0
    }
    var head = line.next < line.found.count ? Head(line.found[line.next]) : nil
    if let perKey = line.room.perKey, let keyed = try headOfLanes(line.queue, line.kind, perKey),
      head.map(keyed.comes(before:)) ?? true
    {
      head = keyed
    }
    if head != nil, let wait = line.pace?.wait, wait > .zero {
      nextStart = min(nextStart ?? .max, moment.boot + wait.milliseconds)
      return
    }
    line.head = head
  }

  /// The best head of those lanes whose key has room. Those that have none are passed over: no more than what runs.
  private func headOfLanes(_ queue: String, _ kind: JobRow.Kind, _ limit: KeyLimit) throws(SQLiteError) -> Head? {
    let lanes = try statements[.lanesInOrder].bind(queue).bind(kind)
    defer { lanes.reset() }
    while try lanes.step() {
      let head = Head(id: try lanes.read(), priority: try lanes.read())
      let running = try statements[.runningWithKey].bind(queue).bind(lanes.read(String.self)).bind(limit.concurrency)
        .all { row throws(SQLiteError) in try row.read(JobID.self) }
      if running.count < limit.concurrency { return head }
    }
    return nil
  }

  /// Counts a start against the queue's rate, in the transaction of the claim: so it holds over restarts. (A power cut
  /// may take back a claim that was not synced, and its start with it: the job runs again at once.)
  private func noteStart(in line: inout Line, at moment: Moment) throws(SQLiteError) {
    line.pace?.start()
    try notePace(of: line, at: moment)
  }

  private func notePace(of line: Line, at moment: Moment) throws(SQLiteError) {
    guard let pace = line.pace else { return }
    let times = StartTimes(pace, at: moment)
    try statements[.setStartTimes].bind(times.wall).bind(times.boot).bind(line.queue).run()
  }
}
