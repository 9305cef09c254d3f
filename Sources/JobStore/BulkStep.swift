package import JobModel

/// What one step of a bulk verb did: a few jobs in one transaction.
package struct BulkStep: Sendable, Hashable {
  package var changed: [JobID] = []
  package var refused = 0
  /// Why the first of the refused was.
  package var firstRefusal: StoreError?

  package init() {}

  mutating func refuse(_ refusal: StoreError) {
    refused += 1
    firstRefusal = firstRefusal ?? refusal
  }
}

/// Ended jobs, by how and when they ended.
package struct EndedFilter: Sendable, Hashable {
  /// Nil: every queue.
  package var queue: String?
  package var states: Set<JobState>
  /// Ended at this time or before.
  package var through: Timestamp

  package init(queue: String? = nil, states: Set<JobState>, through: Timestamp) {
    self.queue = queue
    self.states = states
    self.through = through
  }
}
