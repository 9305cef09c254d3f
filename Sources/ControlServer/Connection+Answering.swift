import JobModel
import Logging
import NIOCore
import NIOHTTP1

/// From a request to the wire.
extension Connection {
  /// The request is to be answered from now on. `route` is nil where it is refused.
  func begin(_ head: HTTPRequestHead, _ route: Route?, hasEnded: Bool, feed: BodyFeed?) {
    state = .answering(
      Exchange(
        isHead: head.method == .HEAD, version: head.version, keepsAlive: head.isKeepAlive && !head.asksForUpgrade,
        kind: route?.kind ?? .short, feed: feed, hasEnded: hasEnded))
  }

  /// Runs the route in the request's task.
  func answer(_ route: Route, _ call: Call) {
    let comesWhole = if case .answering(let exchange) = state { exchange.feed == nil } else { false }
    run(isPaced: route.kind == .short && comesWhole) { connection in
      let reply: Reply
      do throws(Problem) {
        reply =
          call.isLarge
          ? try await offLoop { () throws(Problem) in try await route.answer(call) } : try await route.answer(call)
      } catch {
        reply = .problem(error)
      }
      await connection.comeBack()
      await connection.send(reply)
    }
  }

  /// A route that ended with work off the loop may leave its task where that was, until it is next scheduled.
  private func comeBack() async {
    while !executor.isCurrent { await Task.yield() }
  }

  private func send(_ reply: Reply) async {
    guard case .stream(let contentType, let length, let write) = reply else { return finish(reply) }
    guard case .answering(let exchange) = state, let context else { return }
    var head = HTTPResponseHead(version: exchange.version, status: .ok)
    head.headers.add(name: "content-type", value: contentType)
    head.headers.add(name: "cache-control", value: "no-store")
    // HTTP/1.0 knows no chunks: there the end of the connection is the end of a body of unknown length.
    let hasEnd = length != nil || !exchange.version.isOld
    if let length {
      head.headers.add(name: "content-length", value: String(length))
    } else if hasEnd, !exchange.isHead {
      head.headers.add(name: "transfer-encoding", value: "chunked")
    }
    let (isPersistent, word) = persistence(exchange, mayGoOn: hasEnd)
    if let word { head.headers.add(name: "connection", value: word) }
    context.writeAndFlush(wrapOutboundOut(.head(head)), promise: nil)
    do {
      if !exchange.isHead { try await write(ReplyStream(connection: self)) }
    } catch {
      // The head has gone out; that the body is not whole can only be told by cutting it off.
      if !(error is ReplyStream.Closed), !(error is CancellationError) {
        logger.error("a reply was cut off: \(error)")
      }
      return close()
    }
    complete(isPersistent: isPersistent)
  }

  /// Sends a whole reply and ends the exchange.
  func finish(_ reply: Reply) {
    guard case .answering(let exchange) = state, let context else { return }
    var head: ReplyHead
    var status = HTTPResponseStatus.noContent
    // The body, beside the head or after it.
    var (body, rest) = (ByteBuffer?.none, ByteBuffer?.none)
    switch reply {
    case .document(let documentStatus, let contentType, let bytes, let fields):
      status = documentStatus
      if !exchange.isHead {
        if ReplyHead.takes(bytes) { body = bytes } else { rest = bytes }
      }
      head = ReplyHead(exchange.version, status, in: takeReplyBuffer(), room: body?.readableBytes ?? 0)
      head.line("\r\ncontent-type: ", contentType)
      head.line("\r\ncontent-length: ", String(bytes.readableBytes))
      for (name, value) in fields { head.add(name, value) }
    case .noContent, .stream: head = ReplyHead(exchange.version, status, in: takeReplyBuffer(), room: 0)
    }
    let (isPersistent, word) = persistence(exchange)
    if let word { head.line("\r\nconnection: ", word) }
    let beginning = head.with(body)
    if beginning.capacity <= Self.keptReplyBuffer { replyBuffer = beginning }
    encoder.put(beginning, rest)
    context.write(wrapOutboundOut(.head(HTTPResponseHead(version: exchange.version, status: status))), promise: nil)
    complete(isPersistent: isPersistent)
  }

  /// A reply's buffer of at most so many bytes stays with the connection.
  private static let keptReplyBuffer = 4096

  private func takeReplyBuffer() -> ByteBuffer {
    defer { replyBuffer = ByteBuffer() }
    return replyBuffer
  }

