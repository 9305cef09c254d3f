import JobModel
import Logging
import NIOCore
import NIOHTTP1
import Supervisor

/// One client: reads its requests one after another, runs a task for each, and writes the replies in order.
///
/// Everything here runs on the connection's event loop, the tasks included (`LoopExecutor`). The connection holds
/// the task of its request and cancels it when the client goes; the task's last step takes itself out.
final class Connection: ChannelDuplexHandler {
  typealias InboundIn = HTTPServerRequestPart
  typealias OutboundIn = HTTPServerResponsePart
  typealias OutboundOut = HTTPServerResponsePart

  enum State {
    /// Between requests.
    case idle
    /// A head has come, its body has not.
    case receiving(Incoming)
    /// A task answers; where the body is read as it comes, it may still be coming.
    case answering(Exchange)
    /// Refused in the middle of a body: what still comes is dropped, so that the client can read why, until it
    /// closes or time is up.
    case lingering
    case closed
  }

  /// A request whose body is being collected.
  struct Incoming {
    var head: HTTPRequestHead
    var admission: Admission
    var body = ByteBuffer()
  }

  /// What a head leads to.
  enum Admission {
    case route(Route, captures: [String], query: Substring?)
    case refused(Problem, allow: [HTTPMethod])
  }

  /// A request that is being answered.
  struct Exchange {
    var isHead: Bool
    var version: HTTPVersion
    var keepsAlive: Bool
    var kind: Route.Kind
    /// The body while it is read as it comes.
    var feed: BodyFeed?
    /// Whether all of the request has come.
    var hasEnded: Bool
    var heartbeat: RepeatedTask?
  }

  let service: JobService
  let limits: ServerLimits
  let router: Router
  let peer: PeerCredentials
  let connections: Connections
  let executor: LoopExecutor
  let logger: Logger
  /// Before it in the pipeline.
  let encoder = ReplyEncoder()
  private(set) lazy var gate = InputGate(self, connections.turns)

  var state = State.idle
  /// Nil outside of the pipeline.
  var context: ChannelHandlerContext?
  /// The request's task. It outlives the connection where the client goes before the answer.
  private var task: Task<Void, Never>?
  private var taskNumber = 0
  /// The newest step forward: bytes that came, a reply that went.
  private(set) var lastProgress = NIODeadline.now()
  /// When the first bytes of a head came that is not whole yet.
  var headBegan: NIODeadline?
  /// Whether the bytes of this turn made a message.
  var madeMessage = false
  /// Whether the client has said all that it will say.
  var inputEnded = false
  /// Nothing more is written, and our side ends once all has been sent.
  var isOutputEnding = false
  /// Over the limit of connections: the first request is answered 503.
  var isSurplus = false
  /// The server stops: no further request.
  var isQuiescing = false
  private var timer: Scheduled<Void>?
  private var timerDue: NIODeadline?
  /// The reply's task, while the socket takes no more.
  private var writeWaiter: CheckedContinuation<Void, Never>?
  /// The reader of the body that comes has more than it can take.
  var bodyIsBehind = false
  /// The last whole reply, for the next one to be written over it once it has gone out.
  var replyBuffer = ByteBuffer()
  /// What the client has sent before its last request was answered, in order.
  var early = CircularBuffer<Arrival>()
  var isTakingEarly = false
  /// The socket was to be read, and was left alone.
  var readIsPending = false

  init(
    service: JobService, limits: ServerLimits, router: Router, peer: PeerCredentials, connections: Connections,
    executor: LoopExecutor, logger: Logger
  ) {
    self.service = service
    self.limits = limits
    self.router = router
    self.peer = peer
    self.connections = connections
    self.executor = executor
    self.logger = logger
  }

  // MARK: Life

  func handlerAdded(context: ChannelHandlerContext) {
    self.context = context
    if context.channel.isActive { opened() }
  }

  func channelActive(context: ChannelHandlerContext) {
    opened()
    context.fireChannelActive()
  }

  private func opened() {
    guard connections.add(self) else { return close() }
    progressed()
    arm()
  }

  func channelInactive(context: ChannelHandlerContext) {
    ended()
    context.fireChannelInactive()
  }

  func handlerRemoved(context: ChannelHandlerContext) {
    ended()
    self.context = nil
  }

  private func ended() {
    if case .closed = state { return }
    if case .answering(let exchange) = state {
      exchange.feed?.finish(complete: false)
      exchange.heartbeat?.cancel()
    }
    state = .closed
    early.removeAll()
    timer?.cancel()
    timer = nil
    task?.cancel()
    wakeWriter()
    if task == nil { connections.remove(self) }
  }

  func close() { context?.close(promise: nil) }

  /// The server stops: a connection that is idle closes, a short request is answered first, a long one ends now.
  func quiesce() {
    isQuiescing = true
    switch state {
    case .idle where isBehind, .receiving where isBehind, .lingering where isBehind: finishSending()
    case .idle, .receiving, .lingering: close()
    case .answering(let exchange):
      if exchange.kind == .long {
        task?.cancel()
        wakeWriter()
      }
    case .closed: break
    }
  }

