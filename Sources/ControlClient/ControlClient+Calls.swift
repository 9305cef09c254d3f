package import JobModel

/// The calls of the API. Each gives the reply's JSON as it came, for `--json`; `ControlClient.decode` reads it.
extension ControlClient {
  /// `POST /v1/jobs` with one job. Its `request_id` makes it safe to ask again after a lost reply.
  package func enqueue(_ request: JobRequest, patience: TimeSpan = Patience.standard) throws(ClientError) -> [UInt8] {
    let again: TimeSpan? = request.requestID == nil ? nil : patience
    return try send(
      HTTPRequest("POST", "/v1/jobs", contentType: HTTPRequest.json, body: ControlClient.encode(request)),
      patience: again)
  }

  /// `POST /v1/jobs` with one job a line, all or nothing. Each line must hold a `request_id`.
  package func enqueue(lines: [UInt8], patience: TimeSpan = Patience.standard) throws(ClientError) -> [UInt8] {
    try send(
      HTTPRequest("POST", "/v1/jobs", contentType: HTTPRequest.lines, body: lines), patience: patience)
  }

  package func job(_ id: JobID, patience: TimeSpan? = nil) throws(ClientError) -> [UInt8] {
    try send(HTTPRequest("GET", "/v1/jobs/\(id)"), patience: patience)
  }

  package func graph(_ id: JobID) throws(ClientError) -> [UInt8] {
    try send(HTTPRequest("GET", "/v1/jobs/\(id)/graph"))
  }

  package func jobs(_ filter: JobFilter) throws(ClientError) -> [UInt8] {
    var query: [(name: String, value: String)] = []
    if !filter.states.isEmpty {
      query.append(("state", filter.states.map(\.rawValue).sorted().joined(separator: ",")))
    }
    if let queue = filter.queue { query.append(("queue", queue)) }
    for (key, value) in filter.labels.sorted(by: { $0.key < $1.key }) { query.append(("label", "\(key)=\(value)")) }
    if let name = filter.name { query.append(("name", name.description)) }
    if let since = filter.since { query.append(("since", since.rfc3339)) }
    if let until = filter.until { query.append(("until", until.rfc3339)) }
    query.append(("limit", String(filter.limit)))
    if let before = filter.before { query.append(("before", String(before.rawValue))) }
    return try send(HTTPRequest("GET", "/v1/jobs", query: query))
  }

  /// What a verb asks of one job; the answer to `.remove` is empty.
  package func perform(_ verb: BulkVerb, on id: JobID, withDependents: Bool = false) throws(ClientError) -> [UInt8] {
    guard verb != .remove else { return try send(HTTPRequest("DELETE", "/v1/jobs/\(id)")) }
    return try send(
      HTTPRequest(
        "POST", "/v1/jobs/\(id)/\(verb.rawValue)", query: withDependents ? [("with_dependents", "true")] : []))
  }

  package func why(_ id: JobID) throws(ClientError) -> [UInt8] { try send(HTTPRequest("GET", "/v1/jobs/\(id)/why")) }

  /// `POST /v1/bulk/{verb}`. Lasts as long as there are jobs; where this client goes, it ends between two steps.
  package func perform(_ verb: BulkVerb, _ request: BulkRequest) throws(ClientError) -> [UInt8] {
    try send(
      HTTPRequest(
        "POST", "/v1/bulk/\(verb.rawValue)", contentType: HTTPRequest.json, body: ControlClient.encode(request)))
  }

  package func prune(_ request: PruneRequest) throws(ClientError) -> [UInt8] {
    try send(
      HTTPRequest("POST", "/v1/prune", contentType: HTTPRequest.json, body: ControlClient.encode(request)))
  }

  package func edit(_ id: JobID, _ edit: JobEdit) throws(ClientError) -> [UInt8] {
    try send(
      HTTPRequest("PATCH", "/v1/jobs/\(id)", contentType: HTTPRequest.json, body: ControlClient.encode(edit)))
  }

  package func remove(_ id: JobID) throws(ClientError) { _ = try send(HTTPRequest("DELETE", "/v1/jobs/\(id)")) }

