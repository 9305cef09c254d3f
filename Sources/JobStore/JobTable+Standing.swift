import JobModel
import SQLite

/// What the writer knows of the database without asking: it alone changes it. What a rollback may have taken back is
/// forgotten, and read again when it is next needed.

/// The numbers of jobs: each is given out once, also where its job has been removed.
///
/// AUTOINCREMENT promises the same, for one more page of the log in every transaction that adds a job: it writes the
/// newest number each time. Here it is written when a job is removed that could have been the witness of it.
struct JobNumbers {
  /// The newest that was given out.
  var last: Int64
  /// As far as the database says so even without its jobs.
  var kept: Int64
}

/// A queue as a claim looks at it first.
struct QueueStanding {
  var queued: Int
  var isPaused: Bool
}

extension JobTable {
  // MARK: Numbers

  func nextNumber() throws(SQLiteError) -> JobID {
    var known = try knownNumbers()
    known.last += 1
    numbers = known
    return JobID(known.last)
  }

  /// Before a job is removed: the numbers that were given out stay given out.
  func keepNumbers() throws(SQLiteError) {
    var known = try knownNumbers()
    guard known.kept < known.last else { return }
    try statements[.keepNumber].bind(known.last).run()
    known.kept = known.last
    numbers = known
  }

  private func knownNumbers() throws(SQLiteError) -> JobNumbers {
    if let numbers { return numbers }
    let found = try statements[.numbers].first { row throws(SQLiteError) in
      (newest: try row.read(Int64.self), kept: try row.read(Int64.self))
    }
    guard let found else { throw .corrupt("the store has no row", doing: Query.numbers.sql) }
    return JobNumbers(last: max(found.newest, found.kept), kept: found.kept)
  }

  // MARK: Queues

  /// Those that are not paused and have a job queued.
  func readyQueues() throws(SQLiteError) -> [String] {
    if standings == nil { standings = try findStandings() }
    return (standings ?? [:]).filter { !$0.value.isPaused && $0.value.queued > 0 }.map(\.key)
  }

  private func findStandings() throws(SQLiteError) -> [String: QueueStanding] {
    let rows = try statements[.standings].all { row throws(SQLiteError) in
      (try row.read(String.self), QueueStanding(queued: try row.read(), isPaused: try row.read()))
    }
    return Dictionary(rows) { first, _ in first }
  }

  func noteQueued(_ change: Int, in queue: String) {
    guard change != 0, let known = standings?[queue] else {
      // One that is not known has just been made.
      if change != 0 { standings = nil }
      return
    }
    standings?[queue]?.queued = known.queued + change
  }

  // MARK: Ties

  /// Whether there is a job that depends, or depended, on another.
  func anyDepends() throws(SQLiteError) -> Bool { try ties().dependencies }

  /// Which tables hold anything at all.
  func ties() throws(SQLiteError) -> JobReader.Ties {
    if let knownTies { return knownTies }
    let ties = JobReader.Ties(labels: try holds(.anyLabel), dependencies: try holds(.anyDependency))
    knownTies = ties
    return ties
  }

  private func holds(_ query: Query) throws(SQLiteError) -> Bool {
    try statements[query].first { _ throws(SQLiteError) in true } ?? false
  }
}
