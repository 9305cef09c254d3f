import NIOCore
import NIOHTTP1

/// Requests that come before the last one is answered (RFC 9112 section 9.3.2): kept, and begun in their order.
///
/// NIO has a handler for this. It stops and starts the socket's reading for each request, two system calls, and passes
/// every part on through itself: a tenth of all that a small request costs the loop. Here the socket is held back only where
/// it must be: see `holdsReads`.
extension Connection {
  /// What has come too early.
  enum Arrival {
    case part(HTTPServerRequestPart)
    case fault(HTTPParserError)
    case inputClosed
  }

  /// Whether all of a request has come, and its answer has not gone.
  private var isAnswering: Bool {
    if case .answering(let exchange) = state { exchange.hasEnded } else { false }
  }

  /// Whether what comes next begins a request.
  var isBetweenRequests: Bool { if case .idle = state { true } else { isAnswering } }

  func arrived(_ arrival: Arrival) {
    // A client that has said all may be told so at once, where no request of its is behind.
    if case .inputClosed = arrival, early.isEmpty { return take(arrival) }
    if isAnswering || !early.isEmpty { early.append(arrival) } else { take(arrival) }
  }

  /// Whether the client will say nothing beyond the request that is being answered.
  var hasSaidAll: Bool {
    if inputEnded { return true }
    if case .inputClosed? = early.first { return true } else { return false }
  }

  /// The last request has been answered, or the client reads again: what came meanwhile comes now, as long as it takes
  /// the answers.
  func takeEarly() {
    // Each may be answered at once, by a refusal, and bring us here again.
    guard !isTakingEarly else { return }
    isTakingEarly = true
    while !isAnswering, context?.channel.isWritable == true, let arrival = early.popFirst() { take(arrival) }
    isTakingEarly = false
    readOn()
  }

  private func take(_ arrival: Arrival) {
    switch arrival {
    case .part(.head(let head)): received(head)
    case .part(.body(let bytes)): received(bytes)
    case .part(.end): receivedEnd()
    case .fault(let error): malformed(error)
    case .inputClosed: receivedAll()
    }
  }

  // MARK: Holding back

  /// How much of its input is to be parsed: nothing where the body's reader is behind, or the client is ahead of its
  /// answers, or does not read them.
  var appetite: InputAppetite {
    if bodyIsBehind || !early.isEmpty || context?.channel.isWritable == false { return .nothing }
    if case .lingering = state { return .buffer }
    return isBetweenRequests ? .slice : .everything
  }

  /// Whether the socket is to be left alone.
  private var holdsReads: Bool { gate.isHolding || appetite == .nothing }

  func read(context: ChannelHandlerContext) {
    if holdsReads {
      readIsPending = true
    } else {
      context.read()
    }
  }

  /// Reads on where that was held back and need not be any more.
  func readOn() {
    gate.resume()
    guard readIsPending, !holdsReads else { return }
    readIsPending = false
    restartTime()
    context?.read()
  }
}
