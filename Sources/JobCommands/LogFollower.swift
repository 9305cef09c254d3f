import ControlClient
import Glibc
import JobModel

/// Shows a job's output as it comes, attempt by attempt. It knows how far it has come in each stream: after a lost connection it goes on
/// at that byte.
final class LogFollower {
  /// Where one stream of a job goes.
  struct Output: Hashable {
    /// As the API names it; nil for the one log of both.
    var stream: String?
    var descriptor: Int32

    /// One log to standard output; streams that are kept apart to where the command itself would write them.
    static func all(split: Bool) -> [Output] {
      guard split else { return [Output(stream: nil, descriptor: STDOUT_FILENO)] }
      return [Output(stream: "stdout", descriptor: STDOUT_FILENO), Output(stream: "stderr", descriptor: STDERR_FILENO)]
    }
  }

  /// One stream of the attempt that is shown.
  private struct Source {
    enum Position {
      case byte(Int64)
      case lastLines(Int)
    }

    let output: Output
    var position: Position
    var reply: ReplyStream?
    var isAtEnd = false
  }

  private let client: ControlClient
  private let id: JobID
  private let outputs: [Output]
  private let patience: TimeSpan
  private var attempt: Int
  private var sources: [Source]
  private var left: Patience?

  /// - Parameters:
  ///   - attempt: the first that is shown; 1 for a job that has not started.
  ///   - tail: of what that attempt has written already, only so many lines.
  init(
    client: ControlClient, id: JobID, attempt: Int, outputs: [Output], tail: Int? = nil,
    patience: TimeSpan = Patience.standard
  ) {
    self.client = client
    self.id = id
    self.attempt = attempt
    self.outputs = outputs
    self.patience = patience
    sources = outputs.map { Source(output: $0, position: tail.map { .lastLines($0) } ?? .byte(0)) }
  }

  /// Returns once the job has ended; without `overRetries` once the attempt has. A daemon that goes away is asked for again as long as
  /// `patience` lasts.
  func run(overRetries: Bool) throws {
    while true {
      var reason = ClientError(.lost, "jobqd is stopping under job \(id)")
      do {
        try showAttempt()
        let job: Standing = try ControlClient.decode(try client.job(id))
        if job.attempt > attempt, overRetries {
          attempt += 1
          sources = outputs.map { Source(output: $0, position: .byte(0)) }
          continue
        }
        if job.attempt > attempt || JobState(rawValue: job.state)?.hasEnded == true { return }
        // The streams ended, and the job did not: the daemon is stopping.
      } catch let error as ClientError where error.isPassing {
        reason = error
      }
      if left == nil {
        left = Patience(patience)
        client.onOutage?(reason)
      }
      guard left?.pauseForNextTry() == true else { throw reason }
      for index in sources.indices {
        sources[index].reply = nil
        sources[index].isAtEnd = false
      }
    }
  }

  private struct Standing: Decodable {
    var attempt: Int
    var state: String
  }

  /// Shows the attempt until all its streams have ended.
  private func showAttempt() throws {
    for index in sources.indices { try open(&sources[index]) }
    left?.noteAnswer()
    while true {
      for index in sources.indices { try show(&sources[index]) }
      let open = sources.indices.filter { !sources[$0].isAtEnd }
      if open.isEmpty { return }
      let replies = open.compactMap { sources[$0].reply }
      for ready in try ReplyStream.waitForAny(replies) { try replies[ready].receive() }
    }
  }

  private func open(_ source: inout Source) throws {
    var query = LogQuery()
    query.attempt = attempt
    query.stream = source.output.stream
    query.follow = true
    switch source.position {
    case .byte(let offset): query.offset = offset
    case .lastLines(let count):
      query.tail = count
      // Where the tail began is not told: after a lost connection only what is new can be shown.
      source.position = .lastLines(0)
    }
    source.reply = try client.log(id, query)
  }

  /// Writes what has come.
  private func show(_ source: inout Source) throws {
    guard !source.isAtEnd, let (bytes, isEnd) = try source.reply?.buffered() else { return }
    if !bytes.isEmpty {
      try JobCommands.Output.write(bytes, to: source.output.descriptor)
      if case .byte(let offset) = source.position { source.position = .byte(offset + Int64(bytes.count)) }
    }
    source.isAtEnd = isEnd
  }
}
