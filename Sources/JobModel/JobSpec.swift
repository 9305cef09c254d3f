package import FoundationEssentials

/// What a job is, checked and with its defaults filled in: what the store keeps. It does not change after the enqueue.
package struct JobSpec: Sendable, Hashable {
  package enum Work: Sendable, Hashable {
    /// `jobqd` runs it. At least one element; no element holds a NUL.
    case command([String])
    /// An outside worker leases it.
    case payload(JSONValue)
  }

  package enum Start: Sendable, Hashable {
    case now
    /// Measured by CLOCK_BOOTTIME from the enqueue.
    case delay(TimeSpan)
    /// By the wall clock, whatever is done to it.
    case at(Timestamp)
  }

  package var queue: String
  package var name: String?
  package var labels: [String: String] = [:]
  package var priority = 0
  package var work: Work
  package var cwd: String?
  package var env: [String: String] = [:]
  /// Permission bits that the job's files do not get, 0…0o777; nil for the daemon's default, 0o022.
  package var umask: UInt16?
  package var stdin: Data?
  package var start = Start.now
  package var hold = false
  package var timeout: TimeSpan?
  package var killGrace: TimeSpan
  package var retries: Int
  package var backoff: Backoff
  package var retryOn: ExitCodes?
  package var noRetryOn: ExitCodes?
  package var onInterrupt = OnInterrupt.retry
  package var uniqueKey: String?
  package var after: [JobID] = []
  package var afterAny: [JobID] = []
  /// The same for jobs that are added in the same call, by their places in it: only earlier ones.
  package var afterPlaces: [Int] = []
  package var afterAnyPlaces: [Int] = []
  package var splitOutput = false
  package var requestID: String?
  package var submittedBy: Submitter?

  package init(queue: String, work: Work, killGrace: TimeSpan, retries: Int, backoff: Backoff) {
    self.queue = queue
    self.work = work
    self.killGrace = killGrace
    self.retries = retries
    self.backoff = backoff
  }
}

/// The bounds that every request is held to.
package enum Limits {
  package static let priority = -1000...1000
  package static let retries = 0...10_000
  package static let stdinBytes = 1 << 20
  package static let nameBytes = 1...256
  package static let queueBytes = 1...128
  package static let labels = 64
  package static let dependencies = 10_000

  /// A queue's name: letters, digits, `.`, `_`, `-`, `:`, `@`, not beginning with `.` or `-`. It stands in
  /// URLs, in files' names and in
  /// shell commands, so it holds nothing that any of them would read otherwise.
  package static func isQueueName(_ name: String) -> Bool {
    guard queueBytes.contains(name.utf8.count), let first = name.utf8.first, first != 0x2E, first != 0x2D
    else { return false }
    return name.utf8.allSatisfy(isNameByte)
  }

  /// A label's key: a queue's name that may hold slashes.
  package static func isLabelKey(_ key: String) -> Bool {
    queueBytes.contains(key.utf8.count) && key.utf8.allSatisfy { isNameByte($0) || $0 == 0x2F }
  }

  /// Text for people: bounded, and without control characters, which a terminal would obey.
  package static func isPlainText(_ text: String, upTo bytes: Int) -> Bool {
    text.utf8.count <= bytes
      && text.unicodeScalars.allSatisfy { $0.value >= 0x20 && !(0x7F...0x9F).contains($0.value) }
  }

  private static func isNameByte(_ byte: UInt8) -> Bool {
    switch byte {
    case 0x30...0x39, 0x41...0x5A, 0x61...0x7A: true
    case 0x2E, 0x5F, 0x2D, 0x3A, 0x40: true
    default: false
    }
  }
}

