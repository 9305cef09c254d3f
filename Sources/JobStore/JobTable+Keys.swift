import JobModel
import SQLite

/// The jobs of one queue, of one kind, with one value of the label by which the queue is limited.
struct Lane: Hashable {
  var queue: String
  var kind: JobRow.Kind
  var key: String
}

extension JobRow {
  /// Where it waits to be claimed; nil where it does not, or counts against no key.
  var lane: Lane? { state == .queued ? limitKey.map { Lane(queue: queue, kind: kind, key: $0) } : nil }
}

extension JobTable {
  /// The label by which a queue's jobs are counted.
  func keyLabel(of queue: String) throws(SQLiteError) -> String? {
    if let labels = memory.keyLabels { return labels[queue] }
    let rows = try statements[.keyLabels].all { row throws(SQLiteError) in
      (try row.read(String.self), try row.read(String.self))
    }
    let labels = Dictionary(rows) { first, _ in first }
    memory.keyLabels = labels
    return labels[queue]
  }

  /// By what a job counts in its queue now. What has ended is not kept up: it is asked for again when a job comes back.
  func limitKey(of row: JobRow) throws(SQLiteError) -> String? {
    guard let label = try keyLabel(of: row.queue) else { return nil }
    return try statements[.findLabel].bind(row.id).bind(label).first { row throws(SQLiteError) in try row.read() }
  }

  /// Brings the head of a lane up to what waits in it. Called for each lane that a job joined or left.
  func sort(_ lane: Lane?) throws(SQLiteError) {
    guard let lane else { return }
    let head = try statements[.headOfLane].bind(lane.queue).bind(lane.kind).bind(lane.key).first {
      row throws(SQLiteError) in (id: try row.read(JobID.self), priority: try row.read(Int.self))
    }
    if let head {
      try statements[.setLane].bind(lane.queue).bind(lane.kind).bind(lane.key).bind(head.priority).bind(head.id).run()
    } else {
      try statements[.dropLane].bind(lane.queue).bind(lane.kind).bind(lane.key).run()
    }
  }

  /// Brings up the lanes that a change of a job touched.
  func sort(_ row: JobRow, was old: JobRow) throws(SQLiteError) {
    guard row.lane != old.lane || row.priority != old.priority else { return }
    try sort(old.lane)
    if row.lane != old.lane { try sort(row.lane) }
  }

  /// See `JobStore.countKeys`.
  func countKeys(by labels: [String: String]) throws(SQLiteError) {
    _ = try keyLabel(of: "")
    let present = memory.keyLabels ?? [:]
    for queue in Set(present.keys).union(labels.keys).sorted() where present[queue] != labels[queue] {
      if let label = labels[queue] {
        try statements[.setKeyLabel].bind(queue).bind(label).run()
        try statements[.setKeys].bind(label).bind(queue).run()
        try statements[.setKeysOfQueued].bind(label).bind(queue).run()
        try statements[.setKeysOfRunning].bind(label).bind(queue).run()
      } else {
        try statements[.dropKeyLabel].bind(queue).run()
        try statements[.clearKeys].bind(queue).run()
        try statements[.clearKeysOfRunning].bind(queue).run()
      }
      try statements[.dropLanes].bind(queue).run()
      let lanes = try statements[.keysInQueue].bind(queue).all { row throws(SQLiteError) in
        let (key, state) = (try row.read(String.self), try row.read(JobState.self))
        return (Lane(queue: queue, kind: try row.read(), key: key), state)
      }
      for (lane, state) in lanes where state == .queued { try sort(lane) }
    }
    memory.keyLabels = labels
  }
}
