package import JobModel

/// The calls of the API that are about schedules. Each gives the reply's JSON as it came.
extension ControlClient {
  package func schedules() throws(ClientError) -> [UInt8] { try send(HTTPRequest("GET", "/v1/schedules")) }

  package func schedule(_ name: String, runs: Int) throws(ClientError) -> [UInt8] {
    try send(HTTPRequest("GET", Self.path(name), query: [("runs", String(runs))]))
  }

  /// Adds the schedule that `request` names; where there is one of that name it is refused, or with `isReplacing`
  /// changed.
  package func add(_ request: ScheduleRequest, isReplacing: Bool) throws(ClientError) -> [UInt8] {
    let body = ControlClient.encode(request)
    guard isReplacing, let name = request.name else {
      return try send(HTTPRequest("POST", "/v1/schedules", contentType: HTTPRequest.json, body: body))
    }
    return try send(HTTPRequest("PUT", Self.path(name), contentType: HTTPRequest.json, body: body))
  }

  package func removeSchedule(_ name: String) throws(ClientError) {
    _ = try send(HTTPRequest("DELETE", Self.path(name)))
  }

  package func pauseSchedule(_ name: String) throws(ClientError) -> [UInt8] {
    try send(HTTPRequest("POST", Self.path(name) + "/pause"))
  }

  package func resumeSchedule(_ name: String) throws(ClientError) -> [UInt8] {
    try send(HTTPRequest("POST", Self.path(name) + "/resume"))
  }

  /// Adds the schedule's job now; the reply is the job.
  package func runSchedule(_ name: String) throws(ClientError) -> [UInt8] {
    try send(HTTPRequest("POST", Self.path(name) + "/run"))
  }

  private static func path(_ name: String) -> String { "/v1/schedules/\(HTTPRequest.escaped(name))" }
}
