/// What a worker has to say of its leases, the body of `POST /v1/leases`.
package struct LeaseReports: Sendable, Hashable, Codable {
  package struct Complete: Sendable, Hashable, Codable {
    package var id: JobID
    package var lease: String
    package var result: JSONValue?

    package init(id: JobID, lease: String, result: JSONValue? = nil) {
      self.id = id
      self.lease = lease
      self.result = result
    }

    package enum CodingKeys: String, CodingKey, CaseIterable { case id, lease, result }

    package init(from decoder: any Decoder) throws {
      try decoder.refuseUnknownKeys(CodingKeys.self)
      let c = try decoder.container(keyedBy: CodingKeys.self)
      id = try c.decode(JobID.self, forKey: .id)
      lease = try c.decode(String.self, forKey: .lease)
      result = try c.decodeIfPresent(JSONValue.self, forKey: .result)
    }
  }

  package struct Fail: Sendable, Hashable, Codable {
    package var id: JobID
    package var lease: String
    /// For people; what is over 4 KiB is cut off.
    package var error: String?
    /// False: no further attempt makes sense, whatever retries are left.
    package var retry: Bool?

    package init(id: JobID, lease: String, error: String? = nil, retry: Bool? = nil) {
      self.id = id
      self.lease = lease
      self.error = error
      self.retry = retry
    }

    package enum CodingKeys: String, CodingKey, CaseIterable { case id, lease, error, retry }

    package init(from decoder: any Decoder) throws {
      try decoder.refuseUnknownKeys(CodingKeys.self)
      let c = try decoder.container(keyedBy: CodingKeys.self)
      id = try c.decode(JobID.self, forKey: .id)
      lease = try c.decode(String.self, forKey: .lease)
      error = try c.decodeIfPresent(String.self, forKey: .error)
      retry = try c.decodeIfPresent(Bool.self, forKey: .retry)
    }
  }

  package struct Extend: Sendable, Hashable, Codable {
    package var id: JobID
    package var lease: String
    /// From now on.
    package var span: TimeSpan

    package init(id: JobID, lease: String, span: TimeSpan) {
      self.id = id
      self.lease = lease
      self.span = span
    }

    package enum CodingKeys: String, CodingKey, CaseIterable {
      case id, lease
      case span = "lease_seconds"
    }

    package init(from decoder: any Decoder) throws {
      try decoder.refuseUnknownKeys(CodingKeys.self)
      let c = try decoder.container(keyedBy: CodingKeys.self)
      id = try c.decode(JobID.self, forKey: .id)
      lease = try c.decode(String.self, forKey: .lease)
      span = try c.decode(TimeSpan.self, forKey: .span)
    }
  }

  package var complete: [Complete]
  package var fail: [Fail]
  package var extend: [Extend]

  package init(complete: [Complete] = [], fail: [Fail] = [], extend: [Extend] = []) {
    self.complete = complete
    self.fail = fail
    self.extend = extend
  }

  package enum CodingKeys: String, CodingKey, CaseIterable { case complete, fail, extend }

  package init(from decoder: any Decoder) throws {
    try decoder.refuseUnknownKeys(CodingKeys.self)
    let c = try decoder.container(keyedBy: CodingKeys.self)
    complete = try c.decodeIfPresent([Complete].self, forKey: .complete) ?? []
    fail = try c.decodeIfPresent([Fail].self, forKey: .fail) ?? []
    extend = try c.decodeIfPresent([Extend].self, forKey: .extend) ?? []
  }

  package static let mostReports = 1000
  package static let errorBytes = 4096

  /// Throws `InvalidValue` for the first value that cannot be. A token that is wrong is no such value: that gets
  /// a verdict.
  package func check() throws(InvalidValue) {
    let count = complete.count + fail.count + extend.count
    guard count <= Self.mostReports else {
      throw InvalidValue("complete", "\(count) reports are over the limit of \(Self.mostReports) in one request")
    }
    for (index, report) in extend.enumerated() where report.span == .zero || report.span > .days(1) {
      throw InvalidValue("extend[\(index)].lease_seconds", "more than 0 and at most a day is expected")
    }
  }
}

/// What became of one report.
package struct LeaseVerdict: Sendable, Hashable, Codable {
  /// Why a report was refused.
  package enum Refusal: String, Sendable, Hashable, Codable, CaseIterable {
    /// There is no such job; it may have been removed.
    case notFound = "not_found"
    /// No lease of the job has this token.
    case stale = "stale_lease"
    /// The lease was silent for too long: the job runs again, or has.
    case expired = "lease_expired"
    /// The job was cancelled under its worker.
    case cancelled
    /// The job has ended under this lease already, in another way.
    case ended
  }

  package var id: JobID
  package var ok: Bool
  /// The job's, now; null where there is no such job.
  package var state: JobState?
  /// When an extended lease ends; by its own clock the daemon counts on over changes of the wall clock.
  package var expiresAt: Timestamp?
  /// Null where all is well.
  package var code: Refusal?
  package var detail: String?

  package init(id: JobID, state: JobState, expiresAt: Timestamp? = nil) {
    self.id = id
    ok = true
    self.state = state
    self.expiresAt = expiresAt
  }

  package init(id: JobID, state: JobState?, refused code: Refusal, _ detail: String) {
    self.id = id
    ok = false
    self.state = state
    self.code = code
    self.detail = detail
  }

  package enum CodingKeys: String, CodingKey, CaseIterable {
    case id, ok, state
    case expiresAt = "expires_at"
    case code, detail
  }

  package func encode(to encoder: any Encoder) throws {
    var c = encoder.container(keyedBy: CodingKeys.self)
    try c.encode(id, forKey: .id)
    try c.encode(ok, forKey: .ok)
    try c.encode(state, forKey: .state)
    try c.encode(expiresAt, forKey: .expiresAt)
    try c.encode(code, forKey: .code)
    try c.encode(detail, forKey: .detail)
  }
}

/// The answer to `LeaseReports`: a verdict for each, in their order.
package struct LeaseVerdicts: Sendable, Hashable, Codable {
  package var complete: [LeaseVerdict]
  package var fail: [LeaseVerdict]
  package var extend: [LeaseVerdict]

  package init(complete: [LeaseVerdict] = [], fail: [LeaseVerdict] = [], extend: [LeaseVerdict] = []) {
    self.complete = complete
    self.fail = fail
    self.extend = extend
  }
}