  /// The reply's last bytes. What the client has sent meanwhile may become its next request before this returns.
  private func complete(isPersistent: Bool) {
    guard case .answering(let exchange) = state, let context else { return }
    exchange.heartbeat?.cancel()
    bodyIsBehind = false
    progressed()
    // A stream's head may have gone out before the client, or the server, ended what it said then.
    if isPersistent, !hasSaidAll, !isQuiescing {
      state = .idle
      context.writeAndFlush(wrapOutboundOut(.end(nil)), promise: nil)
      takeEarly()
    } else if exchange.hasEnded || hasSaidAll {
      closeOnceSent()
    } else {
      linger()
    }
    arm()
  }

  /// Ends the reply, where one is under way, and the connection once everything has gone out that was written.
  func closeOnceSent() {
    // Then the last byte that goes out does it.
    guard !isOutputEnding, let context else { return }
    state = .lingering
    early.removeAll()
    let bound = context.loopBound
    context.writeAndFlush(wrapOutboundOut(.end(nil))).whenComplete { _ in bound.value.close(promise: nil) }
  }

  /// Ends our side, and drops what the client still sends: it would be reset, and might never read the reply, were
  /// the socket closed on it.
  private func linger() {
    finishSending()
    readOn()
  }

  /// Ends our side once all has been sent that was written, and gives the client a moment to see that.
  func finishSending() {
    state = .lingering
    early.removeAll()
    guard !isOutputEnding, let context else { return arm() }
    isOutputEnding = true
    let bound = NIOLoopBound(self, eventLoop: context.eventLoop)
    // Not before: where the client's side has ended NIO takes the end of ours for that of the connection.
    context.writeAndFlush(wrapOutboundOut(.end(nil))).whenComplete { _ in
      let connection = bound.value
      connection.context?.close(mode: connection.inputEnded ? .all : .output, promise: nil)
    }
    arm()
  }

  /// Refuses what is being received, in the middle of it, and takes no more requests.
  func refuse(_ problem: Problem, allow: [HTTPMethod] = []) {
    switch state {
    case .idle:
      // No head yet.
      state = .answering(
        Exchange(isHead: false, version: .http1_1, keepsAlive: false, kind: .short, hasEnded: false))
    case .receiving(let incoming):
      begin(incoming.head, nil, hasEnded: false, feed: nil)
      if case .answering(var exchange) = state {
        exchange.keepsAlive = false
        state = .answering(exchange)
      }
    case .answering(let exchange):
      // The body that a task reads has gone bad: the task says so.
      exchange.feed?.finish(complete: false)
      return
    case .lingering, .closed: return
    }
    finish(.problem(problem, allow: allow))
  }

  /// Whether the connection goes on after this reply (RFC 9112 section 9.3), and what its head says of that.
  private func persistence(_ exchange: Exchange, mayGoOn: Bool = true) -> (goesOn: Bool, word: String?) {
    let goesOn =
      mayGoOn && exchange.keepsAlive && exchange.hasEnded && !hasSaidAll && !isQuiescing && !isSurplus
    return (goesOn, goesOn ? (exchange.version.isOld ? "keep-alive" : nil) : "close")
  }

  func sendContinue(_ version: HTTPVersion) {
    context?.writeAndFlush(
      wrapOutboundOut(.head(HTTPResponseHead(version: version, status: .continue))), promise: nil)
  }

  // MARK: Streams

  /// False where nothing can be written any more.
  func writeBody(_ bytes: ByteBuffer) -> Bool {
    guard case .answering = state, let context, !Task.isCancelled else { return false }
    context.writeAndFlush(wrapOutboundOut(.body(.byteBuffer(bytes))), promise: nil)
    progressed()
    return true
  }

  func startHeartbeat(_ bytes: ByteBuffer, every span: TimeSpan) {
    guard case .answering(var exchange) = state, let context else { return }
    let bound = NIOLoopBound(self, eventLoop: context.eventLoop)
    // A beat must not be left out because it comes a moment early.
    let quiet = TimeSpan.milliseconds(span.milliseconds / 2).timeAmount
    exchange.heartbeat = context.eventLoop.scheduleRepeatedTask(
      initialDelay: span.timeAmount, delay: span.timeAmount
    ) { _ in
      let connection = bound.value
      guard connection.lastProgress + quiet <= .now(), connection.context?.channel.isWritable == true else { return }
      _ = connection.writeBody(bytes)
    }
    state = .answering(exchange)
  }
}
