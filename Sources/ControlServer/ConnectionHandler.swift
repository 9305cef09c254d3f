import JobModel
import Logging
import NIOCore
import NIOHTTP1
import Supervisor

/// One connection: takes its requests one after the other, runs each in a task of its own, and writes the replies
/// in order. The pipeline
/// handler before it holds the next request back until the reply to this one has been written.
///
/// All of it happens on the connection's event loop.
final class ConnectionHandler: ChannelInboundHandler {
  typealias InboundIn = HTTPServerRequestPart
  typealias OutboundOut = HTTPServerResponsePart

  private enum State {
    /// Waits for a request.
    case idle
    /// Collects a body.
    case collecting(Pending, body: ByteBuffer)
    /// Hands a body on as it arrives.
    case feeding(BodyFeed)
    /// A reply is under way; `isRead`: the request has been read whole.
    case answering(isRead: Bool)
    /// The last reply has been written, and what still comes is dropped until the client has read it.
    case lingering
    case closed
  }

  private struct Pending {
    var head: HTTPRequestHead
    var route: Route
    var captures: [String]
    var target: RequestTarget
  }

  private let service: JobService
  private let limits: ServerLimits
  private let peer: PeerCredentials
  private let executor: LoopExecutor
  private let connections: ConnectionTable
  private let logger: Logger
  private var state = State.idle
  private var feed: BodyFeed?
  private var task: Task<Void, Never>?
  private var timer: Scheduled<Void>?
  private var keepsAlive = true
  private var isInputClosed = false
  private var isHead = false
  private(set) var isLong = false
  private var context: ChannelHandlerContext?

  init(
    service: JobService, limits: ServerLimits, peer: PeerCredentials, executor: LoopExecutor,
    connections: ConnectionTable,
    logger: Logger
  ) {
    self.service = service
    self.limits = limits
    self.peer = peer
    self.executor = executor
    self.connections = connections
    self.logger = logger
  }

  /// Whether it waits for a request: such a connection may be closed for a newcomer.
  var isIdle: Bool { if case .idle = state { true } else { false } }

  func handlerAdded(context: ChannelHandlerContext) {
    self.context = context
    connections.add(self)
    wait(limits.idle)
  }

  func handlerRemoved(context: ChannelHandlerContext) { self.context = nil }

  func channelInactive(context: ChannelHandlerContext) {
    state = .closed
    timer?.cancel()
    task?.cancel()
    feed?.end(complete: false)
    connections.remove(self)
    context.fireChannelInactive()
  }

  /// Closes the connection at once.
  func close() { context?.close(promise: nil) }

  /// Ends a reply that lasts as long as a job does.
  func endLongReply() { if isLong { task?.cancel() } }

  // MARK: Reading

  func channelRead(context: ChannelHandlerContext, data: NIOAny) {
    switch unwrapInboundIn(data) {
    case .head(let head): begin(head, context)
    case .body(let piece): take(piece, context)
    case .end: finish(context)
    }
  }

  private func begin(_ head: HTTPRequestHead, _ context: ChannelHandlerContext) {
    guard case .idle = state else { return }
    keepsAlive = head.isKeepAlive
    isHead = head.method == .HEAD
    isLong = false
    wait(limits.progress)
    let target: RequestTarget
    do throws(Problem) { target = try RequestTarget(head.uri) } catch { return refuse(.problem(error), context) }
    switch Router.api.match(head.method, target) {
    case .refused(let problem, let allow): refuse(.problem(problem, allow: allow), context)
    case .route(let route, let captures):
      let pending = Pending(head: head, route: route, captures: captures, target: target)
      let isLines = route.takesLines && Self.isNDJSON(head)
      let most = isLines ? limits.bulkBytes : limits.jsonBytes
      if let length = head.headers.first(name: "content-length").flatMap({ Int($0) }), length > most {
        return refuse(.problem(Self.tooLarge(most)), context)
      }
      if head.headers.first(name: "expect")?.lowercased() == "100-continue" {
        context.writeAndFlush(wrapOutboundOut(.head(.init(version: head.version, status: .continue))), promise: nil)
      }
      if isLines {
        let channel = context.channel
        let feed = BodyFeed { channel.setOption(.autoRead, value: true).whenFailure { _ in } }
        self.feed = feed
        state = .feeding(feed)
        answer(pending, .lines(feed))
      } else {
        state = .collecting(pending, body: ByteBuffer())
      }
    }
  }

