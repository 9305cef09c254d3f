extension JobRequest: JSONReadable {
  private static let keys = JSONKeys(CodingKeys.self)

  package static func plain(_ text: Span<UInt8>) -> JobRequest? { JSONReader.value(in: text) }

  package init?(plain json: inout JSONReader) {
    var object = JSONReader.Progress()
    while let field = json.field(of: Self.keys, in: &object) {
      switch field {
      case .queue: queue = json.string()
      case .name: name = json.string()
      case .labels: labels = json.stringsByName()
      case .priority: priority = json.integer().map { Int($0) }
      case .command: command = json.strings()
      case .payload: payload = json.value()
      case .cwd: cwd = json.string()
      case .env: env = json.stringsByName()
      case .umask: umask = json.string()
      case .stdin: stdin = json.string()
      case .stdinBase64: stdinBase64 = json.string()
      case .runAt: runAt = json.string().flatMap { json.given(Timestamp(rfc3339: $0)) }
      case .delay: delay = json.span()
      case .timeout: timeout = json.span()
      case .killGrace: killGrace = json.span()
      case .retries: retries = json.integer().map { Int($0) }
      case .backoff: if !json.null() { backoff = Backoff(plain: &json) }
      case .retryOn: retryOn = json.exitCodes()
      case .noRetryOn: noRetryOn = json.exitCodes()
      case .onInterrupt: onInterrupt = json.string().flatMap { json.given(OnInterrupt(rawValue: $0)) }
      case .uniqueKey: uniqueKey = json.string()
      case .after: after = json.array { json in json.reference() }
      case .afterAny: afterAny = json.array { json in json.reference() }
      case .ref: ref = json.string()
      case .hold: hold = json.bool()
      case .splitOutput: splitOutput = json.bool()
      case .requestID: requestID = json.string()
      }
    }
    if payload == .null, command != nil { payload = nil }
  }
}

extension Backoff {
  private static let keys = JSONKeys(CodingKeys.self)

  init?(plain json: inout JSONReader) {
    self = .standard
    var object = JSONReader.Progress()
    while let field = json.field(of: Self.keys, in: &object) {
      switch field {
      case .kind: kind = json.string().flatMap { json.given(Kind(rawValue: $0)) } ?? kind
      case .base: base = json.span() ?? base
      case .max: max = json.span() ?? max
      case .jitter: jitter = json.double() ?? jitter
      }
    }
  }
}

extension JSONValue: JSONReadable {
  package static func plain(_ text: Span<UInt8>) -> JSONValue? { JSONReader.value(in: text) }

  package init?(plain json: inout JSONReader) {
    guard let value = json.value() else { return nil }
    self = value
  }
}

extension [String]: JSONReadable {
  package static func plain(_ text: Span<UInt8>) -> [String]? { JSONReader.value(in: text) }

  package init?(plain json: inout JSONReader) {
    guard let strings = json.strings() else { return nil }
    self = strings
  }
}

extension [String: String]: JSONReadable {
  package static func plain(_ text: Span<UInt8>) -> [String: String]? { JSONReader.value(in: text) }

  package init?(plain json: inout JSONReader) {
    guard let strings = json.stringsByName() else { return nil }
    self = strings
  }
}

extension JSONReader {
  mutating func span() -> TimeSpan? {
    double().flatMap { given(TimeSpan(seconds: $0)) }
  }

  fileprivate mutating func exitCodes() -> ExitCodes? {
    string().flatMap { given(ExitCodes($0)) }
  }

  fileprivate mutating func reference() -> JobReference? {
    isAtString ? text().map { .ref($0) } : integer().map { .id(JobID($0)) }
  }
}
