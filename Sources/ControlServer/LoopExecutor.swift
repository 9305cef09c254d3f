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
  private let isOpen = Atomic(true)
  /// Held by whoever hands over work from another thread, so that the loop does not go in the middle of it. The loop's
  /// own thread needs no such care, and must not wait: the other is often put aside for the loop that it has just
  /// woken, with the door in its hand.
  private let door = Mutex(())

  init(_ loop: any EventLoop) { self.loop = loop }

  /// Whether the caller is on the loop.
  var isCurrent: Bool { loop.inEventLoop }

  func enqueue(_ job: consuming ExecutorJob) {
    let job = UnownedJob(job)
    let run: @Sendable () -> Void = { job.runSynchronously(on: self.asUnownedTaskExecutor()) }
    let isTaken = if loop.inEventLoop { hand(run) } else { door.withLock { _ in hand(run) } }
    if !isTaken { DispatchQueue.global().async(execute: run) }
  }

  /// False where the loop takes no more.
  private func hand(_ run: @escaping @Sendable () -> Void) -> Bool {
    guard isOpen.load(ordering: .acquiring) else { return false }
    loop.execute(run)
    return true
  }

  /// The loop takes no more work. Before its shutdown.
  func close() { door.withLock { _ in isOpen.store(false, ordering: .releasing) } }
}

/// Runs `work` on the concurrent pool: what may take more than a moment must not hold up the connections of the loop.
func offLoop<Value: Sendable, Failure: Error>(
  _ work: @Sendable () async throws(Failure) -> Value
) async throws(Failure) -> Value {
  // `withTaskExecutorPreference` rethrows untyped; the result carries the type across.
  let result: Result<Value, Failure> = await withTaskExecutorPreference(globalConcurrentExecutor) {
    // The preference alone moves nothing: until it is next scheduled the task goes on where it is.
    await Task.yield()
    do throws(Failure) { return .success(try await work()) } catch { return .failure(error) }
  }
  return try result.get()
}