extension JobRequest {
  /// The job that this request asks for. Throws `InvalidValue` for the first value that cannot be.
  package func checked(defaults: JobDefaults, submittedBy: Submitter?) throws(InvalidValue) -> JobSpec {
    let queue = self.queue ?? defaults.queue
    guard Limits.isQueueName(queue) else {
      throw InvalidValue(
        "queue",
        "a name of 1 to 128 letters, digits, \".\", \"_\", \"-\", \":\" or \"@\" is expected, not beginning with \".\" or \"-\""
      )
    }
    var spec = JobSpec(
      queue: queue, work: try checkedWork(),
      killGrace: try Self.span(killGrace, "kill_grace_seconds") ?? defaults.killGrace,
      retries: try Self.number(retries, in: Limits.retries, "retries") ?? defaults.retries,
      backoff: try checkedBackoff() ?? defaults.backoff)
    if let name {
      guard !name.isEmpty, Limits.isPlainText(name, upTo: Limits.nameBytes.upperBound) else {
        throw InvalidValue("name", "1 to 256 bytes without control characters are expected")
      }
      spec.name = name
    }
    spec.labels = try checkedLabels()
    spec.priority = try Self.number(priority, in: Limits.priority, "priority") ?? 0
    spec.cwd = try checkedDirectory()
    spec.env = try checkedEnvironment()
    spec.umask = try checkedUmask()
    spec.stdin = try checkedInput()
    spec.start = try checkedStart()
    spec.hold = hold ?? false
    if let timeout, timeout == .zero { throw InvalidValue("timeout_seconds", "must be more than 0") }
    spec.timeout = timeout ?? defaults.timeout
    spec.retryOn = retryOn
    spec.noRetryOn = noRetryOn
    spec.onInterrupt = onInterrupt ?? .retry
    spec.uniqueKey = try Self.key(uniqueKey, "unique_key")
    spec.requestID = try Self.key(requestID, "request_id")
    let after = try Self.dependencies(after, "after")
    spec.after = after
    spec.afterAny = try Self.dependencies(afterAny, "after_any").filter { !after.contains($0) }
    _ = try Self.key(ref, "ref")
    spec.splitOutput = splitOutput ?? false
    spec.submittedBy = submittedBy
    return spec
  }

  private func checkedWork() throws(InvalidValue) -> JobSpec.Work {
    switch (command, payload) {
    case (let command?, nil):
      guard let program = command.first, !program.isEmpty else {
        throw InvalidValue("command", "an array of strings is expected, the program first; it is empty")
      }
      guard command.allSatisfy({ !$0.utf8.contains(0) }) else {
        throw InvalidValue("command", "an argument holds a NUL byte, which no program can be given")
      }
      return .command(command)
    case (nil, let payload?):
      guard stdin == nil, stdinBase64 == nil else {
        throw InvalidValue("stdin", "a payload job has no standard input: its worker reads the payload")
      }
      return .payload(payload)
    case (nil, nil): throw InvalidValue("command", "a job needs a command or a payload")
    case (_?, _?): throw InvalidValue("payload", "a job has either a command or a payload, not both")
    }
  }

  private func checkedBackoff() throws(InvalidValue) -> Backoff? {
    guard let backoff else { return nil }
    guard (0...1).contains(backoff.jitter) else { throw InvalidValue("backoff.jitter", "must be from 0 to 1") }
    return backoff
  }

  private func checkedLabels() throws(InvalidValue) -> [String: String] {
    let labels = self.labels ?? [:]
    guard labels.count <= Limits.labels else {
      throw InvalidValue("labels", "at most \(Limits.labels) labels are kept")
    }
    for (key, value) in labels {
      guard Limits.isLabelKey(key) else {
        throw InvalidValue("labels", "the key \"\(key.printable)\" is not made of letters, digits and \". _ - : @ /\"")
      }
      guard Limits.isPlainText(value, upTo: 256) else {
        throw InvalidValue("labels", "the value of \"\(key)\" is over 256 bytes or holds control characters")
      }
    }
    return labels
  }

  private func checkedDirectory() throws(InvalidValue) -> String? {
    guard let cwd else { return nil }
    guard cwd.hasPrefix("/"), !cwd.utf8.contains(0), cwd.utf8.count < 4096 else {
      throw InvalidValue("cwd", "an absolute path is expected")
    }
    return cwd
  }

