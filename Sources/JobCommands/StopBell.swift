import CLinux
import Glibc
import Synchronization

/// SIGTERM and SIGINT as descriptors that can be read from the first, and from the second, signal on: for threads
/// that wait in poll(2).
final class StopBell: Sendable {
  let first: Int32
  let second: Int32

  /// Blocks both signals in this thread and in all that it makes from here on, and waits for them in one of its own,
  /// which lives as long as the process.
  init() throws(Failure) {
    first = eventfd(0, Int32(EFD_CLOEXEC))
    second = eventfd(0, Int32(EFD_CLOEXEC))
    guard first >= 0, second >= 0 else {
      throw Failure(EX_OSERR, "cannot make an eventfd: \(String(cString: strerror(errno)))")
    }
    var signals = Self.signals
    pthread_sigmask(SIG_BLOCK, &signals, nil)
    var thread = pthread_t()
    let raw = Unmanaged.passRetained(self)
    let code = pthread_create(
      &thread, nil,
      { raw in
        // What was passed in below, and nothing else.
        if let raw { Unmanaged<StopBell>.fromOpaque(raw).takeUnretainedValue().listen() }
        return nil
      }, raw.toOpaque())
    guard code == 0 else {
      raw.release()
      throw Failure(EX_OSERR, "cannot make a thread: \(String(cString: strerror(code)))")
    }
    pthread_detach(thread)
  }

  private static var signals: sigset_t {
    var set = sigset_t()
    sigemptyset(&set)
    sigaddset(&set, SIGTERM)
    sigaddset(&set, SIGINT)
    return set
  }

  private func listen() {
    var signals = Self.signals
    var signal: Int32 = 0
    for bell in [first, second] {
      while sigwait(&signals, &signal) != 0 {}
      var one: UInt64 = 1
      _ = write(bell, &one, 8)
    }
  }

  var hasRung: Bool {
    var state = pollfd(fd: first, events: Int16(POLLIN), revents: 0)
    return poll(&state, 1, 0) > 0
  }
}
