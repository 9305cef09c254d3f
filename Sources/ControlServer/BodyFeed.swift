import NIOCore
import Synchronization

/// A request's body on its way from the connection to the route: one writer, on the event loop, and one reader.
final class BodyFeed: Sendable {
  private struct State {
    var pieces: [ByteBuffer] = []
    var bytes = 0
    var isEnded = false
    var isComplete = false
    var reader: CheckedContinuation<Void, Never>?
  }

  /// While more than this waits for the reader, the connection reads no further.
  static let most = 1 << 20

  private let state = Mutex(State())
  private let onDrained: @Sendable () -> Void

  /// - Parameter onDrained: called when the reader has taken what made the feed full.
  init(onDrained: @escaping @Sendable () -> Void) { self.onDrained = onDrained }

  /// Whether the connection should go on reading.
  func push(_ piece: ByteBuffer) -> Bool {
    let (reader, goesOn) = state.withLock { state in
      state.pieces.append(piece)
      state.bytes += piece.readableBytes
      defer { state.reader = nil }
      return (state.reader, state.bytes <= Self.most)
    }
    reader?.resume()
    return goesOn
  }

  /// No more comes: the body is complete, or was cut off.
  func end(complete: Bool) {
    let reader = state.withLock { state in
      if !state.isEnded { state.isComplete = complete }
      state.isEnded = true
      defer { state.reader = nil }
      return state.reader
    }
    reader?.resume()
  }

  /// Once the reader has got nil: whether that was the body's own end.
  var isComplete: Bool { state.withLock(\.isComplete) }

  /// The next piece; nil at the end. The connection ends the feed when it closes, so this cannot wait for ever.
  func next() async -> ByteBuffer? {
    while true {
      let (piece, isEnded, wasFull) = state.withLock { state -> (ByteBuffer?, Bool, Bool) in
        guard !state.pieces.isEmpty else { return (nil, state.isEnded, false) }
        let piece = state.pieces.removeFirst()
        let wasFull = state.bytes > Self.most
        state.bytes -= piece.readableBytes
        return (piece, state.isEnded, wasFull && state.bytes <= Self.most)
      }
      if wasFull { onDrained() }
      if let piece { return piece }
      if isEnded { return nil }
      await withCheckedContinuation { continuation in
        let goesOn = state.withLock { state in
          if !state.pieces.isEmpty || state.isEnded { return true }
          state.reader = continuation
          return false
        }
        if goesOn { continuation.resume() }
      }
    }
  }
}