  private func take(_ piece: ByteBuffer, _ context: ChannelHandlerContext) {
    switch state {
    case .collecting(let pending, var body):
      // Not two references to the buffer at once: it would be copied for each piece.
      state = .idle
      guard body.readableBytes + piece.readableBytes <= limits.jsonBytes else {
        return refuse(.problem(Self.tooLarge(limits.jsonBytes)), context)
      }
      if body.readableBytes == 0 { body = piece } else { body.writeImmutableBuffer(piece) }
      state = .collecting(pending, body: body)
      wait(limits.progress)
    case .feeding(let feed):
      wait(limits.progress)
      if !feed.push(piece) { context.channel.setOption(.autoRead, value: false).whenFailure { _ in } }
    case .idle, .answering, .lingering, .closed: break
    }
  }

  private func finish(_ context: ChannelHandlerContext) {
    switch state {
    case .collecting(let pending, let body):
      timer?.cancel()
      state = .answering(isRead: true)
      answer(pending, .whole(body))
    case .feeding(let feed):
      timer?.cancel()
      state = .answering(isRead: true)
      feed.end(complete: true)
    case .answering: state = .answering(isRead: true)
    // The client has sent all of what was refused: it reads the reply now.
    case .lingering: context.close(mode: .output, promise: nil)
    case .idle, .closed: break
    }
  }

