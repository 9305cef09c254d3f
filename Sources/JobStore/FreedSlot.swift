package import JobModel
import Synchronization

/// The slot of a worker whose attempt has ended: the transaction that records the end may give it to the next job, which is
/// claimed with it. May be used from any thread.
package final class FreedSlot: Sendable {
  package let id: JobID
  package let attempt: Int
  private let taken = Atomic(false)

  package init(_ id: JobID, attempt: Int) {
    self.id = id
    self.attempt = attempt
  }

  /// Once `finish` has returned, or has thrown: whether a claim was answered, or is about to be, with an attempt that has it.
  package var isTaken: Bool { taken.load(ordering: .acquiring) }

  func take() { taken.store(true, ordering: .releasing) }
  func giveBack() { taken.store(false, ordering: .releasing) }
}

/// By identity: each attempt has its own, however often its end is recorded anew.
extension FreedSlot: Hashable {
  package static func == (left: FreedSlot, right: FreedSlot) -> Bool { left === right }
  package func hash(into hasher: inout Hasher) { hasher.combine(ObjectIdentifier(self)) }
}
