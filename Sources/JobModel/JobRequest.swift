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

  package init(from decoder: any Decoder) throws {
    try decoder.refuseUnknownKeys(CodingKeys.self)
    let c = try decoder.container(keyedBy: CodingKeys.self)
    queue = try c.decodeIfPresent(String.self, forKey: .queue)
    name = try c.decodeIfPresent(String.self, forKey: .name)
    labels = try c.decodeIfPresent([String: String].self, forKey: .labels)
    priority = try c.decodeIfPresent(Int.self, forKey: .priority)
    command = try c.decodeIfPresent([String].self, forKey: .command)
    // `"payload": null` is a payload: only an absent key is none.
    payload = c.contains(.payload) ? try c.decode(JSONValue.self, forKey: .payload) : nil
    if payload == .null, command != nil { payload = nil }
    cwd = try c.decodeIfPresent(String.self, forKey: .cwd)
    env = try c.decodeIfPresent([String: String].self, forKey: .env)
    umask = try c.decodeIfPresent(String.self, forKey: .umask)
    stdin = try c.decodeIfPresent(String.self, forKey: .stdin)
    stdinBase64 = try c.decodeIfPresent(String.self, forKey: .stdinBase64)
    runAt = try c.decodeIfPresent(Timestamp.self, forKey: .runAt)
    delay = try c.decodeIfPresent(TimeSpan.self, forKey: .delay)
    timeout = try c.decodeIfPresent(TimeSpan.self, forKey: .timeout)
    killGrace = try c.decodeIfPresent(TimeSpan.self, forKey: .killGrace)
    retries = try c.decodeIfPresent(Int.self, forKey: .retries)
    backoff = try c.decodeIfPresent(Backoff.self, forKey: .backoff)
    retryOn = try c.decodeIfPresent(ExitCodes.self, forKey: .retryOn)
    noRetryOn = try c.decodeIfPresent(ExitCodes.self, forKey: .noRetryOn)
    onInterrupt = try c.decodeIfPresent(OnInterrupt.self, forKey: .onInterrupt)
    uniqueKey = try c.decodeIfPresent(String.self, forKey: .uniqueKey)
    after = try c.decodeIfPresent([JobReference].self, forKey: .after)
    afterAny = try c.decodeIfPresent([JobReference].self, forKey: .afterAny)
    ref = try c.decodeIfPresent(String.self, forKey: .ref)
    hold = try c.decodeIfPresent(Bool.self, forKey: .hold)
    splitOutput = try c.decodeIfPresent(Bool.self, forKey: .splitOutput)
    requestID = try c.decodeIfPresent(String.self, forKey: .requestID)
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
