import CLinux
import Glibc
import Synchronization

/// What waits for a thread: messages from any task go in, and threads that sleep in the kernel meanwhile take
/// them out. No message is lost: what was posted before the close is still given out.
final class Inbox<Message: Sendable>: Sendable {
  private struct State {
    var messages: [Message] = []
    /// Threads that sleep and have not been rung for.
    var sleepers = 0
    var isClosed = false
  }

  private let state = Mutex(State())
  /// An eventfd(2) that counts rings: each lets one sleeper go on.
  private let bell: Int32

  init() throws(StoreError) {
    bell = eventfd(0, Int32(EFD_CLOEXEC | EFD_SEMAPHORE))
    guard bell >= 0 else { throw .system("eventfd", nil, errno) }
  }

  deinit { Glibc.close(bell) }

  /// Hands a message in; false where the inbox is closed.
  func post(_ message: Message) -> Bool {
    let (isTaken, isRung) = state.withLock { state in
      guard !state.isClosed else { return (false, false) }
      state.messages.append(message)
      guard state.sleepers > 0 else { return (true, false) }
      state.sleepers -= 1
      return (true, true)
    }
    if isRung { ring(1) }
    return isTaken
  }

  /// Ends the inbox: what is in it is still taken.
  func close() {
    let sleepers = state.withLock { state in
      state.isClosed = true
      defer { state.sleepers = 0 }
      return state.sleepers
    }
    ring(sleepers)
  }

  /// Everything that waits, oldest first; sleeps while there is nothing. Nil once the inbox is closed and
  /// empty.
  func takeAll() -> [Message]? {
    take { messages in
      defer { messages = [] }
      return messages
    }
  }

  /// The oldest message; sleeps while there is none. Nil once the inbox is closed and empty.
  func takeFirst() -> Message? { take { $0.removeFirst() } }

  private enum Look<Taken> {
    case taken(Taken)
    case ended
    case empty
  }

  private func take<Taken: Sendable>(_ body: (inout [Message]) -> Taken) -> Taken? {
    while true {
      let look: Look<Taken> = state.withLock { state in
        if !state.messages.isEmpty { return .taken(body(&state.messages)) }
        if state.isClosed { return .ended }
        state.sleepers += 1
        return .empty
      }
      switch look {
      case .taken(let taken): return taken
      case .ended: return nil
      case .empty: sleep()
      }
    }
  }

  private func ring(_ times: Int) {
    guard times > 0 else { return }
    var count = UInt64(times)
    while write(bell, &count, 8) < 0, errno == EINTR {}
  }

  private func sleep() {
    var ring: UInt64 = 0
    while read(bell, &ring, 8) < 0, errno == EINTR {}
  }
}
