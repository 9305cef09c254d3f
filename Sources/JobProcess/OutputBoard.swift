import JobModel
import Synchronization

/// How far the output of each attempt under way has come, and who waits for more of it.
final class OutputBoard: Sendable {
  private struct Waiter {
    var ticket: UInt64
    var offset: Int64
    var continuation: CheckedContinuation<Bool, Never>
  }

  private struct Progress {
    var end: Int64 = 0
    var waiters: [Waiter] = []
  }

  private struct State {
    var attempts: [AttemptKey: [LogStream: Progress]] = [:]
    /// Those who wait for an attempt to begin.
    var early: [AttemptKey: [UInt64: CheckedContinuation<Bool, Never>]] = [:]
    var ticket: UInt64 = 0

    mutating func takeWaiter(_ ticket: UInt64, of key: AttemptKey, _ stream: LogStream)
      -> CheckedContinuation<Bool, Never>?
    {
      guard let waiters = attempts[key]?[stream]?.waiters,
        let index = waiters.firstIndex(where: { $0.ticket == ticket })
      else { return nil }
      return attempts[key]?[stream]?.waiters.remove(at: index).continuation
    }

    mutating func takeEarly(_ ticket: UInt64, of key: AttemptKey) -> CheckedContinuation<Bool, Never>? {
      let continuation = early[key]?.removeValue(forKey: ticket)
      if early[key]?.isEmpty == true { early[key] = nil }
      return continuation
    }
  }

  private let state = Mutex(State())

  func open(_ key: AttemptKey, streams: [LogStream]) {
    let early = state.withLock { state in
      state.attempts[key] = Dictionary(uniqueKeysWithValues: streams.map { ($0, Progress()) })
      return state.early.removeValue(forKey: key)
    }
    for waiter in (early ?? [:]).values { waiter.resume(returning: true) }
  }

  func grew(_ key: AttemptKey, _ stream: LogStream, to end: Int64) {
    let woken = state.withLock { state -> [Waiter] in
      guard let waiters = state.attempts[key]?[stream]?.waiters else { return [] }
      state.attempts[key]?[stream]?.end = end
      guard !waiters.isEmpty else { return [] }
      state.attempts[key]?[stream]?.waiters = waiters.filter { $0.offset >= end }
      return waiters.filter { $0.offset < end }
    }
    for waiter in woken { waiter.continuation.resume(returning: true) }
  }

  func close(_ key: AttemptKey) {
    let streams = state.withLock { $0.attempts.removeValue(forKey: key) }
    for waiter in (streams ?? [:]).values.flatMap(\.waiters) { waiter.continuation.resume(returning: false) }
  }

  /// True once there is more than `offset`; false once the attempt has ended, or is not under way, or the task is
  /// cancelled.
  func wait(_ key: AttemptKey, _ stream: LogStream, beyond offset: Int64) async -> Bool {
    let ticket = nextTicket()
    return await withTaskCancellationHandler {
      await withCheckedContinuation { continuation in
        let answer = state.withLock { state -> Bool? in
          guard !Task.isCancelled, let progress = state.attempts[key]?[stream] else { return false }
          if progress.end > offset { return true }
          state.attempts[key]?[stream]?.waiters.append(
            Waiter(ticket: ticket, offset: offset, continuation: continuation))
          return nil
        }
        if let answer { continuation.resume(returning: answer) }
      }
    } onCancel: {
      // The handler may run before the waiter is there: then the waiter sees the cancellation itself.
      state.withLock { $0.takeWaiter(ticket, of: key, stream) }?.resume(returning: false)
    }
  }

  /// Returns once the attempt is under way, or the task is cancelled.
  func waitForBegin(_ key: AttemptKey) async {
    let ticket = nextTicket()
    _ = await withTaskCancellationHandler {
      await withCheckedContinuation { (continuation: CheckedContinuation<Bool, Never>) in
        let isOver = state.withLock { state in
          if Task.isCancelled || state.attempts[key] != nil { return true }
          state.early[key, default: [:]][ticket] = continuation
          return false
        }
        if isOver { continuation.resume(returning: true) }
      }
    } onCancel: {
      state.withLock { $0.takeEarly(ticket, of: key) }?.resume(returning: false)
    }
  }

  private func nextTicket() -> UInt64 {
    state.withLock { state in
      state.ticket += 1
      return state.ticket
    }
  }
}
