import NIOCore
import NIOHTTP1

/// Writes replies to the wire (RFC 9112). One that is whole goes out as one buffer, its head and its body together; those
/// that come in pieces are left to NIO.
///
/// NIO's encoder takes a head, a body and an end one by one, and keeps the fields of the head as strings in between: that
/// took a third of all that a small request costs.
final class ReplyEncoder: ChannelOutboundHandler {
  typealias OutboundIn = HTTPServerResponsePart
  typealias OutboundOut = IOData

  private let pieces: HTTPResponseEncoder
  /// The reply whose head comes next, where it is whole; of that head nothing is used.
  private var whole: (beginning: ByteBuffer, rest: ByteBuffer?)?
  /// A reply in pieces has begun and not ended.
  private var isInPieces = false

  init() {
    var framing = HTTPResponseEncoder.Configuration()
    framing.automaticallySetFramingHeaders = false  // `Connection` says how each reply ends.
    pieces = HTTPResponseEncoder(configuration: framing)
  }

  /// The head that is written next begins this reply: all of it but for its end. `rest` is what of the body is too large to
  /// lie beside the head.
  func put(_ beginning: ByteBuffer, _ rest: ByteBuffer? = nil) { whole = (beginning, rest) }

  func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
    if let reply = whole.take() {
      context.write(wrapOutboundOut(.byteBuffer(reply.beginning)), promise: reply.rest == nil ? promise : nil)
      if let rest = reply.rest { context.write(wrapOutboundOut(.byteBuffer(rest)), promise: promise) }
      return
    }
    switch unwrapOutboundIn(data) {
    case .end where !isInPieces:
      // No bytes of its own; whoever waits for it waits for those before.
      if promise != nil { context.write(wrapOutboundOut(.byteBuffer(ByteBuffer())), promise: promise) }
      return
    // `100 Continue` has no end.
    case .head(let head): isInPieces = head.status != .continue
    case .end: isInPieces = false
    case .body: break
    }
    pieces.write(context: context, data: data, promise: promise)
  }
}

/// The head of a reply, as bytes.
struct ReplyHead {
  private var bytes: ByteBuffer

  /// - Parameters:
  ///   - buffer: is written over: that of a reply that has gone out costs no new memory.
  ///   - room: for so many bytes after the head.
  init(_ version: HTTPVersion, _ status: HTTPResponseStatus, in buffer: consuming ByteBuffer, room: Int) {
    bytes = buffer
    bytes.clear(minimumCapacity: 256 + room)
    // 1.0 and 1.1 are spoken here: the parser takes no others.
    bytes.writeStaticString(version.isOld ? "HTTP/1.0 " : "HTTP/1.1 ")
    bytes.writeString(String(status.code))
    bytes.writeStaticString(" ")
    bytes.writeString(status.reasonPhrase)
  }

  /// - Parameter beginning: the line's end before the field, its name, and what stands between that and the value.
  mutating func line(_ beginning: StaticString, _ value: String) {
    bytes.writeStaticString(beginning)
    bytes.writeString(value)
  }

  mutating func add(_ name: String, _ value: String) {
    bytes.writeStaticString("\r\n")
    bytes.writeString(name)
    line(": ", value)
  }

  /// Whether a body goes into the same buffer. A larger one is not worth its copy, and goes after it.
  static func takes(_ body: ByteBuffer) -> Bool { body.readableBytes <= 16 << 10 }

  /// The whole reply but for its end, and for a body that is large.
  consuming func with(_ body: ByteBuffer?) -> ByteBuffer {
    bytes.writeStaticString("\r\n\r\n")
    if let body { bytes.writeImmutableBuffer(body) }
    return bytes
  }
}
