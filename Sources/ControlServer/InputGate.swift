import NIOCore

/// Before the parser: what a client has sent and the connection does not take yet stays bytes here.
///
/// To hold the socket back is not enough. Once a client closes, or says that it has said all, NIO reads everything that lies
/// in the kernel for it, in one turn of the loop: with requests of 27 bytes that were seconds of parsing, and ten times
/// their size in memory. And what begins with a request comes in slices, one in a turn of the loop, since many small ones
/// that are refused at once would keep everyone else waiting.
final class InputGate: ChannelInboundHandler {
  typealias InboundIn = ByteBuffer
  typealias InboundOut = ByteBuffer

  /// As much as is parsed at once, where requests begin.
  private static let slice = 1024

  private unowned let connection: Connection
  private let turns: InputTurns
  private var held = CircularBuffer<ByteBuffer>()
  /// Nil outside of the pipeline.
  private var context: ChannelHandlerContext?
  private var inputIsClosed = false
  /// Between a read of NIO's and its completion.
  private var isReading = false
  private var isFeeding = false
  private var awaitsTurn = false
  private var hasPassed = false

  init(_ connection: Connection, _ turns: InputTurns) {
    self.connection = connection
    self.turns = turns
  }

  var isHolding: Bool { !held.isEmpty }

  func handlerAdded(context: ChannelHandlerContext) { self.context = context }

  func handlerRemoved(context: ChannelHandlerContext) {
    self.context = nil
    held.removeAll()
  }

  func channelInactive(context: ChannelHandlerContext) {
    held.removeAll()
    context.fireChannelInactive()
  }

  func channelRead(context: ChannelHandlerContext, data: NIOAny) {
    isReading = true
    let bytes = unwrapInboundIn(data)
    if held.isEmpty, connection.appetite != .nothing,
      bytes.readableBytes <= Self.slice || connection.appetite == .everything
    {
      hasPassed = true
      return context.fireChannelRead(data)
    }
    held.append(bytes)
    if awaitsTurn { return }
    // Where others wait for theirs the first slice waits too: a hundred may have come in this turn of the loop.
    if turns.areAwaited { awaitTurn() } else { feed() }
  }

  private func awaitTurn() {
    awaitsTurn = true
    turns.wait(self)
  }

  func channelReadComplete(context: ChannelHandlerContext) {
    isReading = false
    passedAll()
  }

  private func passedAll() {
    guard hasPassed else { return }
    hasPassed = false
    context?.fireChannelReadComplete()
  }

  func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
    if isHolding, case ChannelEvent.inputClosed? = event as? ChannelEvent {
      inputIsClosed = true
    } else {
      context.fireUserInboundEventTriggered(event)
    }
  }

  /// Its turn has come.
  func turnCame() {
    awaitsTurn = false
    // Without a context the connection may be gone.
    if context != nil { connection.readOn() }
  }

  /// Passes on what the connection takes now. Called whenever it may take more.
  func resume() {
    guard isHolding, !isReading, !isFeeding, !awaitsTurn else { return }
    feed()
    passedAll()
  }

  private func feed() {
    isFeeding = true
    var hasHadItsSlice = false
    while let context, !held.isEmpty {
      let appetite = connection.appetite
      guard appetite != .nothing else { break }
      if hasHadItsSlice, appetite != .everything {
        awaitTurn()
        break
      }
      hasHadItsSlice = true
      hasPassed = true
      if appetite == .slice, let slice = held[held.startIndex].readSlice(length: Self.slice) {
        if held[held.startIndex].readableBytes == 0 { held.removeFirst() }
        context.fireChannelRead(wrapInboundOut(slice))
      } else {
        context.fireChannelRead(wrapInboundOut(held.removeFirst()))
      }
    }
    isFeeding = false
    if inputIsClosed, !isHolding {
      inputIsClosed = false
      context?.fireUserInboundEventTriggered(ChannelEvent.inputClosed)
    }
  }
}

/// How much of what a client has sent its connection takes.
enum InputAppetite {
  case nothing
  /// A request, or several: a little in each turn of the loop.
  case slice
  /// What is dropped: a buffer in each turn.
  case buffer
  /// A body.
  case everything
}

/// Whose turn it is to have a little of its input parsed: one connection in a turn of the loop, so that those who sent much
/// share the time of one. Used on the loop only.
final class InputTurns {
  /// Before the next one, at least; as long as the last one took where that is more. The loop asks its sockets only once
  /// no task is due.
  private static let pause = TimeAmount.microseconds(50)

  private let loop: any EventLoop
  private var waiting = CircularBuffer<InputGate>()

  init(_ loop: any EventLoop) { self.loop = loop }

  var areAwaited: Bool { !waiting.isEmpty }

  func wait(_ gate: InputGate) {
    waiting.append(gate)
    if waiting.count == 1 { schedule(in: Self.pause) }
  }

  private func schedule(in pause: TimeAmount) {
    let bound = NIOLoopBound(self, eventLoop: loop)
    loop.scheduleTask(in: pause) { bound.value.next() }
  }

  private func next() {
    guard let gate = waiting.first else { return }
    let began = NIODeadline.now()
    gate.turnCame()
    waiting.removeFirst()
    if !waiting.isEmpty { schedule(in: max(Self.pause, .now() - began)) }
  }
}
