import JobModel
import NIOCore

/// The open connections of an event loop, and those whose last task has not ended. Used on that loop only.
final class Connections {
  private let limit: Int
  /// How many more than `limit` are let in, to be told why they are not served.
  private var surplus: Int { max(limit / 16, 1) }

  /// Of the requests of all of them.
  let pace: LoopPace
  let turns: InputTurns

  private var open: [ObjectIdentifier: Connection] = [:]
  private var isQuiescing = false
  private var emptied: EventLoopPromise<Void>?

  init(limit: Int, loop: any EventLoop) {
    self.limit = limit
    pace = LoopPace(loop)
    turns = InputTurns(loop)
  }

  var count: Int { open.count }

  /// Takes a connection in. At the limit the one that has been idle longest makes room; where all are in use the
  /// newcomer is marked as surplus. False where it cannot be let in at all.
  func add(_ connection: Connection) -> Bool {
    guard !isQuiescing else { return false }
    if open.count >= limit {
      let idlest = open.values.lazy.filter(\.isEvictable).min { $0.lastProgress < $1.lastProgress }
      if let idlest {
        // Out at once: that it is closed is told later, and one more newcomer must not count on it again.
        open[ObjectIdentifier(idlest)] = nil
        idlest.close()
      } else {
        guard open.count < limit + surplus else { return false }
        connection.isSurplus = true
      }
    }
    open[ObjectIdentifier(connection)] = connection
    return true
  }

  func remove(_ connection: Connection) {
    open[ObjectIdentifier(connection)] = nil
    if open.isEmpty { emptied?.succeed() }
  }

  /// Lets no one in, ends what is idle or long, and succeeds `emptied` once the last connection and its task are gone.
  func quiesce(_ emptied: EventLoopPromise<Void>) {
    isQuiescing = true
    self.emptied = emptied
    for connection in Array(open.values) { connection.quiesce() }
    if open.isEmpty { emptied.succeed() }
  }

  /// Closes what `quiesce` has left.
  func closeAll() {
    for connection in Array(open.values) { connection.close() }
  }
}
