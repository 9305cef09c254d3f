/// A request for a job, as `POST /v1/jobs` takes it and `jobq enqueue` sends it. All but the command or the payload may
/// be left out. `checked(defaults:)` turns it into a `JobSpec` that holds no bad value.
package struct JobRequest: Sendable, Hashable, Codable {
  package var queue: String?
  package var name: String?
  package var labels: [String: String]?
  package var priority: Int?
  package var command: [String]?
  package var payload: JSONValue?
  package var cwd: String?
  package var env: [String: String]?
  /// Octal digits.
  package var umask: String?
  /// Standard input as text.
  package var stdin: String?
  /// Standard input as base64 (RFC 4648), for bytes that are no UTF-8.
  package var stdinBase64: String?
  package var runAt: Timestamp?
  package var delay: TimeSpan?
  package var timeout: TimeSpan?
  package var killGrace: TimeSpan?
  package var retries: Int?
  package var backoff: Backoff?
  package var retryOn: ExitCodes?
  package var noRetryOn: ExitCodes?
  package var onInterrupt: OnInterrupt?
  package var uniqueKey: String?
  package var after: [JobReference]?
  package var afterAny: [JobReference]?
  /// What other lines of the same body call it in their `after` and `after_any`. It is forgotten with the body.
  package var ref: String?
  package var hold: Bool?
  package var splitOutput: Bool?
  /// The same id within 24 hours returns the same job, so that a client may ask again after a lost reply.
  package var requestID: String?

  package init() {}

  package enum CodingKeys: String, CodingKey, CaseIterable {
    case queue, name, labels, priority, command, payload, cwd, env, umask, stdin
    case stdinBase64 = "stdin_base64"
    case runAt = "run_at"
    case delay = "delay_seconds"
    case timeout = "timeout_seconds"
    case killGrace = "kill_grace_seconds"
    case retries, backoff
    case retryOn = "retry_on"
    case noRetryOn = "no_retry_on"
    case onInterrupt = "on_interrupt"
    case uniqueKey = "unique_key"
    case after
    case afterAny = "after_any"
    case ref
    case hold
    case splitOutput = "split_output"
    case requestID = "request_id"
  }

  /// Reads the keys that are there: a request has few of the many that it may have.
  package init(from decoder: any Decoder) throws {
    let c = try decoder.container(keyedBy: AnyKey.self)
    // Sorted, so that of several bad values the same one is always told; an unknown field before all.
    let keys = try c.allKeys.map { key in
      guard let field = CodingKeys(rawValue: key.stringValue) else { throw UnknownField(key, CodingKeys.self) }
      return (key, field)
    }
    for (key, field) in keys.count > 1 ? keys.sorted(by: { $0.0.stringValue < $1.0.stringValue }) : keys {
      switch field {
      case .queue: queue = try c.decodeIfPresent(String.self, forKey: key)
      case .name: name = try c.decodeIfPresent(String.self, forKey: key)
      case .labels: labels = try c.decodeIfPresent([String: String].self, forKey: key)
      case .priority: priority = try c.decodeIfPresent(Int.self, forKey: key)
      case .command: command = try c.decodeIfPresent([String].self, forKey: key)
      case .payload: payload = try c.decode(JSONValue.self, forKey: key)
      case .cwd: cwd = try c.decodeIfPresent(String.self, forKey: key)
      case .env: env = try c.decodeIfPresent([String: String].self, forKey: key)
      case .umask: umask = try c.decodeIfPresent(String.self, forKey: key)
      case .stdin: stdin = try c.decodeIfPresent(String.self, forKey: key)
      case .stdinBase64: stdinBase64 = try c.decodeIfPresent(String.self, forKey: key)
      case .runAt: runAt = try c.decodeIfPresent(Timestamp.self, forKey: key)
      case .delay: delay = try c.decodeIfPresent(TimeSpan.self, forKey: key)
      case .timeout: timeout = try c.decodeIfPresent(TimeSpan.self, forKey: key)
      case .killGrace: killGrace = try c.decodeIfPresent(TimeSpan.self, forKey: key)
      case .retries: retries = try c.decodeIfPresent(Int.self, forKey: key)
      case .backoff: backoff = try c.decodeIfPresent(Backoff.self, forKey: key)
      case .retryOn: retryOn = try c.decodeIfPresent(ExitCodes.self, forKey: key)
      case .noRetryOn: noRetryOn = try c.decodeIfPresent(ExitCodes.self, forKey: key)
      case .onInterrupt: onInterrupt = try c.decodeIfPresent(OnInterrupt.self, forKey: key)
      case .uniqueKey: uniqueKey = try c.decodeIfPresent(String.self, forKey: key)
      case .after: after = try c.decodeIfPresent([JobReference].self, forKey: key)
      case .afterAny: afterAny = try c.decodeIfPresent([JobReference].self, forKey: key)
      case .ref: ref = try c.decodeIfPresent(String.self, forKey: key)
      case .hold: hold = try c.decodeIfPresent(Bool.self, forKey: key)
      case .splitOutput: splitOutput = try c.decodeIfPresent(Bool.self, forKey: key)
      case .requestID: requestID = try c.decodeIfPresent(String.self, forKey: key)
      }
    }
    // `"payload": null` is a payload: only an absent key is none.
    if payload == .null, command != nil { payload = nil }
  }
}

/// What a request leaves open.
package struct JobDefaults: Sendable, Hashable {
  package var queue = "default"
  package var timeout: TimeSpan?
  package var killGrace = TimeSpan.seconds(10)
  package var retries = 0
  package var backoff = Backoff.standard

  package init() {}
}

/// A value that is refused by the name of its field: 422 over the API, 64 or 1 on the command line.
package struct InvalidValue: Error, Hashable, CustomStringConvertible {
  package var field: String
  package var message: String

  package init(_ field: String, _ message: String) {
    self.field = field
    self.message = message
  }

  package var description: String { "\(field): \(message)" }
}
