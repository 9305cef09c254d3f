/// What a person sets for a queue. Nil is no limit.
package struct QueueSettings: Hashable, Sendable, Codable {
  /// How many of the queue's jobs may run at once.
  package var concurrency: Int?
  package var paused: Bool

  package init(concurrency: Int? = nil, paused: Bool = false) {
    self.concurrency = concurrency
    self.paused = paused
  }
}

/// A change of a queue's settings, the body of `PATCH /v1/queues/{name}`. A key that is absent changes nothing.
package struct QueuePatch: Hashable, Sendable, Codable {
  package var paused: Bool?
  /// Outer nil: unchanged. Inner nil (`null`): no limit.
  package var concurrency: Int??

  package init(paused: Bool? = nil, concurrency: Int?? = nil) {
    self.paused = paused
    self.concurrency = concurrency
  }

  package enum CodingKeys: String, CodingKey, CaseIterable { case paused, concurrency }

  package init(from decoder: any Decoder) throws {
    try decoder.refuseUnknownKeys(CodingKeys.self)
    let c = try decoder.container(keyedBy: CodingKeys.self)
    paused = try c.decodeIfPresent(Bool.self, forKey: .paused)
    concurrency = c.contains(.concurrency) ? .some(try c.decodeIfPresent(Int.self, forKey: .concurrency)) : nil
  }

  package func encode(to encoder: any Encoder) throws {
    var c = encoder.container(keyedBy: CodingKeys.self)
    try c.encodeIfPresent(paused, forKey: .paused)
    if let concurrency { try c.encode(concurrency, forKey: .concurrency) }
  }

  /// Throws `InvalidValue` where a value cannot be.
  package func check() throws(InvalidValue) {
    if let concurrency = concurrency ?? nil, !(1...100_000).contains(concurrency) {
      throw InvalidValue("concurrency", "1 to 100000 is expected; to stop a queue, pause it")
    }
  }
}

/// How many jobs are in each state. Always all states, 0 included.
package struct StateCounts: Hashable, Sendable, Codable {
  private var counts: [Int]

  package init() { counts = Array(repeating: 0, count: JobState.allCases.count) }

  package subscript(state: JobState) -> Int {
    get { counts[Self.index[state]!] }
    set { counts[Self.index[state]!] = newValue }
  }

  private static let index = Dictionary(uniqueKeysWithValues: JobState.allCases.enumerated().map { ($1, $0) })

  package var total: Int { counts.reduce(0, +) }

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
  package var paused: Bool
  package var concurrency: Int?
  package var counts: StateCounts

  package init(name: String, settings: QueueSettings, counts: StateCounts) {
    self.name = name
    paused = settings.paused
    concurrency = settings.concurrency
    self.counts = counts
  }

  package enum CodingKeys: String, CodingKey, CaseIterable { case name, paused, concurrency, counts }

  package func encode(to encoder: any Encoder) throws {
    var c = encoder.container(keyedBy: CodingKeys.self)
    try c.encode(name, forKey: .name)
    try c.encode(paused, forKey: .paused)
    try c.encode(concurrency, forKey: .concurrency)
    try c.encode(counts, forKey: .counts)
  }
}
