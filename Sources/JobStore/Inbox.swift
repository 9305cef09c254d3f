import Dispatch
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
    var isNudged = false
  }

  private let state = Mutex(State())
  /// Whether there is something to take, or nothing ever will be: a hint, for whoever looks without the lock.
  private let stirred = Atomic(false)
  /// Counts rings: each lets one sleeper go on. (An eventfd(2) would wake them all for each.)
  private let bell = DispatchSemaphore(value: 0)

  /// Whether something waits to be taken.
  var hasMessages: Bool { state.withLock { !$0.messages.isEmpty } }

  /// Hands a message in; false where the inbox is closed.
  func post(_ message: Message) -> Bool {
    let (isTaken, isRung) = state.withLock { state in
      guard !state.isClosed else { return (false, false) }
      state.messages.append(message)
      stirred.store(true, ordering: .releasing)
      guard state.sleepers > 0 else { return (true, false) }
      state.sleepers -= 1
      return (true, true)
    }
    if isRung { ring(1) }
    return isTaken
  }

  /// Lets `takeAll` return, whether there is something to take or not: now, or the next one.
  func nudge() {
    let isRung = state.withLock { state in
      state.isNudged = true
      stirred.store(true, ordering: .releasing)
      guard state.sleepers > 0 else { return false }
      state.sleepers -= 1
      return true
    }
    if isRung { ring(1) }
  }

  /// Ends the inbox: what is in it is still taken.
  func close() {
    let sleepers = state.withLock { state in
      state.isClosed = true
      stirred.store(true, ordering: .releasing)
      defer { state.sleepers = 0 }
      return state.sleepers
    }
    ring(sleepers)
  }

  /// Everything that waits, oldest first; sleeps while there is nothing, unless it was nudged. Nil once the inbox is
  /// closed and empty.
  /// - Parameters:
  ///   - patience: how long to sleep at most; then there is nothing to take. Nil: for as long as it is empty.
  ///   - pace: of this thread, which stays awake for a moment where messages follow one another closely.
  ///   - ahead: called where it stays awake: to do what the next message will want done first. What it gives is called
  ///     before the thread sleeps after all. For an inbox that one thread alone takes from.
  func takeAll(
    within patience: Duration? = nil, _ pace: inout InboxPace, ahead: () -> () -> Void = { {} }
  ) -> [Message]? {
    pace.begin()
    if patience == nil, pace.staysAwake {
      let undo = ahead()
      while pace.staysAwake, !stirred.load(ordering: .acquiring) { sched_yield() }
      if !stirred.load(ordering: .acquiring) { undo() }
    }
    let taken: [Message]?? = take(within: patience) { messages in
      stirred.store(false, ordering: .relaxed)
      defer { messages = [] }
      return messages
    }
    pace.end()
    return taken ?? []
  }

  /// The oldest message; sleeps while there is none. Nil once the inbox is closed and empty. Not for one that is nudged.
  func takeFirst() -> Message? { take(within: nil) { $0.removeFirst() } ?? nil }

  private enum Look<Taken> {
    case taken(Taken)
    case ended
    case empty
  }

  /// Outer nil: patience is over. Inner nil: the inbox is closed and empty.
  private func take<Taken: Sendable>(within patience: Duration?, _ body: (inout [Message]) -> Taken) -> Taken?? {
    while true {
      let look: Look<Taken> = state.withLock { state in
        if !state.messages.isEmpty || state.isNudged {
          state.isNudged = false
          return .taken(body(&state.messages))
        }
        if state.isClosed { return .ended }
        state.sleepers += 1
        return .empty
      }
      switch look {
      case .taken(let taken): return .some(taken)
      case .ended: return .some(nil)
      case .empty: guard sleep(within: patience) else { return nil }
      }
    }
  }

  private func ring(_ times: Int) { for _ in 0..<times { bell.signal() } }

  /// False where it was not rung for.
  private func sleep(within patience: Duration?) -> Bool {
    if let patience {
      let time = patience.components
      let end = DispatchTime.now() + .nanoseconds(Int(time.seconds * 1_000_000_000 + time.attoseconds / 1_000_000_000))
      if bell.wait(timeout: end) == .success { return true }
      if goAway() { return false }
    }
    bell.wait()
    return true
  }

  /// One sleeper fewer. False where every one of them has been rung for, whoever is to hear it: then one ring is ours.
  private func goAway() -> Bool {
    state.withLock { state in
      guard state.sleepers > 0 else { return false }
      state.sleepers -= 1
      return true
    }
  }
}

/// How closely messages follow one another, as one thread sees it. To sleep and be woken takes longer than a whole enqueue
/// otherwise computes: where the last wait was short, the thread looks on for a moment before it sleeps. Where
/// messages are rare it never does, so it costs an idle machine nothing. Whoever else may run on its processor goes first,
/// each time that it looks: often that is the very thread for whose message it waits. See decision 0014 for what was
/// measured.
struct InboxPace {
  private let longest: Duration
  private var isClose: Bool
  private var began = ContinuousClock.now

  /// - Parameters:
  ///   - isClose: whether the last wait counts as a short one.
  ///   - longest: how long it stays awake.
  init(isClose: Bool = false, longest: Duration = .microseconds(150)) {
    self.isClose = isClose
    self.longest = longest
  }

  /// A wait begins.
  mutating func begin() { began = .now }

  /// Whether to look once more before sleeping.
  var staysAwake: Bool { isClose && .now - began < longest }

  /// It is over.
  mutating func end() { isClose = Self.hasCompany && .now - began < longest * 2 }

  /// On a single processor whoever looks on keeps those from running for whom it waits.
  private static let hasCompany = sysconf(Int32(_SC_NPROCESSORS_ONLN)) > 1
}
