/// Why nothing of a queue, or of any, is started, and until when.
package struct Pause: Hashable, Sendable {
  /// For people.
  package var reason: String?
  /// When it ends by itself; nil: never.
  package var until: Timestamp?

  package init(reason: String? = nil, until: Timestamp? = nil) {
    self.reason = reason
    self.until = until
  }
}

/// How to pause: the body of `POST /v1/pause`, and a part of `PATCH /v1/queues/{name}`.
package struct PauseRequest: Hashable, Sendable, Codable {
  package var reason: String?
  /// From now; by CLOCK_BOOTTIME, and by the wall clock after a reboot.
  package var span: TimeSpan?

  package init(reason: String? = nil, span: TimeSpan? = nil) {
    self.reason = reason
    self.span = span
  }

  package enum CodingKeys: String, CodingKey, CaseIterable {
    case reason
    case span = "for_seconds"
  }

  package init(from decoder: any Decoder) throws {
    try decoder.refuseUnknownKeys(CodingKeys.self)
    let c = try decoder.container(keyedBy: CodingKeys.self)
    reason = try c.decodeIfPresent(String.self, forKey: .reason)
    span = try c.decodeIfPresent(TimeSpan.self, forKey: .span)
  }

  package static let reasonBytes = 256

  /// Throws `InvalidValue` where a value cannot be.
  package func check() throws(InvalidValue) {
    if let reason, reason.isEmpty || !Limits.isPlainText(reason, upTo: Self.reasonBytes) {
      throw InvalidValue("reason", "1 to \(Self.reasonBytes) bytes without control characters are expected")
    }
    if let span, span == .zero { throw InvalidValue("for_seconds", "must be more than 0") }
  }
}
