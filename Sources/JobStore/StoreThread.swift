import CLinux
import Glibc
import Synchronization

/// A thread outside of the cooperative pool, where calls may block. It takes no signals: those are the main
/// thread's.
enum StoreThread {
  private final class Body: Sendable {
    let name: String
    let run: @Sendable () -> Void

    init(_ name: String, _ run: @escaping @Sendable () -> Void) {
      self.name = name
      self.run = run
    }
  }

  /// - Parameter name: shown by `ps -L`; at most 15 bytes.
  static func start(_ name: String, _ run: @escaping @Sendable () -> Void) throws(StoreError) {
    let body = Unmanaged.passRetained(Body(name, run))
    // A new thread has its maker's mask: set here, so that there is no moment at which a signal finds it.
    var everything = sigset_t()
    var before = sigset_t()
    sigfillset(&everything)
    pthread_sigmask(SIG_SETMASK, &everything, &before)
    var thread = pthread_t()
    let code = pthread_create(
      &thread, nil,
      { body in
        // `passRetained` above gives this thread its one reference; pthread_create hands over what it was
        // given, so it is not nil.
        let body = Unmanaged<Body>.fromOpaque(body!).takeRetainedValue()
        _ = clinux_name_thread(body.name)
        body.run()
        return nil
      }, body.toOpaque())
    pthread_sigmask(SIG_SETMASK, &before, nil)
    guard code == 0 else {
      body.release()
      throw .system("pthread_create", nil, code)
    }
    pthread_detach(thread)
  }
}

/// Opens once; whoever waits goes on then. Cancellation does not shorten the wait.
final class Gate: Sendable {
  private struct State {
    /// How many openings are still missing.
    var missing: Int
    var waiters: [CheckedContinuation<Void, Never>] = []
  }

  private let state: Mutex<State>

  /// - Parameter count: how many times `open` is called before the gate is open.
  init(count: Int) { state = Mutex(State(missing: count)) }

  func open() {
    let waiters = state.withLock { state in
      state.missing -= 1
      guard state.missing <= 0 else { return [CheckedContinuation<Void, Never>]() }
      defer { state.waiters = [] }
      return state.waiters
    }
    for waiter in waiters { waiter.resume() }
  }

  func wait() async {
    await withCheckedContinuation { continuation in
      let isOpen = state.withLock { state in
        if state.missing > 0 { state.waiters.append(continuation) }
        return state.missing <= 0
      }
      if isOpen { continuation.resume() }
    }
  }
}
