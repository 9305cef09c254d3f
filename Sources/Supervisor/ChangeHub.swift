import DequeModule
package import JobModel
import Synchronization

/// Tells everyone who waits what the store committed: the scheduler, the event streams, and whoever waits for one job.
/// It keeps the last 10,000 changes, so that a reader that was away for a moment misses nothing.
///
/// `publish` is called on the store's thread, after the sync and before the callers are answered; it takes a lock
/// for microseconds.
package final class ChangeHub: Sendable {
  package static let capacity = 10_000

  private struct State {
    var ring: Deque<JobChange> = []
    /// The sequence number that the next change gets; the ring ends just before it.
    var next: UInt64 = 1
    var isClosed = false
    var readers: [UInt64: CheckedContinuation<Void, Never>] = [:]
    var watches: [JobID: [UInt64: JobWatch]] = [:]
    var tickets: UInt64 = 0

    var oldest: UInt64 { next - UInt64(ring.count) }

    mutating func ticket() -> UInt64 {
      tickets += 1
      return tickets
    }
  }

  private let state = Mutex(State())
  private let scheduler: @Sendable ([JobChange]) -> Void
  /// Tells this daemon's numbers from an earlier one's.
  private let epoch: String

  /// - Parameters:
  ///   - epoch: drawn at each start, so that a reader from before a restart is told of the gap.
  ///   - scheduler: called with every commit, in order.
  package init(epoch: String, scheduler: @escaping @Sendable ([JobChange]) -> Void) {
    self.epoch = epoch
    self.scheduler = scheduler
  }

  package func publish(_ changes: [JobChange]) {
    scheduler(changes)
    let (readers, watches) = state.withLock { state in
      state.next += UInt64(changes.count)
      state.ring.append(contentsOf: changes)
      if state.ring.count > Self.capacity { state.ring.removeFirst(state.ring.count - Self.capacity) }
      let readers = Array(state.readers.values)
      state.readers.removeAll()
      let watches =
        state.watches.isEmpty
        ? [] : Set(changes.map(\.id)).flatMap { id in state.watches[id].map { Array($0.values) } ?? [] }
      return (readers, watches)
    }
    for reader in readers { reader.resume() }
    for watch in watches { watch.ring() }
  }

  /// Ends every stream and wakes every waiter: the daemon stops.
  package func close() {
    let (readers, watches) = state.withLock { state in
      state.isClosed = true
      let readers = Array(state.readers.values)
      state.readers.removeAll()
      return (readers, state.watches.values.flatMap { Array($0.values) })
    }
    for reader in readers { reader.resume() }
    for watch in watches { watch.ring() }
  }

  package var isClosed: Bool { state.withLock(\.isClosed) }

  // MARK: One job

  /// Runs `body` with a watch that rings at every change of this job from now on. Whatever `body` reads after
  /// it began is not
  /// older than the watch, so nothing falls between a look and a wait.
  package func watching<Value, Failure: Error>(
    _ id: JobID, _ body: (JobWatch) async throws(Failure) -> Value
  ) async throws(Failure) -> Value {
    let watch = JobWatch()
    let ticket = state.withLock { state in
      let ticket = state.ticket()
      state.watches[id, default: [:]][ticket] = watch
      return ticket
    }
    defer {
      state.withLock { state in
        state.watches[id]?[ticket] = nil
        if state.watches[id]?.isEmpty == true { state.watches[id] = nil }
      }
    }
    if isClosed { watch.ring() }
    return try await body(watch)
  }

  // MARK: Event streams

  package enum Position: Sendable, Hashable {
    case at(UInt64)
    /// What was asked for is gone: start over from here.
    case lost(UInt64)
  }

  /// Where a stream begins: live where `lastID` is nil, else just after it.
  package func position(after lastID: String?) -> Position {
    state.withLock { state in
      guard let lastID else { return .at(state.next) }
      let parts = lastID.split(separator: "-", maxSplits: 1)
      guard parts.count == 2, parts[0] == epoch, let sequence = UInt64(parts[1]), sequence < state.next,
        sequence + 1 >= state.oldest
      else { return .lost(state.next) }
      return .at(sequence + 1)
    }
  }

  package func id(of sequence: UInt64) -> String { "\(epoch)-\(sequence)" }

  package enum Batch: Sendable {
    case changes([JobChange], from: UInt64)
    case lost(UInt64)
    case closed
  }

  /// The changes from `sequence` on, at most 256; waits for the first. `.closed` once the daemon stops or the
  /// task is cancelled.
  package func changes(from sequence: UInt64) async -> Batch {
    while !Task.isCancelled {
      let batch: Batch? = state.withLock { state in
        if sequence < state.oldest { return .lost(state.next) }
        if sequence < state.next {
          let start = Int(sequence - state.oldest)
          return .changes(Array(state.ring[start..<min(start + 256, state.ring.count)]), from: sequence)
        }
        return state.isClosed ? .closed : nil
      }
      if let batch { return batch }
      await waitForChange(beyond: sequence)
    }
    return .closed
  }

  private func waitForChange(beyond sequence: UInt64) async {
    let ticket = state.withLock { $0.ticket() }
    await withTaskCancellationHandler {
      await withCheckedContinuation { continuation in
        let goesOn = state.withLock { state in
          if state.next > sequence || state.isClosed || Task.isCancelled { return true }
          state.readers[ticket] = continuation
          return false
        }
        if goesOn { continuation.resume() }
      }
    } onCancel: {
      state.withLock { $0.readers.removeValue(forKey: ticket) }?.resume()
    }
  }
}

/// A bell for one waiter: `next` returns once for every time, or several times, that it rang since the last call.
package final class JobWatch: Sendable {
  private enum State {
    case silent
    case rung
    case waiting(CheckedContinuation<Void, Never>)
  }

  private let state = Mutex(State.silent)

  package func ring() {
    let waiter: CheckedContinuation<Void, Never>? = state.withLock { state in
      if case .waiting(let continuation) = state {
        state = .silent
        return continuation
      }
      state = .rung
      return nil
    }
    waiter?.resume()
  }

  /// Returns at once where it rang since the last call, else when it rings or the task is cancelled.
  package func next() async {
    await withTaskCancellationHandler {
      await withCheckedContinuation { continuation in
        let goesOn = state.withLock { state in
          if case .rung = state {
            state = .silent
            return true
          }
          if Task.isCancelled { return true }
          state = .waiting(continuation)
          return false
        }
        if goesOn { continuation.resume() }
      }
    } onCancel: {
      ring()
    }
  }
}
