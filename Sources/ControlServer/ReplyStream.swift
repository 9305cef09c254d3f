import JobModel
import NIOCore

/// The body of a reply while it is being written, piece by piece. Used on the event loop, from the request's task.
struct ReplyStream {
  /// The client has gone, or the server stops.
  struct Closed: Error {}

  let connection: Connection

  /// Sends `bytes` at once, and waits while the client is behind: no more is kept for it than its socket and one
  /// piece hold.
  /// - Throws: `Closed`.
  func write(_ bytes: ByteBuffer) async throws(Closed) {
    guard connection.writeBody(bytes) else { throw Closed() }
    guard await connection.waitUntilWritable() else { throw Closed() }
  }

  /// Sends `bytes` again and again while nothing else is sent and the client keeps up, until the reply ends.
  func repeatWhileQuiet(_ bytes: ByteBuffer, every span: TimeSpan) {
    connection.startHeartbeat(bytes, every: span)
  }
}
