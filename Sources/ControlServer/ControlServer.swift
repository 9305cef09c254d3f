import Glibc
package import JobModel
package import Logging
import NIOCore
import NIOExtras
import NIOHTTP1
import NIOPosix
package import Supervisor
import Synchronization

/// The control API (docs/openapi.yaml) on a Unix socket: HTTP/1.1 over SwiftNIO, on one event loop.
package final class ControlServer: Sendable {
  private enum Phase {
    case made
    case running(Running)
    case stopped
  }

  private struct Running: Sendable {
    var group: MultiThreadedEventLoopGroup
    var channel: any Channel
    var quiescing: ServerQuiescingHelper
    var connections: NIOLoopBound<ConnectionTable>
    var socket: ListeningSocket
  }

  private let socket: ControlSocket
  private let service: JobService
  private let logger: Logger
  private let limits: ServerLimits
  private let tasks = TaskTally()
  private let phase = Mutex(Phase.made)

  package init(socket: ControlSocket, service: JobService, logger: Logger, limits: ServerLimits = ServerLimits()) {
    self.socket = socket
    self.service = service
    self.logger = logger
    self.limits = limits
  }

  /// Binds or adopts the socket and begins to answer. Once in a server's life.
  package func start() async throws(ControlServerError) {
    let listening = try ListeningSocket(socket)
    let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
    let loop = group.next()
    let quiescing = ServerQuiescingHelper(group: group)
    do {
      let tasks = self.tasks
      let connections = try await loop.submit { NIOLoopBound(ConnectionTable(tasks: tasks), eventLoop: loop) }.get()
      let (service, limits, logger) = (service, limits, logger)
      let executor = LoopExecutor(loop)
      let bootstrap = ServerBootstrap(group: group)
        .serverChannelOption(.backlog, value: 1024)
        .serverChannelInitializer { channel in
          channel.eventLoop.makeCompletedFuture {
            try channel.pipeline.syncOperations.addHandler(quiescing.makeServerChannelHandler(channel: channel))
          }
        }
        .childChannelOption(.allowRemoteHalfClosure, value: true)
        .childChannelInitializer { channel in
          PeerCredentials.of(channel).flatMapThrowing { peer in
            let table = connections.value
            // For one connection too many, the one that has waited longest is closed.
            if table.count >= limits.connections, !table.makeRoom() {
              logger.warning(
                "too many connections; a client was turned away", metadata: ["connections": "\(table.count)"])
              throw ChannelError.operationUnsupported
            }
            let handlers = channel.pipeline.syncOperations
            try handlers.addHandler(
              ByteToMessageHandler(
                HTTPRequestDecoder(leftOverBytesStrategy: .dropBytes), maximumBufferSize: limits.headBytes + (1 << 20)))
            try handlers.addHandler(HTTPResponseEncoder())
            try handlers.addHandler(HTTPServerPipelineHandler())
            try handlers.addHandler(
              ConnectionHandler(
                service: service, limits: limits, peer: peer, executor: executor, connections: table, logger: logger))
          }
        }
      let channel = try await bootstrap.withBoundSocket(listening.descriptor).get()
      phase.withLock {
        $0 = .running(
          Running(group: group, channel: channel, quiescing: quiescing, connections: connections, socket: listening))
      }
    } catch {
      listening.unlinkIfOurs()
      try? await group.shutdownGracefully()
      throw ControlServerError(.unusable, "the socket cannot be served: \(error)")
    }
  }

  /// A sign of life of the event loop, for the watchdog. False where the server does not run.
  package func answers() async -> Bool {
    guard case .running(let running) = phase.withLock({ $0 }) else { return false }
    return (try? await running.group.next().submit { true }.get()) ?? false
  }

  /// Accepts no more, ends streams and waits, lets other requests under way be answered for `span`, and closes
  /// everything. A second call does
  /// nothing.
  package func stop(within span: TimeSpan) async {
    let taken = phase.withLock { phase in
      defer { phase = .stopped }
      return phase
    }
    guard case .running(let running) = taken else { return }
    // First, so that a client looks for our successor, and not at a socket that nobody answers.
    running.socket.unlinkIfOurs()
    let loop = running.group.next()
    let drained = loop.makePromise(of: Void.self)
    running.quiescing.initiateShutdown(promise: drained)
    try? await loop.submit { running.connections.value.endLongReplies() }.get()
    await withTaskGroup(of: Void.self) { group in
      group.addTask { try? await drained.futureResult.get() }
      group.addTask {
        try? await Task.sleep(for: span.duration)
        try? await loop.submit { running.connections.value.closeAll() }.get()
      }
      await group.next()
      // The timer's task closes what is left at once where it is cancelled, and so the other ends too.
      group.cancelAll()
    }
    await tasks.waitForNone()
    try? await running.group.shutdownGracefully()
  }
}
