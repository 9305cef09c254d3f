import NIOCore
import Synchronization

/// A request's body on its way from the connection to the task that reads it. The connection puts bytes in, and
/// stops reading its socket while the reader is behind; the reader takes all that has come at once. One reader, on
/// any thread.
final class BodyFeed: Sendable {
  private struct State {
    var bytes = ByteBuffer()
    var end: End?
    var isFull = false
    var waiter: CheckedContinuation<Void, Never>?
  }

  private enum End { case complete, cut }

  private static let highWater = 256 << 10

  private let state = Mutex(State())
  private let readOn: @Sendable () -> Void

  /// - Parameter readOn: called on the reader's thread once there is room again after `put` said that there was none.
  init(readOn: @escaping @Sendable () -> Void) { self.readOn = readOn }

  /// False where the connection should read no more until `readOn`.
  func put(_ bytes: ByteBuffer) -> Bool {
    let (hasRoom, waiter) = state.withLock { state in
      state.bytes.writeImmutableBuffer(bytes)
      state.isFull = state.bytes.readableBytes >= Self.highWater
      return (!state.isFull, state.waiter.take())
    }
    waiter?.resume()
    return hasRoom
  }

  /// - Parameter complete: whether the body came whole.
  func finish(complete: Bool) {
    let waiter = state.withLock { state in
      if state.end == nil { state.end = complete ? .complete : .cut }
      return state.waiter.take()
    }
    waiter?.resume()
  }

  var isComplete: Bool { state.withLock { $0.end == .complete } }

  /// What has come; waits where there is nothing. Nil at the end, which comes at the latest when the connection closes.
  func next() async -> ByteBuffer? {
    await withCheckedContinuation { continuation in
      let goesOn = state.withLock { state in
        if state.bytes.readableBytes > 0 || state.end != nil { return true }
        state.waiter = continuation
        return false
      }
      if goesOn { continuation.resume() }
    }
    let (bytes, wasFull) = state.withLock { state in
      let bytes = state.bytes
      state.bytes = ByteBuffer()
      let wasFull = state.isFull
      state.isFull = false
      return (bytes, wasFull)
    }
    if wasFull { readOn() }
    return bytes.readableBytes > 0 ? bytes : nil
  }
}
