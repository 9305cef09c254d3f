package import JobModel

/// The bounds that no client can push the server past.
package struct ServerLimits: Sendable, Hashable {
  /// Connections at once. For one more, the one that has been idle longest is closed; where none is idle, the
  /// newcomer gets 503.
  package var connections = 1024
  /// A connection without a request is closed after this.
  package var idle = TimeSpan.seconds(60)
  /// A request's head must arrive whole within this; its body, and a reply to a client that is to be closed, must
  /// not stand still for as long.
  package var progress = TimeSpan.seconds(30)
  /// After a refusal in the middle of a body: how long the rest is read and dropped, so that the client gets to read
  /// why.
  package var linger = TimeSpan.seconds(2)
  /// Between two comments on a quiet event stream.
  package var heartbeat = TimeSpan.seconds(20)
  package var headBytes = 64 << 10
  package var headFields = 100
  package var jsonBytes = 2 << 20
  package var bulkBytes = 64 << 20
  package var bulkLines = 100_000

  package init() {}
}
