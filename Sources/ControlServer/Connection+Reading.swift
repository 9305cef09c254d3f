import JobModel
import NIOCore
import NIOHTTP1

/// From the wire to a request.
extension Connection {
  func channelRead(context: ChannelHandlerContext, data: NIOAny) {
    // One who sends on after a refusal gets no more time for it.
    if case .lingering = state {} else { progressed() }
    madeMessage = true
    arrived(.part(unwrapInboundIn(data)))
  }

  func channelReadComplete(context: ChannelHandlerContext) {
    // Bytes came and made no message yet: the time of a head runs from its first byte.
    if isBetweenRequests, !madeMessage, headBegan == nil { headBegan = .now() }
    madeMessage = false
    arm()
    context.fireChannelReadComplete()
  }

  func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
    guard case ChannelEvent.inputClosed? = event as? ChannelEvent else {
      return context.fireUserInboundEventTriggered(event)
    }
    arrived(.inputClosed)
  }

  /// A client that has said all (`curl` never, `nc -N` always) still gets its answer.
  func receivedAll() {
    inputEnded = true
    switch state {
    // It has not read its last answer.
    case .idle where isBehind, .lingering where isBehind, .receiving where isBehind: closeOnceSent()
    case .idle, .lingering, .receiving: close()
    case .answering(let exchange): if !exchange.hasEnded { exchange.feed?.finish(complete: false) }
    case .closed: break
    }
  }

  func received(_ head: HTTPRequestHead) {
    guard case .idle = state else { return }
    headBegan = nil
    let fields = HeadFields(head)
    let admission = admit(head, fields)
    if case .refused(let problem, let allow) = admission, problem.code == .tooLarge || fields.expectsContinue {
      // Said before the body is read: a client that waits for `100 Continue` need not send it.
      state = .receiving(Incoming(head: head, admission: admission))
      return refuse(problem, allow: allow)
    }
    if fields.expectsContinue { sendContinue(head.version) }
    if case .route(let route, let captures, let query) = admission, route.takesLines, fields.isNDJSON {
      let feed = BodyFeed(readOn: onLoop { $0.bodyCaughtUp() })
      begin(head, route, hasEnded: false, feed: feed)
      return answer(route, call(head, captures, query, .lines(feed)))
    }
    state = .receiving(Incoming(head: head, admission: admission))
  }

  func received(_ bytes: ByteBuffer) {
    switch state {
    case .receiving(var incoming):
      guard incoming.body.readableBytes + bytes.readableBytes <= limits.jsonBytes else { return refuse(tooLarge) }
      // Out of the state and back: the buffer must have one owner while it grows.
      state = .idle
      incoming.body.writeImmutableBuffer(bytes)
      state = .receiving(incoming)
    case .answering(let exchange):
      guard let feed = exchange.feed else { return }
      if !feed.put(bytes) { bodyIsBehind = true }
    case .idle, .lingering, .closed: break
    }
  }

  func receivedEnd() {
    switch state {
    case .receiving(let incoming):
      switch incoming.admission {
      case .refused(let problem, let allow):
        begin(incoming.head, nil, hasEnded: true, feed: nil)
        finish(.problem(problem, allow: allow))
      case .route(let route, let captures, let query):
        begin(incoming.head, route, hasEnded: true, feed: nil)
        answer(route, call(incoming.head, captures, query, .whole(incoming.body)))
      }
    case .answering(var exchange):
      exchange.hasEnded = true
      state = .answering(exchange)
      exchange.feed?.finish(complete: true)
    case .lingering: if !isBehind { close() }
    case .idle, .closed: break
    }
  }

  /// The body's reader has caught up.
  private func bodyCaughtUp() {
    bodyIsBehind = false
    progressed()
    readOn()
  }

  /// Whether, and by what, a request is answered, as far as its head tells.
  private func admit(_ head: HTTPRequestHead, _ fields: HeadFields) -> Admission {
    if isSurplus {
      return .refused(
        Problem(.notReady, "\(limits.connections) connections are open and all are in use; try again"), allow: [])
    }
    // RFC 9112 section 3.2: one Host in each HTTP/1.1 request, no more.
    let hosts = fields.hosts
    guard hosts == 1 || (hosts == 0 && head.version.isOld) else {
      return .refused(Problem(.malformed, "an HTTP/1.1 request has one Host header; this one has \(hosts)"), allow: [])
    }
    do throws(Problem) {
      if let route = router.route(head.method, at: head.uri) {
        try checkLength(route, fields)
        return .route(route, captures: [], query: nil)
      }
      let target = try RequestTarget(head.uri)
      switch router.match(head.method, target) {
      case .refused(let problem, let allow): return .refused(problem, allow: allow)
      case .route(let route, let captures):
        try checkLength(route, fields)
        return .route(route, captures: captures, query: target.query)
      }
    } catch {
      return .refused(error, allow: [])
    }
  }

  private func checkLength(_ route: Route, _ fields: HeadFields) throws(Problem) {
    let limit = route.takesLines && fields.isNDJSON ? limits.bulkBytes : limits.jsonBytes
    if let length = fields.contentLength, length > limit { throw tooLarge(limit) }
  }

  private var tooLarge: Problem { tooLarge(limits.jsonBytes) }

  private func tooLarge(_ limit: Int) -> Problem {
    Problem(.tooLarge, "the body is over \(limit >> 20) MiB")
  }

  private func call(_ head: HTTPRequestHead, _ captures: [String], _ query: Substring?, _ body: Call.Body) -> Call {
    Call(
      service: service, limits: limits, peer: peer, openConnections: connections.count, captures: captures,
      query: query, headers: head.headers, body: body)
  }

  /// The parser's fault, in a person's words. Nothing that follows on this connection can be trusted to begin a
  /// request.
  func malformed(_ error: HTTPParserError) {
    let problem =
      switch error {
      case .headerOverflow:
        Problem(.tooLarge, "the request's head is over \(limits.headBytes >> 10) KiB or \(limits.headFields) fields")
      case .invalidVersion: Problem(.malformed, "only HTTP/1.0 and HTTP/1.1 are spoken here")
      case .invalidMethod: Problem(.malformed, "the request's method is unknown to HTTP")
      case .invalidURL: Problem(.malformed, "the request's target is no URL")
      case .invalidHeaderToken: Problem(.malformed, "a header field is malformed")
      case .invalidContentLength, .unexpectedContentLength:
        Problem(.malformed, "the Content-Length is malformed, or contradicts the Transfer-Encoding")
      case .invalidChunkSize: Problem(.malformed, "a chunk of the body is malformed")
      case .invalidEOFState, .closedConnection: Problem(.malformed, "the request ended early")
      default: Problem(.malformed, "this is no HTTP request")
      }
    refuse(problem)
  }
}

extension HTTPVersion {
  /// HTTP/1.0: no chunks, no `100 Continue`, no Host, and a connection ends with its reply unless it is asked to stay.
  var isOld: Bool { minor == 0 }
}

extension HTTPRequestHead {
  /// After an upgrade that is not taken up, the parser reads nothing more: the connection ends with the reply.
  var asksForUpgrade: Bool { method == .CONNECT || headers.contains(name: "upgrade") }
}
