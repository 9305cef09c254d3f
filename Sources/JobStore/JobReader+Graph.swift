import JobModel
import SQLite

/// What a job waits for and what waits for it: breadth first, so that what is near comes first, and bounded.
extension JobReader {
  func graph(_ id: JobID, limit: Int) throws(SQLiteError) -> JobGraph? {
    guard let state = try state(of: id) else { return nil }
    let waitsFor = try side(of: id, limit: limit) { id, _ throws(SQLiteError) in try dependencies(of: id) }
    let waitedForBy = try side(of: id, limit: limit) { id, most throws(SQLiteError) in
      try statements[.findDependents].bind(id).bind(most).all { row throws(SQLiteError) in
        (try row.read(), try row.read())
      }
    }
    return JobGraph(id: id, state: state, waitsFor: waitsFor, waitedForBy: waitedForBy)
  }

  /// - Parameter neighbours: of a job, the first so many of them or more.
  private func side(
    of id: JobID, limit: Int, neighbours: (JobID, Int) throws(SQLiteError) -> [(JobID, DependencyKind)]
  ) throws(SQLiteError) -> JobGraph.Side {
    var nodes: [JobGraph.Node] = []
    var seen: Set<JobID> = [id]
    var next = 0
    var current = id
    search: while true {
      // One more than may be taken, beside those that were seen already, tells whether there are more.
      for (other, kind) in try neighbours(current, JobGraph.reach + 1) where seen.insert(other).inserted {
        guard nodes.count < JobGraph.reach else { break search }
        nodes.append(JobGraph.Node(id: other, of: current, kind: kind.rawValue))
      }
      guard next < nodes.count else { break }
      current = nodes[next].id
      next += 1
    }
    var shown = Array(nodes.prefix(limit))
    for index in shown.indices { try describe(&shown[index]) }
    // Where the search ended by itself every node was looked at, and none is left that was only seen.
    return JobGraph.Side(jobs: shown, more: nodes.count - shown.count, complete: seen.count == nodes.count + 1)
  }

  private func describe(_ node: inout JobGraph.Node) throws(SQLiteError) {
    guard let row = try row(node.id) else { return }
    let spec = try spec(row)
    node.state = row.state
    node.queue = row.queue
    node.name = spec.name
    if case .command(let words) = spec.work { node.command = words }
  }
}