  /// Whether it may be closed in favour of a newcomer.
  var isEvictable: Bool {
    switch state {
    case .idle, .receiving, .lingering: true
    case .answering, .closed: false
    }
  }

  /// `work` on this connection, for whoever is on another thread.
  func onLoop(_ work: @escaping @Sendable (Connection) -> Void) -> @Sendable () -> Void {
    guard let loop = context?.eventLoop else { return {} }
    let bound = NIOLoopBound(self, eventLoop: loop)
    return { loop.execute { work(bound.value) } }
  }

  // MARK: The task

  /// Runs `work` as the request's task.
  /// - Parameter isPaced: whether the loop may stay awake for its answer; see `LoopPace`.
  func run(isPaced: Bool, _ work: @escaping @Sendable (Connection) async -> Void) {
    guard let loop = context?.eventLoop else { return }
    let bound = NIOLoopBound(self, eventLoop: loop)
    taskNumber += 1
    if isPaced { connections.pace.requestBegan(by: ObjectIdentifier(self)) }
    task = Task(executorPreference: executor) { [taskNumber] in
      await work(bound.value)
      if isPaced { bound.value.connections.pace.requestEnded() }
      bound.value.taskEnded(taskNumber)
    }
  }

  /// The task's own last step. The next request's may have begun: its own reply lets that one in.
  private func taskEnded(_ number: Int) {
    guard number == taskNumber else { return }
    task = nil
    if case .closed = state { connections.remove(self) }
  }

  // MARK: Time

  /// Something moved.
  func progressed() { lastProgress = .now() }

  /// What was waited for was not the client's next request: that has all of its time from now on.
  func restartTime() {
    progressed()
    if headBegan != nil { headBegan = lastProgress }
  }

  /// When the connection has stood still for too long; nil while an answer is awaited.
  private var deadline: NIODeadline? {
    switch state {
    case .idle:
      if let headBegan { headBegan + limits.progress.timeAmount } else { lastProgress + limits.idle.timeAmount }
    // What is held back here is not late.
    case .receiving: readIsPending ? nil : lastProgress + limits.progress.timeAmount
    case .answering(let exchange):
      exchange.hasEnded || bodyIsBehind || readIsPending ? nil : lastProgress + limits.progress.timeAmount
    case .lingering: lastProgress + limits.linger.timeAmount
    case .closed: nil
    }
  }

  /// Sets the timer where the deadline is earlier than what it is set to. One that goes off early looks again: so a
  /// request on a busy connection sets no timer at all.
  func arm() {
    guard let context else { return }
    let due = deadline ?? .now() + limits.idle.timeAmount
    if let timerDue, timerDue <= due { return }
    timer?.cancel()
    timerDue = due
    let bound = NIOLoopBound(self, eventLoop: context.eventLoop)
    timer = context.eventLoop.scheduleTask(deadline: due) { bound.value.timeIsUp() }
  }

  private func timeIsUp() {
    timerDue = nil
    guard let deadline, deadline <= .now() else { return arm() }
    switch state {
    case .idle where isBehind, .lingering where isBehind:
      // It has its reply still to read, in its own time: in a pager, say. A deadline that stayed in the past would
      // keep the loop from its sockets.
      restartTime()
      arm()
    case .idle, .lingering, .closed: close()
    case .receiving, .answering:
      refuse(Problem(.malformed, "the request did not arrive whole within \(limits.progress)"))
    }
  }

  // MARK: Writability

  func channelWritabilityChanged(context: ChannelHandlerContext) {
    if context.channel.isWritable {
      wakeWriter()
      takeEarly()
    }
    context.fireChannelWritabilityChanged()
  }

  /// Returns once the socket takes more; false where the client has gone or the reply is to end.
  func waitUntilWritable() async -> Bool {
    if isOpen, context?.channel.isWritable == false, !Task.isCancelled {
      await withCheckedContinuation { writeWaiter = $0 }
    }
    return isOpen && !Task.isCancelled
  }

  /// Whether the client has yet to take what was written.
  var isBehind: Bool {
    let unsent = try? context?.channel.syncOptions?.getOption(.bufferedWritableBytes)
    return (unsent ?? 0) > 0
  }

  private var isOpen: Bool {
    if case .closed = state { false } else { true }
  }

  private func wakeWriter() {
    writeWaiter?.resume()
    writeWaiter = nil
  }

  func errorCaught(context: ChannelHandlerContext, error: any Error) {
    switch error {
    case let error as HTTPParserError: arrived(.fault(error))
    case is ByteToMessageDecoderError: break  // What follows a fault that has been answered.
    default:
      logger.debug("a connection failed: \(error)", metadata: ["pid": "\(peer.pid)"])
      close()
    }
  }
}

extension TimeSpan {
  var timeAmount: TimeAmount { .milliseconds(milliseconds) }
}
