import JobModel
import Synchronization

/// What the threads of a store tell each other.
final class StoreSignals: Sendable {
  private let damageFound = Mutex<StoreError?>(nil)
  private let observers = Mutex<[@Sendable ([JobChange]) -> Void]>([])
  private let closing = Atomic(false)
  let hooks = WantedHooks()
  let commits = CommitNotes()
  let log = LogTurn()
  private let repairing = Atomic(false)
  private let troubleObservers = Mutex<[@Sendable (StoreTrouble) -> Void]>([])
  private let patience = Atomic(true)

  /// Damage that was met: from then on nothing is written.
  var damage: StoreError? { damageFound.withLock { $0 } }
  func note(damage error: StoreError) { damageFound.withLock { $0 = $0 ?? error } }

  func observe(_ observer: @escaping @Sendable ([JobChange]) -> Void) { observers.withLock { $0.append(observer) } }
  func tell(_ changes: [JobChange]) {
    guard !changes.isEmpty else { return }
    for observer in observers.withLock({ $0 }) { observer(changes) }
  }

  func observeTrouble(_ observer: @escaping @Sendable (StoreTrouble) -> Void) {
    troubleObservers.withLock { $0.append(observer) }
  }
  func tell(_ trouble: StoreTrouble) { for observer in troubleObservers.withLock({ $0 }) { observer(trouble) } }

  /// Whether callers wait for a disk that has failed. Else they are refused.
  var isPatient: Bool { patience.load(ordering: .acquiring) }
  func note(isPatient: Bool) { patience.store(isPatient, ordering: .releasing) }

  var isClosing: Bool { closing.load(ordering: .acquiring) }
  func noteClosing() { closing.store(true, ordering: .releasing) }

  /// The writer needs the WAL to itself: who reads for long gives way.
  var isRepairing: Bool { repairing.load(ordering: .acquiring) }
  func note(repairing isRepairing: Bool) { repairing.store(isRepairing, ordering: .releasing) }
}
