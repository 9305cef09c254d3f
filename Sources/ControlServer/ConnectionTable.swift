import NIOCore

/// All connections of a server, on its one event loop.
final class ConnectionTable {
  private var handlers: [ObjectIdentifier: (handler: ConnectionHandler, order: UInt64)] = [:]
  private var order: UInt64 = 0
  /// The tasks of requests: each is held by its connection, and cancelled when that closes.
  let tasks: TaskTally

  init(tasks: TaskTally) { self.tasks = tasks }

  var count: Int { handlers.count }

  func add(_ handler: ConnectionHandler) {
    order += 1
    handlers[ObjectIdentifier(handler)] = (handler, order)
  }

  func remove(_ handler: ConnectionHandler) { handlers[ObjectIdentifier(handler)] = nil }

  /// Closes the connection that has waited longest for a request, where one does.
  func makeRoom() -> Bool {
    guard let oldest = handlers.values.filter(\.handler.isIdle).min(by: { $0.order < $1.order }) else { return false }
    remove(oldest.handler)
    oldest.handler.close()
    return true
  }

  func endLongReplies() { for entry in handlers.values { entry.handler.endLongReply() } }

  func closeAll() { for entry in handlers.values { entry.handler.close() } }
}
