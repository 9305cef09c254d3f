import Glibc
import JobModel

/// Ctrl-C while a job is waited for: the job goes on, and the person is told.
enum Interrupt {
  /// Set once, before the handler is installed, and only read after that: no access can meet another.
  nonisolated(unsafe) private static var farewell = UnsafeBufferPointer<UInt8>(start: nil, count: 0)

  /// From here on SIGINT says that the job goes on, and exits 130. Where it is ignored (nohup, a background job of a script) it stays so.
  static func leaveInPeace(_ id: JobID) {
    var action = sigaction()
    guard sigaction(SIGINT, nil, &action) == 0, action.__sigaction_handler.sa_handler == nil else { return }
    let text = Array("\njobq: job \(id) goes on; `jobq cancel \(id)` ends it\n".utf8)
    // Never freed: the handler may need it as long as the process lives.
    let kept = UnsafeMutableBufferPointer<UInt8>.allocate(capacity: text.count)
    _ = kept.update(from: text)
    farewell = UnsafeBufferPointer(kept)
    // The handler calls nothing but write(2) and _exit(2), which are async-signal-safe (signal-safety(7)).
    action.__sigaction_handler.sa_handler = { _ in
      write(STDERR_FILENO, Interrupt.farewell.baseAddress, Interrupt.farewell.count)
      _exit(128 + SIGINT)
    }
    sigaction(SIGINT, &action, nil)
  }
}
