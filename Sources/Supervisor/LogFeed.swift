package import JobModel
import JobProcess

/// A log as it is read: `next` waits for more where the log is followed, and answers nil at its end. One reader.
package struct LogFeed {
  /// One stream of the current attempt, and how far it has been read.
  private struct Cursor: Sendable {
    var stream: LogStream
    var offset: Int64
  }

  private let service: JobService
  private let id: JobID
  private let follow: Bool
  /// Whether to go on with the next attempt.
  private let overRetries: Bool
  private let streams: [LogStream]
  private var attempt: Int
  /// What may still have something to read. A log that is not followed is read stream by stream; one that is
  /// followed, as it comes.
  private var cursors: [Cursor] = []
  /// There is said to be output that is not there: somebody has removed the file of an attempt that runs.
  private var isMissing = false

  /// What ended a wait.
  private enum Wake { case over, output, change }

  private static let chunk = 64 << 10

  init(
    service: JobService, job: Job, attempt: Int?, stream: LogStream?, offset: Int64, tail: Int?, follow: Bool
  ) async throws(Problem) {
    self.service = service
    id = job.id
    self.follow = follow
    overRetries = attempt == nil
    self.attempt = attempt ?? job.attempt
    streams = try Self.streams(stream, of: job)
    cursors = streams.map { Cursor(stream: $0, offset: 0) }
    if offset > 0 {
      guard cursors.count == 1 else {
        throw Problem(.invalidValue, "offset: this log is two streams; say which by \"stream\"", field: "offset")
      }
      cursors[0].offset = offset
    }
    if let tail, self.attempt > 0 {
      for index in cursors.indices {
        cursors[index].offset = await reader(cursors[index].stream).offset(ofLastLines: tail)
      }
    }
  }

  private static func streams(_ wanted: LogStream?, of job: Job) throws(Problem) -> [LogStream] {
    switch (wanted, job.splitOutput) {
    case (nil, false), (.combined?, false): return [.combined]
    case (nil, true), (.combined?, true): return [.stdout, .stderr]
    case (let stream?, true): return [stream]
    case (.stdout?, false), (.stderr?, false):
      throw Problem(
        .wrongState, "job \(job.id) keeps one log of both streams; `--split-output` at the enqueue keeps them apart")
    }
  }

  private func reader(_ stream: LogStream) -> LogReader {
    service.supervisor.runner.logs.reader(id, attempt: attempt, stream: stream)
  }

  /// At most 64 KiB, in the order written; nil at the end, or once the task is cancelled or the daemon stops.
  package mutating func next() async throws(Problem) -> [UInt8]? {
    var wake = Wake.change
    while !Task.isCancelled {
      guard attempt > 0, !cursors.isEmpty else {
        guard follow, try await nextAttempt() else { return nil }
        continue
      }
      for index in cursors.indices {
        if let bytes = try await read(index) {
          isMissing = false
          return bytes
        }
        if !follow { break }
      }
      if follow {
        // Not waited for again, or it would be "there" at once, again and again.
        if wake == .output { isMissing = true }
        wake = try await waitForMore()
        guard wake == .over else { continue }
        // What came between the last read and the end.
        for index in cursors.indices {
          if let bytes = try await read(index) { return bytes }
        }
        cursors = []
      } else {
        cursors.removeFirst()
      }
    }
    return nil
  }

  private mutating func read(_ index: Int) async throws(Problem) -> [UInt8]? {
    do {
      let chunk = try await reader(cursors[index].stream).read(from: cursors[index].offset, max: Self.chunk)
      cursors[index].offset = chunk.next
      return chunk.bytes.isEmpty ? nil : chunk.bytes
    } catch {
      throw Problem(.fault, "the log of job \(id) cannot be read: \(error)")
    }
  }

  /// Waits until there may be something to read, or the attempt is over.
  ///
  /// Whether it is over is what the store says, not the runner: an attempt that has only been claimed is not under way
  /// yet, and one whose processes have ended is over when that is on disk.
  private func waitForMore() async throws(Problem) -> Wake {
    let (service, id, attempt, cursors) = (service, id, attempt, isMissing ? [] : cursors)
    return try await service.supervisor.hub.watching(id) { watch throws(Problem) in
      let job = try await service.job(id, viewer: nil)
      let hasEnded = job.attempts.first { $0.attempt == attempt }?.finishedAt != nil
      if hasEnded || (job.state.hasEnded && job.attempt < attempt) || service.supervisor.hub.isClosed { return .over }
      let runner = service.supervisor.runner
      return await withTaskGroup(of: Wake.self) { group in
        for cursor in cursors {
          group.addTask {
            let hasMore = await runner.waitForOutput(id, attempt: attempt, stream: cursor.stream, beyond: cursor.offset)
            if !hasMore { await runner.waitForBegin(id, attempt: attempt) }
            return hasMore ? .output : .change
          }
        }
        group.addTask {
          await watch.next()
          return .change
        }
        defer { group.cancelAll() }
        return await group.next() ?? .change
      }
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
    cursors = streams.map { Cursor(stream: $0, offset: 0) }
    return true
  }
}
