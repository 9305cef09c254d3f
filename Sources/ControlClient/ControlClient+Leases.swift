package import JobModel

extension ControlClient {
  /// `POST /v1/queues/{name}/lease`. Asked once: where the reply is lost, what was granted expires.
  /// - Parameter descriptor: ends the wait once it can be read; then the answer is nil, the connection is closed, and
  ///   the daemon gives back, or lets expire, what it had granted.
  package func lease(_ request: LeaseRequest, queue: String, orUntil descriptor: Int32) throws(ClientError)
    -> [LeasedJob]?
  {
    // The daemon keeps the time; one that hangs is given 5 s more.
    let bound = Deadline(in: (request.wait ?? .zero) + .seconds(5))
    let stream = try ask(
      HTTPRequest(
        "POST", "/v1/queues/\(HTTPRequest.escaped(queue))/lease", contentType: HTTPRequest.json,
        body: ControlClient.encode(request)), until: bound, or: descriptor)
    guard let stream else { return nil }
    let grant: LeaseGrant = try ControlClient.decode(try finish(stream, until: bound))
    return grant.jobs
  }

  /// `POST /v1/leases`. Safe to ask again after a lost reply: what was done is answered in the same way.
  package func settle(_ reports: LeaseReports, patience: TimeSpan = Patience.standard) throws(ClientError)
    -> LeaseVerdicts
  {
    let body = try send(
      HTTPRequest("POST", "/v1/leases", contentType: HTTPRequest.json, body: ControlClient.encode(reports)),
      patience: patience, evenAtFirst: true)
    return try ControlClient.decode(body)
  }
}
