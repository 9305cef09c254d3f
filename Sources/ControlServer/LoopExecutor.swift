import Dispatch
import NIOCore
import Synchronization

/// Runs tasks on an event loop. A request's task that prefers it begins, goes on after each await, and writes its
/// reply on the thread that holds its connection: no hop to the pool and back.
///
/// Actors without an executor of their own run on it too, for such a task, and may hand it work for others a moment
/// after the last request has ended. So it is told first when the loop is to go: from then on the work runs elsewhere.
final class LoopExecutor: TaskExecutor {
  private let loop: any EventLoop
  private let isOpen = Mutex(true)

  init(_ loop: any EventLoop) { self.loop = loop }

  /// Whether the caller is on the loop.
  var isCurrent: Bool { loop.inEventLoop }

  func enqueue(_ job: consuming ExecutorJob) {
    let job = UnownedJob(job)
    let run: @Sendable () -> Void = { job.runSynchronously(on: self.asUnownedTaskExecutor()) }
    let isTaken = isOpen.withLock { isOpen in
      if isOpen { loop.execute(run) }
      return isOpen
    }
    if !isTaken { DispatchQueue.global().async(execute: run) }
  }

  /// The loop takes no more work. Before its shutdown.
  func close() { isOpen.withLock { $0 = false } }
}

/// Runs `work` on the concurrent pool: what may take more than a moment must not hold up the connections of the loop.
func offLoop<Value: Sendable, Failure: Error>(
  _ work: @Sendable () async throws(Failure) -> Value
) async throws(Failure) -> Value {
  // `withTaskExecutorPreference` rethrows untyped; the result carries the type across.
  let result: Result<Value, Failure> = await withTaskExecutorPreference(globalConcurrentExecutor) {
    do throws(Failure) { return .success(try await work()) } catch { return .failure(error) }
  }
  return try result.get()
}
