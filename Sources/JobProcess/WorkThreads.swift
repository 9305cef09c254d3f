import CJobProcess
import DequeModule
import Dispatch
import Glibc
import Synchronization

/// A few threads for calls that block, which have no place on the cooperative pool. Work begins in the order of
/// its coming.
/// When the last owner lets go, what was given is done and the threads end.
final class WorkThreads: Sendable {
  private let line: Line

  private final class Line: Sendable {
    let work = Mutex(Deque<@Sendable () -> Void>())
    /// One for each piece of work, and one for each thread at the end: a thread that wakes to an empty line ends. (An
    /// eventfd(2) would wake every thread for each piece.)
    let count = DispatchSemaphore(value: 0)

    func run() {
      while true {
        count.wait()
        guard let next = work.withLock({ $0.popFirst() }) else { return }
        next()
      }
    }
  }

  private let threads: Int

  /// - Parameter signal: is not blocked in them.
  init(_ threads: Int, name: String, unblocked signal: Int32? = nil) throws(Failure) {
    let line = Line()
    self.line = line
    self.threads = threads
    for _ in 0..<threads { try startThread(name, unblocked: signal) { line.run() } }
  }

  deinit { for _ in 0..<threads { line.count.signal() } }

  func submit(_ work: @escaping @Sendable () -> Void) {
    line.work.withLock { $0.append(work) }
    line.count.signal()
  }

  /// Runs the work on one of the threads. Cancellation does not cut it short.
  func run<Value: Sendable>(_ work: @escaping @Sendable () -> Value) async -> Value {
    await withCheckedContinuation { continuation in
      submit { continuation.resume(returning: work()) }
    }
  }

  func run<Value: Sendable, Problem: Error>(_ work: @escaping @Sendable () throws(Problem) -> Value)
    async throws(Problem) -> Value
  {
    try await run { () -> Result<Value, Problem> in
      do throws(Problem) { return .success(try work()) } catch { return .failure(error) }
    }.get()
  }
}

/// Starts a detached thread with every signal blocked, so that the process's signals go to the threads that
/// expect them.
/// - Parameter signal: is not blocked.
func startThread(_ name: String, unblocked signal: Int32? = nil, _ body: @escaping @Sendable () -> Void) throws(Failure)
{
  final class Box: Sendable {
    let name: String
    let body: @Sendable () -> Void
    init(_ name: String, _ body: @escaping @Sendable () -> Void) {
      self.name = name
      self.body = body
    }
  }
  var attributes = pthread_attr_t()
  unsafe pthread_attr_init(&attributes)
  defer { unsafe pthread_attr_destroy(&attributes) }
  unsafe pthread_attr_setdetachstate(&attributes, Int32(PTHREAD_CREATE_DETACHED))

  var all = sigset_t()
  var before = sigset_t()
  unsafe sigfillset(&all)
  if let signal { unsafe sigdelset(&all, signal) }
  unsafe pthread_sigmask(SIG_SETMASK, &all, &before)
  defer { unsafe pthread_sigmask(SIG_SETMASK, &before, nil) }

  var thread = pthread_t()
  let box = unsafe Unmanaged.passRetained(Box(name, body))
  let error = unsafe pthread_create(
    &thread, &attributes,
    { argument in
      let box = unsafe Unmanaged<Box>.fromOpaque(argument!).takeRetainedValue()
      unsafe jobq_name_thread(box.name)
      box.body()
      return nil
    }, box.toOpaque())
  guard error == 0 else {
    unsafe box.release()
    throw Failure(errno: error, call: "pthread_create")
  }
}
