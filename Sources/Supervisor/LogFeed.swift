package import JobModel
import JobProcess

/// A log as it is read: `next` waits for more where the log is followed, and answers nil at its end. One reader.
package struct LogFeed {
  private let service: JobService
  private let id: JobID
  private let follow: Bool
  /// Whether to go on with the next attempt.
  private let overRetries: Bool
  private let wanted: LogStream?
  private let isSplit: Bool
  private var attempt: Int
  /// What is still to be read of this attempt, in this order.
  private var streams: [LogStream]
  private var offset: Int64

  private static let chunk = 64 << 10

  init(
    service: JobService, job: Job, attempt: Int?, stream: LogStream?, offset: Int64, tail: Int?, follow: Bool
  ) async throws(Problem) {
    self.service = service
    id = job.id
    self.follow = follow
    overRetries = attempt == nil
    wanted = stream
    isSplit = job.splitOutput
    self.attempt = attempt ?? job.attempt
    self.offset = offset
    streams = []
    streams = try wantedStreams()
    if let tail, let stream = streams.first, self.attempt > 0 {
      // The tail of a split log is that of its last stream.
      let last = streams.last ?? stream
      streams = [last]
      self.offset = await reader(last).offset(ofLastLines: tail)
    }
  }

  private func wantedStreams() throws(Problem) -> [LogStream] {
    switch (wanted, isSplit) {
    case (nil, false), (.combined?, false): return [.combined]
    case (nil, true), (.combined?, true): return [.stdout, .stderr]
    case (let stream?, true): return [stream]
    case (.stdout?, false), (.stderr?, false):
      throw Problem(
        .wrongState, "job \(id) keeps one log of both streams; `--split-output` at the enqueue keeps them apart")
    }
  }

  private func reader(_ stream: LogStream) -> LogReader {
    service.supervisor.runner.logs.reader(id, attempt: attempt, stream: stream)
  }

  /// At most 64 KiB, in the order written; nil at the end, or once the task is cancelled or the daemon stops.
  package mutating func next() async throws(Problem) -> [UInt8]? {
    while !Task.isCancelled {
      guard attempt > 0, let stream = streams.first else {
        guard follow, try await nextAttempt() else { return nil }
        continue
      }
      if let bytes = try await read(stream) { return bytes }
      if follow, await service.supervisor.runner.waitForOutput(id, attempt: attempt, stream: stream, beyond: offset) {
        continue
      }
      // What came between the last read and the end.
      if follow, let bytes = try await read(stream) { return bytes }
      streams.removeFirst()
      offset = 0
    }
    return nil
  }

  private mutating func read(_ stream: LogStream) async throws(Problem) -> [UInt8]? {
    do {
      let chunk = try await reader(stream).read(from: offset, max: Self.chunk)
      offset = chunk.next
      return chunk.bytes.isEmpty ? nil : chunk.bytes
    } catch {
      throw Problem(.fault, "the log of job \(id) cannot be read: \(error)")
    }
  }

  /// Waits until the job has ended (false) or has a later attempt (true).
  private mutating func nextAttempt() async throws(Problem) -> Bool {
    let (id, attempt, service, overRetries) = (id, attempt, service, overRetries)
    let later: Int? = try await service.supervisor.hub.watching(id) { watch throws(Problem) in
      while !Task.isCancelled, !service.supervisor.hub.isClosed {
        let job = try await service.job(id, viewer: nil)
        if job.attempt > attempt { return overRetries || attempt == 0 ? attempt + 1 : nil }
        if job.state.hasEnded { return nil }
        await watch.next()
      }
      return nil
    }
    guard let later else { return false }
    self.attempt = later
    offset = 0
    streams = try wantedStreams()
    return true
  }
}

/// The event stream. One reader; a reader that falls 10,000 events behind gets one `reset` and goes on live.
package struct EventFeed {
  package enum Event: Sendable {
    /// What the reader asked for is no longer there: what it knows may be out of date.
    case reset(id: String)
    case change(id: String, JobChange)
  }

  private let hub: ChangeHub
  private var sequence: UInt64
  private var isLost = false

  init(hub: ChangeHub, after lastID: String?) {
    self.hub = hub
    switch hub.position(after: lastID) {
    case .at(let sequence): self.sequence = sequence
    case .lost(let sequence):
      self.sequence = sequence
      isLost = true
    }
  }

  /// Waits for at least one event; empty once the daemon stops or the task is cancelled.
  package mutating func next() async -> [Event] {
    if isLost {
      isLost = false
      return [.reset(id: hub.id(of: sequence - 1))]
    }
    switch await hub.changes(from: sequence) {
    case .changes(let changes, let first):
      sequence = first + UInt64(changes.count)
      return changes.enumerated().map { .change(id: hub.id(of: first + UInt64($0)), $1) }
    case .lost(let sequence):
      self.sequence = sequence
      return [.reset(id: hub.id(of: sequence - 1))]
    case .closed: return []
    }
  }
}