  /// `GET /v1/jobs/{id}/wait`: the job once it has ended, or at the deadline as it is. Asks again for `patience` where the daemon goes away.
  package func wait(_ id: JobID, until deadline: Deadline? = nil, patience: TimeSpan = Patience.standard)
    throws(ClientError) -> [UInt8]
  {
    var left: Patience?
    while true {
      let query = deadline.map { [(name: "timeout_seconds", value: String($0.left.seconds))] } ?? []
      // The daemon keeps the time; one that hangs is given a second more.
      let bound = deadline.map { Deadline(in: $0.left + .seconds(1)) }
      left?.noteAnswer()
      let body: [UInt8]
      do throws(ClientError) {
        body = try send(
          HTTPRequest("GET", "/v1/jobs/\(id)/wait", query: query), until: bound,
          patience: deadline.map { min(patience, $0.left) } ?? patience, evenAtFirst: true)
      } catch {
        // That there is no socket is said as it is.
        guard error.isPassing, error.code != .unreachable, deadline?.hasPassed == true else { throw error }
        throw ClientError(.deadline, error.description)
      }
      let job: StateOnly = try ControlClient.decode(body)
      if JobState(rawValue: job.state)?.hasEnded == true || deadline?.hasPassed == true { return body }
      // Answered early: the daemon is stopping, and will be gone in a moment.
      let error = ClientError(.lost, "jobqd is stopping under job \(id)")
      if left == nil {
        left = Patience(patience)
        onOutage?(error)
      }
      guard left?.pauseForNextTry() == true else { throw error }
    }
  }

  private struct StateOnly: Decodable { var state: String }

  package func status(patience: TimeSpan? = nil) throws(ClientError) -> [UInt8] {
    try send(HTTPRequest("GET", "/v1/status"), patience: patience)
  }
  package func queues() throws(ClientError) -> [UInt8] { try send(HTTPRequest("GET", "/v1/queues")) }
  package func queue(_ name: String) throws(ClientError) -> [UInt8] {
    try send(HTTPRequest("GET", "/v1/queues/\(HTTPRequest.escaped(name))"))
  }
  package func pause(_ request: PauseRequest) throws(ClientError) -> [UInt8] {
    try send(
      HTTPRequest("POST", "/v1/pause", contentType: HTTPRequest.json, body: ControlClient.encode(request)))
  }
  package func resume() throws(ClientError) -> [UInt8] { try send(HTTPRequest("POST", "/v1/resume")) }
  package func drain() throws(ClientError) -> [UInt8] { try send(HTTPRequest("POST", "/v1/drain")) }

  package func update(queue: String, _ patch: QueuePatch) throws(ClientError) -> [UInt8] {
    try send(
      HTTPRequest(
        "PATCH", "/v1/queues/\(HTTPRequest.escaped(queue))", contentType: HTTPRequest.json,
        body: ControlClient.encode(patch)))
  }

  /// `GET /v1/jobs/{id}/log` as it comes.
  package func log(_ id: JobID, _ query: LogQuery) throws(ClientError) -> ReplyStream {
    try stream(HTTPRequest("GET", "/v1/jobs/\(id)/log", query: query.parameters))
  }

  /// `GET /v1/events` as they come.
  package func events() throws(ClientError) -> ReplyStream { try stream(HTTPRequest("GET", "/v1/events")) }
}

/// What of a job's output is asked for.
package struct LogQuery: Sendable, Hashable {
  /// Nil: the latest.
  package var attempt: Int?
  /// `stdout` or `stderr` of a job with split output; nil: all.
  package var stream: String?
  /// In bytes from the attempt's first.
  package var offset: Int64 = 0
  /// So many lines from the end.
  package var tail: Int?
  /// Go on until the attempt, or without one the job, has ended.
  package var follow = false

  package init() {}

  var parameters: [(name: String, value: String)] {
    var query: [(name: String, value: String)] = []
    if let attempt { query.append(("attempt", String(attempt))) }
    if let stream { query.append(("stream", stream)) }
    if offset > 0 { query.append(("offset", String(offset))) }
    if let tail { query.append(("tail", String(tail))) }
    if follow { query.append(("follow", "true")) }
    return query
  }
}
