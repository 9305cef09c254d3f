import ControlClient
import JobModel

/// Waits for jobs to end, and shows their output while it comes.
struct Following {
  let client: ControlClient
  private var patience = Patience()

  init(_ client: ControlClient) { self.client = client }

  /// The job once it has ended.
  mutating func end(of id: JobID) throws -> Job {
    while true {
      let job: Job = try patience.persist { () throws(ClientError) in try client.call("GET", "/v1/jobs/\(id)/wait") }
      if job.state.hasEnded { return job }
    }
  }

  /// The job once it has ended, or as it is when the time is up.
  mutating func end(of id: JobID, within span: TimeSpan) throws -> Job {
    try patience.persist { () throws(ClientError) in
      try client.call("GET", "/v1/jobs/\(id)/wait?timeout_seconds=\(span.seconds)")
    }
  }

  /// Writes the job's output as it comes, attempt by attempt, until the job has ended. After a restart of the
  /// daemon it goes on at the
  /// byte where it was.
  /// - Parameters:
  ///   - stream: as the API has it, or nil.
  ///   - tail: begin so many lines before the end of the first attempt that is shown.
  mutating func output(
    of id: JobID, from first: Int? = nil, onlyFirst: Bool = false, stream: String? = nil, tail: Int? = nil
  )
    throws -> Job
  {
    var job: Job = try patience.persist { () throws(ClientError) in try client.call("GET", "/v1/jobs/\(id)") }
    var attempt = first ?? max(job.attempt, 1)
    var offset = 0
    var tail = tail
    while true {
      if offset > 0 { tail = nil }
      var target = "/v1/jobs/\(id)/log?attempt=\(attempt)&follow=true"
      if let stream { target += "&stream=\(stream)" }
      // Two streams in one answer have no single offset: after a restart they begin again.
      if offset > 0, stream != nil || !job.splitOutput { target += "&offset=\(offset)" }
      if let tail { target += "&tail=\(tail)" }
      try patience.persist { () throws(ClientError) in
        try client.stream(target) { piece throws(ClientError) in
          do { try Output.write(piece) } catch { throw .lost("standard output cannot be written") }
          offset += piece.count
        }
      }
      job = try patience.persist { () throws(ClientError) in try client.call("GET", "/v1/jobs/\(id)") }
      let isOver = job.attempts.first { $0.attempt == attempt }?.finishedAt != nil
      if job.state.hasEnded, job.attempt <= attempt || onlyFirst { return job }
      if isOver || job.attempt > attempt {
        if onlyFirst { return job }
        attempt += 1
        offset = 0
        tail = nil
      }
    }
  }

  /// Says on standard error what an exit code alone does not tell.
  static func explain(_ job: Job) {
    switch (job.state, job.outcome) {
    case (.failed, .timedOut?): Output.note("jobq: job \(job.id) hit its timeout of \(job.timeout?.description ?? "?")")
    case (.failed, .spawnFailed?), (.failed, .interrupted?), (.failed, .oomKilled?):
      Output.note("jobq: job \(job.id): \(job.error?.printable ?? Words.result(job))")
    case (.cancelled, _):
      Output.note("jobq: job \(job.id) was cancelled" + (job.error.map { ": \($0.printable)" } ?? ""))
    default: break
    }
  }
}
