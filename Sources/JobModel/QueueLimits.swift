/// What bounds a queue's jobs beside `workers`, as one of those who may say it has: a person, by the API, or the
/// configuration file. Nil is not said.
package struct QueueLimits: Hashable, Sendable {
  /// How many of the queue's jobs may run at once.
  package var concurrency: Int?
  /// How many may start in a time.
  package var rate: Rate?
  /// How many with the same value of a label may run at once.
  package var perKey: KeyLimit?
  /// The queue's place among the others: what waits in one of a higher priority starts first. Not said is 0.
  package var priority: Int?

  package init(concurrency: Int? = nil, rate: Rate? = nil, perKey: KeyLimit? = nil, priority: Int? = nil) {
    self.concurrency = concurrency
    self.rate = rate
    self.perKey = perKey
    self.priority = priority
  }

  package static let concurrencies = 1...100_000

  /// These, and where they say nothing the others: what the file says wins over what was set live.
  package func over(_ others: QueueLimits?) -> QueueLimits {
    QueueLimits(
      concurrency: concurrency ?? others?.concurrency, rate: rate ?? others?.rate, perKey: perKey ?? others?.perKey,
      priority: priority ?? others?.priority)
  }
}

/// So many of a queue's jobs at once for each value of a label. Jobs without the label are not bounded by it.
package struct KeyLimit: Sendable, Hashable, Codable, CustomStringConvertible {
  package var label: String
  package var concurrency: Int

  package init(label: String, concurrency: Int) {
    self.label = label
    self.concurrency = concurrency
  }

  /// Reads `LABEL=COUNT`, as the command line takes it. Nil for anything else.
  package init?(_ text: some StringProtocol) {
    guard let equals = text.lastIndex(of: "="), let concurrency = Int(text[text.index(after: equals)...]),
      QueueLimits.concurrencies.contains(concurrency)
    else { return nil }
    let label = String(text[..<equals])
    guard Limits.isLabelKey(label) else { return nil }
    self.init(label: label, concurrency: concurrency)
  }

  package var description: String { "\(label)=\(concurrency)" }

  package enum CodingKeys: String, CodingKey, CaseIterable { case label, concurrency }

  package init(from decoder: any Decoder) throws {
    try decoder.refuseUnknownKeys(CodingKeys.self)
    let c = try decoder.container(keyedBy: CodingKeys.self)
    label = try c.decode(String.self, forKey: .label)
    concurrency = try c.decode(Int.self, forKey: .concurrency)
  }
}
