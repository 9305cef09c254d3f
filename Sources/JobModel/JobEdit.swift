/// A change of a waiting job, the body of `PATCH /v1/jobs/{id}`, in the manner of a JSON merge patch (RFC 7396): a key
/// that is absent changes nothing, `null` takes a value away.
package struct JobEdit: Sendable, Hashable, Codable {
  package var queue: String?
  /// Outer nil: unchanged. Inner nil: none. So are the next ones.
  package var name: String??
  /// Labels to set; those with nil are taken away, all others stay.
  package var labels: [String: String?]?
  package var priority: Int?
  /// Counts from the edit. Zero: as soon as may be.
  package var delay: TimeSpan?
  /// Inner nil: as soon as may be.
  package var runAt: Timestamp??
  package var timeout: TimeSpan??
  package var retries: Int?

  package init() {}

  package enum CodingKeys: String, CodingKey, CaseIterable {
    case queue, name, labels, priority
    case delay = "delay_seconds"
    case runAt = "run_at"
    case timeout = "timeout_seconds"
    case retries
  }

  package init(from decoder: any Decoder) throws {
    try decoder.refuseUnknownKeys(CodingKeys.self)
    let c = try decoder.container(keyedBy: CodingKeys.self)
    func decode<Value: Decodable>(_: Value.Type, _ key: CodingKeys) throws -> Value?? {
      c.contains(key) ? .some(try c.decodeIfPresent(Value.self, forKey: key)) : nil
    }
    queue = try c.decodeIfPresent(String.self, forKey: .queue)
    name = try decode(String.self, .name)
    labels = try c.decodeIfPresent([String: String?].self, forKey: .labels)
    priority = try c.decodeIfPresent(Int.self, forKey: .priority)
    delay = try c.decodeIfPresent(TimeSpan.self, forKey: .delay)
    runAt = try decode(Timestamp.self, .runAt)
    timeout = try decode(TimeSpan.self, .timeout)
    retries = try c.decodeIfPresent(Int.self, forKey: .retries)
  }

  package func encode(to encoder: any Encoder) throws {
    var c = encoder.container(keyedBy: CodingKeys.self)
    try c.encodeIfPresent(queue, forKey: .queue)
    if let name { try c.encode(name, forKey: .name) }
    try c.encodeIfPresent(labels, forKey: .labels)
    try c.encodeIfPresent(priority, forKey: .priority)
    try c.encodeIfPresent(delay, forKey: .delay)
    if let runAt { try c.encode(runAt, forKey: .runAt) }
    if let timeout { try c.encode(timeout, forKey: .timeout) }
    try c.encodeIfPresent(retries, forKey: .retries)
  }

  /// Throws `InvalidValue` for the first value that cannot be: each is held to what an enqueue would be.
  package func check() throws(InvalidValue) {
    guard self != JobEdit() else {
      throw InvalidValue(
        "body", "it changes nothing; known are \(CodingKeys.allCases.map(\.rawValue).sorted().joined(separator: ", "))")
    }
    var probe = JobRequest()
    probe.command = ["true"]
    probe.queue = queue
    probe.name = name ?? nil
    probe.labels = labels?.compactMapValues { $0 }
    probe.priority = priority
    probe.delay = delay
    probe.runAt = runAt ?? nil
    probe.timeout = timeout ?? nil
    probe.retries = retries
    _ = try probe.checked(defaults: JobDefaults(), submittedBy: nil)
    if let key = labels?.keys.filter({ !Limits.isLabelKey($0) }).min() {
      throw InvalidValue("labels", "\"\(key.printable)\" cannot be a label's key")
    }
    if delay != nil, runAt != nil {
      throw InvalidValue("run_at", "a job starts after a delay or at a time, not both")
    }
  }

  /// When the job is to start from now on; nil where the edit does not say.
  package var start: JobSpec.Start? {
    if let delay { return delay == .zero ? .now : .delay(delay) }
    return runAt.map { $0.map(JobSpec.Start.at) ?? .now }
  }
}
