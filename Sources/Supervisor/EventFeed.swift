package import JobModel

/// The event stream. One reader; a reader that falls 10,000 events behind gets one `reset` and goes on live.
package struct EventFeed {
  package enum Event: Sendable {
    /// What the reader asked for is no longer there: what it knows may be out of date.
    case reset(id: String)
    case change(id: String, JobChange)
  }

  private let hub: ChangeHub
  private var sequence: UInt64
  private var isLost = false

  init(hub: ChangeHub, after lastID: String?) {
    self.hub = hub
    switch hub.position(after: lastID) {
    case .at(let sequence): self.sequence = sequence
    case .lost(let sequence):
      self.sequence = sequence
      isLost = true
    }
  }

  /// Waits for at least one event; empty once the daemon stops or the task is cancelled.
  package mutating func next() async -> [Event] {
    if isLost {
      isLost = false
      return [.reset(id: hub.id(of: sequence - 1))]
    }
    switch await hub.changes(from: sequence) {
    case .changes(let changes, let first):
      sequence = first + UInt64(changes.count)
      return changes.enumerated().map { .change(id: hub.id(of: first + UInt64($0)), $1) }
    case .lost(let sequence):
      self.sequence = sequence
      return [.reset(id: hub.id(of: sequence - 1))]
    case .closed: return []
    }
  }
}
