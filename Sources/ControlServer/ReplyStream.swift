import JobModel
import NIOCore
import NIOHTTP1
import Synchronization

/// The body of a reply that comes in pieces. A write returns when the kernel has taken the piece: a client that
/// reads slowly slows its
/// route down, and nothing piles up here.
final class ReplyStream: Sendable {
  private struct State {
    var wroteSinceLastBeat = false
    var beat: RepeatedTask?
  }

  private let channel: any Channel
  private let state = Mutex(State())

  init(_ channel: any Channel) { self.channel = channel }

  /// - Throws: where the client has gone, or the task is cancelled.
  func write(_ piece: ByteBuffer) async throws {
    try Task.checkCancellation()
    state.withLock { $0.wroteSinceLastBeat = true }
    try await channel.writeAndFlush(HTTPServerResponsePart.body(.byteBuffer(piece))).get()
  }

  /// Writes `piece` whenever nothing else was written for this long, until the stream ends: so that a client
  /// that has gone is noticed.
  func repeatWhileQuiet(_ piece: ByteBuffer, every span: TimeSpan) {
    let delay = TimeAmount.milliseconds(span.milliseconds)
    let beat = channel.eventLoop.scheduleRepeatedTask(initialDelay: delay, delay: delay) { [channel, self] _ in
      let isQuiet = state.withLock { state in
        defer { state.wroteSinceLastBeat = false }
        return !state.wroteSinceLastBeat
      }
      if isQuiet { channel.writeAndFlush(HTTPServerResponsePart.body(.byteBuffer(piece)), promise: nil) }
    }
    state.withLock { $0.beat = beat }
  }

  func end() { state.withLock { $0.beat }?.cancel() }
}
