/// A change of a queue's settings, the body of `PATCH /v1/queues/{name}`. A key that is absent changes nothing; of a
/// limit, `null` takes it away (outer nil: absent; inner nil: `null`).
package struct QueuePatch: Hashable, Sendable, Codable {
  package var paused: Bool?
  package var concurrency: Int??
  package var rate: Rate??
  package var perKey: KeyLimit??
  package var priority: Int??
  /// Of a pause that this asks for.
  package var pause = PauseRequest()

  package init(
    paused: Bool? = nil, concurrency: Int?? = nil, rate: Rate?? = nil, perKey: KeyLimit?? = nil, priority: Int?? = nil,
    pause: PauseRequest = PauseRequest()
  ) {
    self.paused = paused
    self.concurrency = concurrency
    self.rate = rate
    self.perKey = perKey
    self.priority = priority
    self.pause = pause
  }

  package enum CodingKeys: String, CodingKey, CaseIterable {
    case paused, reason
    case span = "for_seconds"
    case priority, concurrency, rate
    case perKey = "per_key"
  }

  package init(from decoder: any Decoder) throws {
    try decoder.refuseUnknownKeys(CodingKeys.self)
    let c = try decoder.container(keyedBy: CodingKeys.self)
    func limit<Value: Decodable>(_ key: CodingKeys) throws -> Value?? {
      c.contains(key) ? .some(try c.decodeIfPresent(Value.self, forKey: key)) : nil
    }
    paused = try c.decodeIfPresent(Bool.self, forKey: .paused)
    concurrency = try limit(.concurrency)
    rate = try limit(.rate)
    perKey = try limit(.perKey)
    priority = try limit(.priority)
    pause.reason = try c.decodeIfPresent(String.self, forKey: .reason)
    pause.span = try c.decodeIfPresent(TimeSpan.self, forKey: .span)
  }

  package func encode(to encoder: any Encoder) throws {
    var c = encoder.container(keyedBy: CodingKeys.self)
    try c.encodeIfPresent(paused, forKey: .paused)
    try c.encodeIfPresent(pause.reason, forKey: .reason)
    try c.encodeIfPresent(pause.span, forKey: .span)
    if let priority { try c.encode(priority, forKey: .priority) }
    if let concurrency { try c.encode(concurrency, forKey: .concurrency) }
    if let rate { try c.encode(rate, forKey: .rate) }
    if let perKey { try c.encode(perKey, forKey: .perKey) }
  }

  /// Throws `InvalidValue` where a value cannot be.
  package func check() throws(InvalidValue) {
    if let concurrency = concurrency ?? nil, !QueueLimits.concurrencies.contains(concurrency) {
      throw InvalidValue("concurrency", "1 to 100000 is expected; to stop a queue, pause it")
    }
    if let perKey = perKey ?? nil {
      guard Limits.isLabelKey(perKey.label) else {
        throw InvalidValue("per_key.label", "a label's key is made of letters, digits and \". _ - : @ /\"")
      }
      guard QueueLimits.concurrencies.contains(perKey.concurrency) else {
        throw InvalidValue("per_key.concurrency", "1 to 100000 is expected; to stop a queue, pause it")
      }
    }
    if let priority = priority ?? nil, !Limits.priority.contains(priority) {
      throw InvalidValue("priority", "\(priority) is out of range; -1000 to 1000 is expected")
    }
    try pause.check()
    guard paused != true, pause != PauseRequest() else { return }
    throw InvalidValue(pause.reason == nil ? "for_seconds" : "reason", "goes with \"paused\": true")
  }

  /// What the limits are after it.
  package func applied(to limits: QueueLimits) -> QueueLimits {
    QueueLimits(
      concurrency: concurrency ?? limits.concurrency, rate: rate ?? limits.rate, perKey: perKey ?? limits.perKey,
      priority: priority ?? limits.priority)
  }
}

/// How many jobs are in each state. Always all states, 0 included.
package struct StateCounts: Hashable, Sendable, Codable {
  /// In the order of `JobState.allCases`.
  private var counts: [8 of Int] = .init(repeating: 0)

  package init() {}

  package subscript(state: JobState) -> Int {
    get { counts[state.ordinal] }
    set { counts[state.ordinal] = newValue }
  }

  package var total: Int { counts.indices.reduce(0) { $0 + counts[$1] } }
  package var isZero: Bool { counts.indices.allSatisfy { counts[$0] == 0 } }

  package static func == (left: StateCounts, right: StateCounts) -> Bool {
    left.counts.indices.allSatisfy { left.counts[$0] == right.counts[$0] }
  }

  package func hash(into hasher: inout Hasher) { for index in counts.indices { hasher.combine(counts[index]) } }

  package static func + (left: StateCounts, right: StateCounts) -> StateCounts {
    var sum = left
    for index in sum.counts.indices { sum.counts[index] += right.counts[index] }
    return sum
  }

  package init(from decoder: any Decoder) throws {
    self.init()
    let c = try decoder.container(keyedBy: AnyKey.self)
    for state in JobState.allCases {
      self[state] = try c.decodeIfPresent(Int.self, forKey: AnyKey(stringValue: state.rawValue)) ?? 0
    }
  }

  package func encode(to encoder: any Encoder) throws {
    var c = encoder.container(keyedBy: AnyKey.self)
    for state in JobState.allCases { try c.encode(self[state], forKey: AnyKey(stringValue: state.rawValue)) }
  }
}

/// A queue as `GET /v1/queues` and `jobq queues` show it.
package struct QueueInfo: Hashable, Sendable, Codable {
  package var name: String
  /// Nil where it is not paused.
  package var pause: Pause?
  package var limits: QueueLimits
  package var counts: StateCounts

  package var paused: Bool { pause != nil }

  package init(name: String, pause: Pause?, limits: QueueLimits, counts: StateCounts) {
    self.name = name
    self.pause = pause
    self.limits = limits
    self.counts = counts
  }

  package enum CodingKeys: String, CodingKey, CaseIterable {
    case name, paused
    case pauseReason = "pause_reason"
    case pausedUntil = "paused_until"
    case priority, concurrency, rate
    case perKey = "per_key"
    case counts
  }

  package init(from decoder: any Decoder) throws {
    let c = try decoder.container(keyedBy: CodingKeys.self)
    name = try c.decode(String.self, forKey: .name)
    if try c.decode(Bool.self, forKey: .paused) {
      pause = Pause(
        reason: try c.decodeIfPresent(String.self, forKey: .pauseReason),
        until: try c.decodeIfPresent(Timestamp.self, forKey: .pausedUntil))
    }
    limits = QueueLimits(
      concurrency: try c.decodeIfPresent(Int.self, forKey: .concurrency),
      rate: try c.decodeIfPresent(Rate.self, forKey: .rate),
      perKey: try c.decodeIfPresent(KeyLimit.self, forKey: .perKey),
      priority: try c.decodeIfPresent(Int.self, forKey: .priority))
    counts = try c.decode(StateCounts.self, forKey: .counts)
  }

  package func encode(to encoder: any Encoder) throws {
    var c = encoder.container(keyedBy: CodingKeys.self)
    try c.encode(name, forKey: .name)
    try c.encode(paused, forKey: .paused)
    try c.encode(pause?.reason, forKey: .pauseReason)
    try c.encode(pause?.until, forKey: .pausedUntil)
    try c.encode(limits.priority ?? 0, forKey: .priority)
    try c.encode(limits.concurrency, forKey: .concurrency)
    try c.encode(limits.rate, forKey: .rate)
    try c.encode(limits.perKey, forKey: .perKey)
    try c.encode(counts, forKey: .counts)
  }
}