  private func checkedEnvironment() throws(InvalidValue) -> [String: String] {
    let env = self.env ?? [:]
    for (name, value) in env {
      guard !name.isEmpty, !name.utf8.contains(0), !name.contains("=") else {
        throw InvalidValue("env", "\"\(name.printable)\" cannot be the name of a variable")
      }
      guard !value.utf8.contains(0) else { throw InvalidValue("env", "the value of \"\(name)\" holds a NUL byte") }
    }
    return env
  }

  private func checkedUmask() throws(InvalidValue) -> UInt16? {
    guard let umask else { return nil }
    guard (1...4).contains(umask.utf8.count), let mask = UInt16(umask, radix: 8), mask <= 0o777, !umask.hasPrefix("+")
    else { throw InvalidValue("umask", "octal digits from 000 to 777 are expected") }
    return mask
  }

  private func checkedInput() throws(InvalidValue) -> Data? {
    let data: Data
    switch (stdin, stdinBase64) {
    case (nil, nil): return nil
    case (let text?, nil): data = Data(text.utf8)
    case (nil, let text?):
      guard let bytes = Data(base64Encoded: text) else { throw InvalidValue("stdin_base64", "this is not base64") }
      data = bytes
    case (_?, _?): throw InvalidValue("stdin_base64", "standard input is given twice")
    }
    guard data.count <= Limits.stdinBytes else {
      throw InvalidValue(
        "stdin", "\(data.count) bytes are over the limit of 1 MiB; put them into a file that the job reads")
    }
    return data
  }

  private func checkedStart() throws(InvalidValue) -> JobSpec.Start {
    switch (delay, runAt) {
    case (nil, nil): return .now
    case (let delay?, nil): return delay == .zero ? .now : .delay(delay)
    case (nil, let time?): return .at(time)
    case (_?, _?): throw InvalidValue("run_at", "a job starts after a delay or at a time, not both")
    }
  }

  private static func span(_ span: TimeSpan?, _ field: String) throws(InvalidValue) -> TimeSpan? {
    guard let span else { return nil }
    guard span <= .hours(24) else { throw InvalidValue(field, "at most 24 hours") }
    return span
  }

  private static func number(_ number: Int?, in range: ClosedRange<Int>, _ field: String) throws(InvalidValue) -> Int? {
    guard let number else { return nil }
    guard range.contains(number) else {
      throw InvalidValue(field, "\(number) is out of range; \(range.lowerBound) to \(range.upperBound) is expected")
    }
    return number
  }

  private static func key(_ key: String?, _ field: String) throws(InvalidValue) -> String? {
    guard let key else { return nil }
    guard !key.isEmpty, Limits.isPlainText(key, upTo: 256) else {
      throw InvalidValue(field, "1 to 256 bytes without control characters are expected")
    }
    return key
  }

  /// Those that are named by their numbers. Refs are resolved with the whole body: `RequestGraph`.
  private static func dependencies(_ references: [JobReference]?, _ field: String) throws(InvalidValue) -> [JobID] {
    guard let references else { return [] }
    guard references.count <= Limits.dependencies else {
      throw InvalidValue(field, "at most \(Limits.dependencies) jobs")
    }
    let ids = references.compactMap(\.id)
    guard ids.allSatisfy({ $0.rawValue > 0 }) else { throw InvalidValue(field, "a job's number is greater than 0") }
    var seen: Set<JobID> = []
    return ids.filter { seen.insert($0).inserted }
  }
}

extension String {
  /// The text with its control characters made visible, for messages.
  package var printable: String {
    unicodeScalars.reduce(into: "") { text, scalar in
      if scalar.value < 0x20 || (0x7F...0x9F).contains(scalar.value) {
        text += "\\u{\(String(scalar.value, radix: 16))}"
      } else {
        text.unicodeScalars.append(scalar)
      }
    }
  }
}
