/// A request for leases, the body of `POST /v1/queues/{name}/lease`.
package struct LeaseRequest: Sendable, Hashable, Codable {
  /// Who asks: for people.
  package var worker: String?
  /// At most so many jobs; 1 where it is not said.
  package var max: Int?
  /// How long the worker may be silent about a job; a minute where it is not said.
  package var lease: TimeSpan?
  /// How long to wait for the first job; not at all where it is not said.
  package var wait: TimeSpan?

  package init(worker: String? = nil, max: Int? = nil, lease: TimeSpan? = nil, wait: TimeSpan? = nil) {
    self.worker = worker
    self.max = max
    self.lease = lease
    self.wait = wait
  }

  package enum CodingKeys: String, CodingKey, CaseIterable {
    case worker, max
    case lease = "lease_seconds"
    case wait = "wait_seconds"
  }

  package init(from decoder: any Decoder) throws {
    try decoder.refuseUnknownKeys(CodingKeys.self)
    let c = try decoder.container(keyedBy: CodingKeys.self)
    worker = try c.decodeIfPresent(String.self, forKey: .worker)
    max = try c.decodeIfPresent(Int.self, forKey: .max)
    lease = try c.decodeIfPresent(TimeSpan.self, forKey: .lease)
    wait = try c.decodeIfPresent(TimeSpan.self, forKey: .wait)
  }

  package static let jobs = 1...1000
  package static let longestWait = TimeSpan.minutes(1)

  /// Throws `InvalidValue` for the first value that cannot be.
  package func checked(queue: String) throws(InvalidValue) -> LeaseTerms {
    guard Limits.isQueueName(queue) else {
      throw InvalidValue("queue", "\"\(queue.printable)\" cannot be a queue's name")
    }
    let max = self.max ?? 1
    guard Self.jobs.contains(max) else {
      throw InvalidValue("max", "\(max) is out of range; 1 to \(Self.jobs.upperBound) is expected")
    }
    if let worker, worker.isEmpty || !Limits.isPlainText(worker, upTo: 256) {
      throw InvalidValue("worker", "1 to 256 bytes without control characters are expected")
    }
    let wait = self.wait ?? .zero
    guard wait <= Self.longestWait else {
      throw InvalidValue("wait_seconds", "at most \(Self.longestWait); ask again after that")
    }
    return LeaseTerms(
      queue: queue, worker: worker, limit: max, span: try (lease ?? .minutes(1)).checkedLease(), wait: wait)
  }
}

/// A request for leases that holds no bad value.
package struct LeaseTerms: Sendable, Hashable {
  package var queue: String
  package var worker: String?
  package var limit: Int
  package var span: TimeSpan
  package var wait: TimeSpan

  package init(queue: String, worker: String? = nil, limit: Int = 1, span: TimeSpan, wait: TimeSpan = .zero) {
    self.queue = queue
    self.worker = worker
    self.limit = limit
    self.span = span
    self.wait = wait
  }
}

extension TimeSpan {
  fileprivate func checkedLease() throws(InvalidValue) -> TimeSpan {
    guard .milliseconds(1) <= self, self <= .days(1) else {
      throw InvalidValue("lease_seconds", "more than 0 and at most a day is expected; a lease can be extended")
    }
    return self
  }
}

/// A job with the token of the lease under which a worker has it: all of the job's fields, and `lease`.
package struct LeasedJob: Sendable, Hashable, Codable {
  package var job: Job
  /// Shown to this worker alone. With it, and only while the lease lasts, the job is completed, failed or
  /// extended.
  package var lease: String

  package init(job: Job, lease: String) {
    self.job = job
    self.lease = lease
  }

  package enum CodingKeys: String, CodingKey { case lease }

  package init(from decoder: any Decoder) throws {
    job = try Job(from: decoder)
    lease = try decoder.container(keyedBy: CodingKeys.self).decode(String.self, forKey: .lease)
  }

  package func encode(to encoder: any Encoder) throws {
    try job.encode(to: encoder)
    var c = encoder.container(keyedBy: CodingKeys.self)
    try c.encode(lease, forKey: .lease)
  }
}

/// The answer to a request for leases.
package struct LeaseGrant: Sendable, Hashable, Codable {
  package var jobs: [LeasedJob]

  package init(jobs: [LeasedJob]) { self.jobs = jobs }

  /// Leaves what `viewer` may see of the jobs.
  package mutating func mask(for viewer: UInt32?) {
    for index in jobs.indices where !jobs[index].job.isWhole(for: viewer) {
      jobs[index].job = jobs[index].job.visible(to: viewer)
    }
  }
}
