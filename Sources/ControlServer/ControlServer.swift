import Glibc
package import JobModel
package import Logging
import NIOCore
import NIOHTTP1
import NIOPosix
package import Supervisor

/// The control API on a Unix socket: HTTP/1.1 and JSON, as docs/openapi.yaml describes it.
///
/// One event loop thread serves all connections: its work for a request is short, what takes long is done off it,
/// and the rest is the store's. `start`, then `stop`; a server that has stopped does not start again.
package actor ControlServer {
  private enum Phase {
    case new
    case running(Running)
    case stopped
  }

  private struct Running {
    let group: MultiThreadedEventLoopGroup
    let listener: any Channel
    let socket: ListeningSocket
    let connections: NIOLoopBound<Connections>
    let executor: LoopExecutor
  }

  private let socket: ControlSocket
  private let service: JobService
  private let limits: ServerLimits
  private let logger: Logger
  private var phase = Phase.new

  package init(socket: ControlSocket, service: JobService, logger: Logger, limits: ServerLimits = ServerLimits()) {
    self.socket = socket
    self.service = service
    self.limits = limits
    self.logger = logger
  }

  /// Listens. Once it returns, clients are answered.
  package func start() async throws(ControlServerError) {
    guard case .new = phase else { return }
    let socket = try ListeningSocket(self.socket)
    let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
    let loop = group.next()
    let (service, limits, logger) = (service, limits, logger)
    let executor = LoopExecutor(loop)
    do {
      let connections = try await loop.submit {
        NIOLoopBound(Connections(limit: limits.connections, loop: loop), eventLoop: loop)
      }.get()
      let listener = try await ServerBootstrap(group: group)
        .childChannelOption(.allowRemoteHalfClosure, value: true)
        .childChannelInitializer { channel in
          PeerCredentials.of(channel).flatMapThrowing { peer in
            let connection = Connection(
              service: service, limits: limits, router: .api, peer: peer, connections: connections.value,
              executor: executor, logger: logger)
            try Self.configure(channel.pipeline.syncOperations, limits, connection)
          }
        }
        .withBoundSocket(socket.descriptor).get()
      // NIO listens anew on a socket that it is given, and for no more than 128 that wait: too few for a burst while the
      // loop is busy. A failure would leave it at that.
      _ = listen(socket.descriptor, SOMAXCONN)
      phase = .running(
        Running(group: group, listener: listener, socket: socket, connections: connections, executor: executor))
    } catch {
      socket.unlinkIfOurs()
      try? await group.shutdownGracefully()
      throw ControlServerError(.system(errno: 0), "the control socket cannot be served: \(error)")
    }
  }

  private static func configure(
    _ pipeline: ChannelPipeline.SynchronousOperations, _ limits: ServerLimits, _ connection: Connection
  ) throws {
    var heads = NIOHTTPDecoderLimitConfiguration()
    heads.maxHeaderListSize = limits.headBytes
    heads.maxHeaderFieldSize = limits.headBytes
    heads.maxHeaderFieldCount = limits.headFields
    try pipeline.addHandlers([
      connection.encoder,
      connection.gate,
      ByteToMessageHandler(HTTPRequestDecoder(leftOverBytesStrategy: .dropBytes, limitConfiguration: heads)),
      connection,
    ])
  }

  /// Accepts no one more, ends idle connections and streams, lets requests in flight end within `span`, then closes
  /// what is left. It returns once all is gone. A request that the store has not answered by then is cut off: what
  /// it asked for may still be done.
  package func stop(within span: TimeSpan) async {
    guard case .running(let running) = phase else {
      phase = .stopped
      return
    }
    phase = .stopped
    running.socket.unlinkIfOurs()
    try? await running.listener.close()
    let loop = running.listener.eventLoop
    let connections = running.connections
    let emptied = loop.makePromise(of: Void.self)
    loop.execute { connections.value.quiesce(emptied) }
    let cut = loop.scheduleTask(in: span.timeAmount) { connections.value.closeAll() }
    // Closing ends every wait but that for the store, which answers or fails.
    try? await emptied.futureResult.get()
    cut.cancel()
    running.executor.close()
    try? await running.group.shutdownGracefully()
  }

  /// Whether the event loop is alive: for a watchdog, which hears nothing while it is stuck. False where the server
  /// does not run.
  package func answers() async -> Bool {
    guard case .running(let running) = phase else { return false }
    return (try? await running.listener.eventLoop.submit { true }.get()) ?? false
  }
}