  func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
    if let event = event as? ChannelEvent, event == .inputClosed {
      isInputClosed = true
      switch state {
      // Half a request, or none: there is nobody to answer. One that is being answered gets its reply.
      case .idle, .lingering, .collecting: context.close(promise: nil)
      case .feeding(let feed): feed.end(complete: false)
      case .answering, .closed: break
      }
    }
    context.fireUserInboundEventTriggered(event)
  }

  func errorCaught(context: ChannelHandlerContext, error: any Error) {
    guard error is HTTPParserError else {
      context.close(promise: nil)
      return
    }
    switch state {
    case .idle, .collecting:
      keepsAlive = false
      refuse(.problem(Problem(.malformed, "this is no HTTP/1.1 request: \(error)")), context)
    case .feeding(let feed):
      keepsAlive = false
      feed.end(complete: false)
    case .answering, .lingering, .closed: context.close(promise: nil)
    }
  }

  // MARK: Answering

  private func answer(_ pending: Pending, _ body: Call.Body) {
    guard let context else { return }
    let call = Call(
      service: service, limits: limits, peer: peer, captures: pending.captures, query: pending.target.query,
      headers: pending.head.headers, body: body)
    let route = pending.route
    let bound = NIOLoopBound(self, eventLoop: context.eventLoop)
    let channel = context.channel
    let loop = context.eventLoop
    isLong = route.kind == .long
    let tally = connections.tasks
    tally.enter()
    task = Task(executorPreference: executor) {
      defer { tally.leave() }
      let reply: Reply
      do throws(Problem) { reply = try await route.answer(call) } catch { reply = .problem(error) }
      guard case .stream(let contentType, let write) = reply else {
        // The executor is this very loop, except where a route left it last.
        if loop.inEventLoop {
          bound.value.write(reply)
        } else {
          let whole = reply.document
          loop.execute { bound.value.write(whole) }
        }
        return
      }
      let stream = ReplyStream(channel)
      try? await loop.submit { bound.value.writeStreamHead(contentType) }.get()
      var isWhole = true
      do { try await write(stream) } catch { isWhole = false }
      stream.end()
      let ended = isWhole
      try? await loop.submit { bound.value.endStream(whole: ended) }.get()
    }
  }

  /// Answers before the request has been read, or instead.
  private func refuse(_ reply: Reply, _ context: ChannelHandlerContext) {
    state = .answering(isRead: false)
    write(reply)
  }

  private func write(_ reply: Reply) { write(reply.document) }

  private func write(_ reply: Reply.Document) {
    guard let context, case .answering = stateOnceAnswering() else { return }
    var head = HTTPResponseHead(version: .http1_1, status: reply.status)
    if let contentType = reply.contentType {
      head.headers.add(name: "content-type", value: contentType)
      head.headers.add(name: "content-length", value: String(reply.body.readableBytes))
    }
    for (name, value) in reply.headers { head.headers.add(name: name, value: value) }
    prepareEnd(&head)
    context.write(wrapOutboundOut(.head(head)), promise: nil)
    if !isHead, reply.body.readableBytes > 0 {
      context.write(wrapOutboundOut(.body(.byteBuffer(reply.body))), promise: nil)
    }
    end(context)
  }

  private func writeStreamHead(_ contentType: String) {
    guard let context, case .answering = stateOnceAnswering() else { return }
    var head = HTTPResponseHead(version: .http1_1, status: .ok)
    head.headers.add(name: "content-type", value: contentType)
    head.headers.add(name: "cache-control", value: "no-store")
    prepareEnd(&head)
    context.writeAndFlush(wrapOutboundOut(.head(head)), promise: nil)
  }

  private func endStream(whole: Bool) {
    guard let context, case .answering = state else { return }
    // Cut short, the body must not look complete.
    guard whole else { return context.close(promise: nil) }
    end(context)
  }

  /// A body that is still coming when its reply is ready is dropped from here on.
  private func stateOnceAnswering() -> State {
    if case .feeding = state { state = .answering(isRead: false) }
    return state
  }

  private func prepareEnd(_ head: inout HTTPResponseHead) {
    if case .answering(isRead: false) = state { keepsAlive = false }
    if isInputClosed { keepsAlive = false }
    if !keepsAlive { head.headers.replaceOrAdd(name: "connection", value: "close") }
  }

  private func end(_ context: ChannelHandlerContext) {
    let wasRead = if case .answering(isRead: true) = state { true } else { false }
    task = nil
    feed = nil
    isLong = false
    guard keepsAlive else {
      state = .lingering
      let written = context.eventLoop.makePromise(of: Void.self)
      context.writeAndFlush(wrapOutboundOut(.end(nil)), promise: written)
      let bound = NIOLoopBound(context, eventLoop: context.eventLoop)
      let close: @Sendable () -> Void = { bound.value.close(promise: nil) }
      if wasRead || isInputClosed {
        written.futureResult.whenComplete { _ in close() }
      } else {
        // Closed at once with unread bytes, the client could be told of the reset before the reply. It has
        // a moment to read.
        context.channel.setOption(.autoRead, value: true).whenFailure { _ in }
        timer?.cancel()
        timer = context.eventLoop.scheduleTask(in: .milliseconds(limits.linger.milliseconds), close)
      }
      return
    }
    state = .idle
    wait(limits.idle)
    context.writeAndFlush(wrapOutboundOut(.end(nil)), promise: nil)
  }

  // MARK: Time

  /// Closes the connection where nothing comes for this long.
  private func wait(_ span: TimeSpan) {
    timer?.cancel()
    guard let context else { return }
    let bound = NIOLoopBound(self, eventLoop: context.eventLoop)
    timer = context.eventLoop.scheduleTask(in: .milliseconds(span.milliseconds)) { bound.value.timeUp() }
  }

  private func timeUp() {
    switch state {
    case .idle, .collecting: close()
    case .feeding(let feed):
      // The reader is slower than the client: that is not the client standing still.
      feed.end(complete: false)
    case .answering, .lingering, .closed: break
    }
  }

  private static func isNDJSON(_ head: HTTPRequestHead) -> Bool {
    guard let type = head.headers.first(name: "content-type") else { return false }
    let media = type.prefix { $0 != ";" && $0 != " " }.lowercased()
    return media == "application/x-ndjson" || media == "application/ndjson" || media == "application/jsonl"
  }

  private static func tooLarge(_ most: Int) -> Problem {
    Problem(.tooLarge, "the body is over \(most >> 20) MiB")
  }
}

extension Reply {
  /// A reply that is written at once.
  struct Document: Sendable {
    var status: HTTPResponseStatus
    var contentType: String?
    var body: ByteBuffer
    var headers: [(String, String)]
  }

  var document: Document {
    switch self {
    case .document(let status, let contentType, let body, let headers):
      Document(status: status, contentType: contentType, body: body, headers: headers)
    case .noContent, .stream: Document(status: .noContent, contentType: nil, body: ByteBuffer(), headers: [])
    }
  }
}
