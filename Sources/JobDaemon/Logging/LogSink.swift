import Dispatch
import Glibc
import Synchronization

/// Where the lines of the log go: standard error, from a thread of its own, since whoever reads it may not keep
/// up, and no worker shall wait for that.
/// Lines that find a mebibyte waiting are dropped, and counted in a line of their own.
package final class LogSink: Sendable {
  private struct State {
    var waiting = 0
    var dropped = 0
  }

  private let descriptor: Int32
  private let most: Int
  private let journal: Journal?
  private let queue = DispatchQueue(label: "jobq.log")
  private let state = Mutex(State())
  /// Makes the line that tells of dropped ones.
  private let tell: @Sendable (Int) -> String

  /// - Parameter journal: takes what has an entry; nil where all goes to the descriptor.
  init(
    descriptor: Int32, journal: Journal? = nil, most: Int = 1 << 20, tell: @escaping @Sendable (Int) -> String
  ) {
    self.descriptor = descriptor
    self.journal = journal
    self.most = most
    self.tell = tell
  }

  /// - Parameter entry: for the journal; where that does not take it the line goes to the descriptor.
  func write(_ line: String, entry: @autoclosure () -> [UInt8]? = nil) {
    let bytes = Array(line.utf8)
    let entry = journal == nil ? nil : entry()
    let size = bytes.count + (entry?.count ?? 0)
    let dropped: Int? = state.withLock { state in
      guard state.waiting + size <= most else {
        state.dropped += 1
        return nil
      }
      state.waiting += size
      defer { state.dropped = 0 }
      return state.dropped
    }
    guard let dropped else { return }
    queue.async { [self] in
      if dropped > 0 { put(Array(tell(dropped).utf8)) }
      if entry.map({ journal?.send($0) ?? false }) != true { put(bytes) }
      state.withLock { $0.waiting -= size }
    }
  }

  /// Waits until all lines so far are written, but no longer than `limit`: who does not read them must not keep the
  /// program from its end. For the last step before an exit.
  package func flush(within limit: Duration = .seconds(60)) {
    let done = DispatchSemaphore(value: 0)
    queue.async { done.signal() }
    _ = done.wait(timeout: .now() + .milliseconds(Int(limit / .milliseconds(1))))
  }

  /// An error ends the line: there is no place left to tell of it.
  private func put(_ bytes: [UInt8]) {
    var rest = bytes[...]
    while !rest.isEmpty {
      let count = rest.withUnsafeBytes { Glibc.write(descriptor, $0.baseAddress, $0.count) }
      if count < 0, errno == EINTR { continue }
      guard count > 0 else { return }
      rest = rest.dropFirst(count)
    }
  }
}
