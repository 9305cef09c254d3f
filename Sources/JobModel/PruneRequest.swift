/// The body of `POST /v1/prune`: which ended jobs go now. All conditions hold at once; without any, what the
/// configuration's retention lets go does. A job on which a live one depends stays in any case.
package struct PruneRequest: Sendable, Hashable, Codable {
  /// Ended states; absent: all three.
  package var state: [JobState]?
  package var queue: String?
  /// Only jobs that ended at least so long ago.
  package var olderThan: TimeSpan?
  /// The newest of those that fit stay, so many.
  package var keep: Int?
  /// Only their output goes.
  package var logsOnly: Bool?
  /// Only count.
  package var dryRun: Bool?

  package init() {}

  package enum CodingKeys: String, CodingKey, CaseIterable {
    case state, queue
    case olderThan = "older_than_seconds"
    case keep
    case logsOnly = "logs_only"
    case dryRun = "dry_run"
  }

  package init(from decoder: any Decoder) throws {
    try decoder.refuseUnknownKeys(CodingKeys.self)
    let c = try decoder.container(keyedBy: CodingKeys.self)
    state = try c.decodeIfPresent([JobState].self, forKey: .state)
    queue = try c.decodeIfPresent(String.self, forKey: .queue)
    olderThan = try c.decodeIfPresent(TimeSpan.self, forKey: .olderThan)
    keep = try c.decodeIfPresent(Int.self, forKey: .keep)
    logsOnly = try c.decodeIfPresent(Bool.self, forKey: .logsOnly)
    dryRun = try c.decodeIfPresent(Bool.self, forKey: .dryRun)
  }

  /// Whether the configuration decides.
  package var isUnconditional: Bool { state == nil && queue == nil && olderThan == nil && keep == nil }

  package func check() throws(InvalidValue) {
    if let live = state?.first(where: { !$0.hasEnded }) {
      throw InvalidValue(
        "state", "\(live.rawValue) jobs have not ended, and are not pruned; succeeded, failed or cancelled is expected")
    }
    if state?.isEmpty == true { throw InvalidValue("state", "it names no state") }
    if let queue, !Limits.isQueueName(queue) {
      throw InvalidValue("queue", "\"\(queue.printable)\" cannot be a queue's name")
    }
    if let keep, !(0...1_000_000_000).contains(keep) {
      throw InvalidValue("keep", "\(keep) is out of range; 0 to 1000000000 is expected")
    }
    if isUnconditional, logsOnly == true || dryRun == true {
      throw InvalidValue("body", "it names no condition: state, queue, older_than_seconds or keep")
    }
  }
}

/// What `POST /v1/prune` did.
package struct PruneReceipt: Sendable, Hashable, Codable {
  /// How many ended jobs fitted; where the configuration decides, how many went.
  package var matched: Int
  /// Jobs that went, or with `logs_only` whose output did.
  package var removed: Int

  package init(matched: Int, removed: Int) {
    self.matched = matched
    self.removed = removed
  }

  package enum CodingKeys: String, CodingKey, CaseIterable { case matched, removed }
}
