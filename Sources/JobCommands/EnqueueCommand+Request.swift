import FoundationEssentials
import JobModel

extension EnqueueCommand {
  /// The request that the options describe, with a request id of its own: asked again after a lost reply, it gives the same job.
  /// - Throws: 64 with the option's name, for a value that no daemon would take.
  func request(isOwnDaemon: Bool) throws(Failure) -> JobRequest {
    var request = JobRequest()
    request.command = command
    request.requestID = RequestID.new()
    request.queue = options.queue
    request.name = options.name
    request.priority = options.priority
    if !options.label.isEmpty { request.labels = try labels() }

    request.delay = options.delay
    request.runAt = options.at?.resolved(now: .now)
    request.timeout = options.timeout
    request.killGrace = options.killGrace
    request.retries = options.retries
    request.backoff = backoff
    request.retryOn = options.retryOn
    request.noRetryOn = options.noRetryOn
    request.onInterrupt = options.onInterrupt

    request.cwd = try directory()
    request.umask = options.umask ?? CallerEnvironment.umask()
    request.env = try CallerEnvironment.collect(
      isOwnDaemon: isOwnDaemon, inherited: options.inheritEnv ? CallerEnvironment.all() : nil, settings: options.env)
    if let path = options.stdin { try setInput(of: &request, from: path) }

    request.uniqueKey = options.unique
    if !options.after.isEmpty { request.after = options.after.flatMap(\.all).map(JobReference.id) }
    if !options.afterAny.isEmpty { request.afterAny = options.afterAny.flatMap(\.all).map(JobReference.id) }
    if options.hold { request.hold = true }
    if options.splitOutput { request.splitOutput = true }

    // The daemon's own check, made here too: a bad value is a mistake in usage, and is known without a daemon's help.
    do throws(InvalidValue) {
      _ = try request.checked(defaults: JobDefaults(), submittedBy: nil)
    } catch {
      throw .usage("\(Self.option(of: error.field)): \(error.message)")
    }
    return request
  }

  private func labels() throws(Failure) -> [String: String] {
    var labels: [String: String] = [:]
    for label in options.label where labels.updateValue(label.value, forKey: label.key) != nil {
      throw .usage("--label \(label.key.printable) is given twice")
    }
    return labels
  }

  /// Nil where nothing is said: then the daemon's own default holds. A base over the usual bound lifts the bound.
  private var backoff: Backoff? {
    guard options.backoff != nil || options.backoffMax != nil || options.backoffKind != nil else { return nil }
    var backoff = Backoff.standard
    if let kind = options.backoffKind { backoff.kind = kind }
    if let base = options.backoff { backoff.base = base }
    backoff.max = options.backoffMax ?? max(backoff.max, backoff.base)
    return backoff
  }

  private func directory() throws(Failure) -> String {
    guard let path = options.cwd else { return try CallerEnvironment.directory() }
    return path.hasPrefix("/") ? path : try CallerEnvironment.directory() + "/" + path
  }

  /// As text where that is the shorter form in JSON, else as base64: the body has to stay under 2 MiB.
  private func setInput(of request: inout JobRequest, from path: String) throws(Failure) {
    let bytes = try InputFile(path).readAll(upTo: Limits.stdinBytes)
    guard bytes.count <= Limits.stdinBytes else {
      throw .usage("--stdin \(path.printable) is over 1 MiB; let the job read the file itself")
    }
    // A control character becomes six, a quote or a backslash two (RFC 8259 section 7).
    let escaped = bytes.reduce(0) { $0 + ($1 < 0x20 ? 6 : $1 == 0x22 || $1 == 0x5C || $1 == 0x2F ? 2 : 1) }
    if escaped <= bytes.count / 3 * 4 + 64, let text = String(validating: bytes, as: UTF8.self) {
      request.stdin = text
    } else {
      request.stdinBase64 = Data(bytes).base64EncodedString()
    }
  }

  /// The option that sets a field of the API.
  private static func option(of field: String) -> String {
    switch field {
    case "command": "the command"
    case "labels": "--label"
    case "kill_grace_seconds": "--kill-grace"
    case "timeout_seconds": "--timeout"
    case "unique_key": "--unique"
    case "after", "after_any", "cwd", "env", "name", "priority", "queue", "retries", "umask":
      "--" + String(field.map { $0 == "_" ? "-" : $0 })
    default: field.printable
    }
  }
}

enum RequestID {
  /// 128 random bits.
  static func new() -> String {
    (0..<2).map { _ in
      let digits = String(UInt64.random(in: .min ... .max), radix: 16)
      return String(repeating: "0", count: 16 - digits.utf8.count) + digits
    }.joined()
  }
}
