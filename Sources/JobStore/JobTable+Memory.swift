import JobModel
import SQLite

/// How `WriterMemory` is filled.
extension JobTable {
  // MARK: Numbers

  func nextNumber() throws(SQLiteError) -> JobID {
    var numbers = try knownNumbers()
    numbers.last += 1
    memory.numbers = numbers
    return JobID(numbers.last)
  }

  /// Before a job is removed: the numbers that were given out stay given out.
  func keepNumbers() throws(SQLiteError) {
    var numbers = try knownNumbers()
    guard numbers.kept < numbers.last else { return }
    try statements[.keepNumber].bind(numbers.last).run()
    numbers.kept = numbers.last
    memory.numbers = numbers
  }

  private func knownNumbers() throws(SQLiteError) -> JobNumbers {
    if let numbers = memory.numbers { return numbers }
    let found = try statements[.numbers].first { row throws(SQLiteError) in
      (newest: try row.read(Int64.self), kept: try row.read(Int64.self))
    }
    guard let found else { throw .corrupt("the store has no row", doing: Query.numbers.sql) }
    return JobNumbers(last: max(found.newest, found.kept), kept: found.kept)
  }

  // MARK: Queues

  /// Reads all queues: once, at the start.
  func findReadyQueues() throws(SQLiteError) {
    let rows = try statements[.standings].all { row throws(SQLiteError) in
      (try row.read(String.self), ReadyQueues.Standing(queued: try row.read(), isPaused: try row.read()))
    }
    for (queue, standing) in rows { memory.ready.set(queue, standing) }
  }

  /// Those that are not paused and have a job queued.
  func readyQueues() throws(SQLiteError) -> [String] {
    try learnReadyQueues()
    return Array(memory.ready.names)
  }

  func isReady(_ queue: String) throws(SQLiteError) -> Bool {
    try learnReadyQueues()
    return memory.ready.names.contains(queue)
  }

  private func learnReadyQueues() throws(SQLiteError) {
    noteReady()
    guard !memory.ready.unknown.isEmpty else { return }
    try count()
    for queue in memory.ready.unknown {
      let standing: ReadyQueues.Standing? = try statements[.standing].bind(queue).first { row throws(SQLiteError) in
        ReadyQueues.Standing(queued: try row.read(), isPaused: try row.read())
      }
      memory.ready.set(queue, standing)
    }
  }

  // MARK: Ties

  /// Whether there is a job that depends, or depended, on another.
  func anyDepends() throws(SQLiteError) -> Bool { try ties().dependencies }

  /// Which tables hold anything at all.
  func ties() throws(SQLiteError) -> JobReader.Ties {
    if let ties = memory.ties { return ties }
    let ties = JobReader.Ties(labels: try holds(.anyLabel), dependencies: try holds(.anyDependency))
    memory.ties = ties
    return ties
  }

  private func holds(_ query: Query) throws(SQLiteError) -> Bool {
    try statements[query].first { _ throws(SQLiteError) in true } ?? false
  }
}
