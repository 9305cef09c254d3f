import ArgumentParser
import FoundationEssentials
import Glibc
import JobModel

/// What `jobq enqueue` says of a job: the options of the contract, in its order.
struct EnqueueOptions: ParsableArguments {
  @Option(name: [.short, .long], help: ArgumentHelp("The queue.", valueName: "name")) var queue: String?
  @Option(name: [.short, .long], help: ArgumentHelp("A name for people.", valueName: "text")) var name: String?
  @Option(name: [.short, .long], help: ArgumentHelp("A label; may be repeated.", valueName: "K=V")) var label:
    [String] = []
  @Option(
    name: [.short, .long], parsing: .unconditional,
    help: ArgumentHelp("Higher goes first: -1000 to 1000.", valueName: "N"))
  var priority: Int?
  @Option(
    name: .long, help: ArgumentHelp("Start so long from now, at the earliest.", valueName: "duration"),
    transform: Value.span)
  var delay: TimeSpan?
  @Option(
    name: .long, help: ArgumentHelp("Start at this time: RFC 3339, or HH:MM[:SS] (past: tomorrow).", valueName: "time"),
    transform: Value.time)
  var at: Timestamp?
  @Option(
    name: .long, help: ArgumentHelp("End an attempt that takes longer.", valueName: "duration"), transform: Value.span)
  var timeout: TimeSpan?
  @Option(name: .long, help: ArgumentHelp("Between TERM and KILL (10s).", valueName: "duration"), transform: Value.span)
  var killGrace: TimeSpan?
  @Option(
    name: .long, parsing: .unconditional,
    help: ArgumentHelp("Further attempts after the first that fails (0).", valueName: "N"))
  var retries: Int?
  @Option(
    name: .long, help: ArgumentHelp("The first wait before a retry (5s).", valueName: "duration"), transform: Value.span
  )
  var backoff: TimeSpan?
  @Option(name: .long, help: ArgumentHelp("The longest wait (10m).", valueName: "duration"), transform: Value.span)
  var backoffMax: TimeSpan?
  @Option(name: .long, help: "How the wait grows: exponential, linear or fixed.") var backoffKind: Backoff.Kind?
  @Option(
    name: .long, help: ArgumentHelp("Retry only after these exit codes: 1,75,100-110.", valueName: "codes"),
    transform: Value.codes)
  var retryOn: ExitCodes?
  @Option(name: .long, help: ArgumentHelp("Never retry after these.", valueName: "codes"), transform: Value.codes)
  var noRetryOn: ExitCodes?
  @Option(name: .long, help: "After the daemon or the host died under it: retry, fail or hold.") var onInterrupt:
    OnInterrupt?
  @Option(
    name: .long, help: ArgumentHelp("Run in this directory (the one you are in).", valueName: "dir"),
    completion: .directory)
  var cwd: String?
  @Option(
    name: [.short, .long], help: ArgumentHelp("A variable for the job; K alone takes your value.", valueName: "K[=V]"))
  var env: [String] = []
  @Flag(name: .long, help: "Give the job your whole environment.") var inheritEnv = false
  @Option(name: .long, help: ArgumentHelp("File mode creation mask, octal (yours).", valueName: "mask")) var umask:
    String?
  @Option(
    name: .long, help: ArgumentHelp("Standard input, up to 1 MiB, read now; - for your own.", valueName: "FILE"),
    completion: .file())
  var stdin: String?
  @Option(
    name: .long,
    help: ArgumentHelp("Where a job with this key has not ended, print its number instead.", valueName: "key"))
  var unique: String?
  @Option(name: .long, help: ArgumentHelp("Start once these have succeeded.", valueName: "ID,…"), transform: Value.ids)
  var after: [[JobID]] = []
  @Option(name: .long, help: ArgumentHelp("Start once these have ended.", valueName: "ID,…"), transform: Value.ids)
  var afterAny: [[JobID]] = []
  @Flag(name: .long, help: "Keep standard output and error apart.") var splitOutput = false
  @Flag(name: .long, help: "Set it aside until `jobq release`.") var hold = false

  mutating func validate() throws {
    _ = try label.map(Value.label)
    if delay != nil, at != nil { throw ValidationError("give --delay or --at, not both") }
  }

  /// The request, without the command. Reads the caller's surroundings.
  func request(isOwnDaemon: () throws -> Bool) throws -> JobRequest {
    var request = JobRequest()
    request.queue = queue
    request.name = name
    if !label.isEmpty {
      request.labels = Dictionary(try label.map { try Value.label($0) }.map { ($0.key, $0.value) }) { $1 }
    }
    request.priority = priority
    request.delay = delay
    request.runAt = at
    request.timeout = timeout
    request.killGrace = killGrace
    request.retries = retries
    if backoff != nil || backoffMax != nil || backoffKind != nil {
      let standard = Backoff.standard
      let base = backoff ?? standard.base
      request.backoff = Backoff(
        kind: backoffKind ?? standard.kind, base: base, max: backoffMax ?? max(standard.max, base),
        jitter: standard.jitter)
    }
    request.retryOn = retryOn
    request.noRetryOn = noRetryOn
    request.onInterrupt = onInterrupt
    let here = cwd.map { $0.hasPrefix("/") ? nil : $0 } == .some(nil) ? nil : try Surroundings.directory()
    request.cwd = cwd.map { $0.hasPrefix("/") ? $0 : (here ?? "") + "/" + $0 } ?? here
    request.env = try Surroundings.jobEnvironment(
      named: env, inheritAll: inheritEnv, all: Surroundings.environment(), isOwnDaemon: isOwnDaemon)
    request.umask = umask ?? Surroundings.umask()
    if let stdin {
      let data = try InputFile.read(stdin, most: Limits.stdinBytes)
      // Text stays readable in the job; bytes, and text that JSON would blow up, go as base64.
      if let text = String(validating: data, as: UTF8.self), data.allSatisfy({ $0 >= 0x20 || $0 == 0x0A || $0 == 0x09 })
      {
        request.stdin = text
      } else {
        request.stdinBase64 = Data(data).base64EncodedString()
      }
    }
    request.uniqueKey = unique
    if !after.isEmpty { request.after = after.flatMap { $0 } }
    if !afterAny.isEmpty { request.afterAny = afterAny.flatMap { $0 } }
    if splitOutput { request.splitOutput = true }
    if hold { request.hold = true }
    return request
  }
}

extension Backoff.Kind: ExpressibleByArgument {}
extension OnInterrupt: ExpressibleByArgument {}

/// A file that the client reads for a job.
enum InputFile {
  /// - Parameter path: `-` is standard input.
  static func open(_ path: String) throws -> Int32 {
    if path == "-" { return STDIN_FILENO }
    let descriptor = Glibc.open(path, O_RDONLY | O_CLOEXEC)
    guard descriptor >= 0 else { throw Failure(66, "\(path): \(String(cString: strerror(errno)))") }
    return descriptor
  }

  static func read(_ path: String, most: Int) throws -> [UInt8] {
    let descriptor = try open(path)
    defer { if descriptor != STDIN_FILENO { close(descriptor) } }
    var bytes: [UInt8] = []
    while let more = try piece(descriptor, path) {
      bytes += more
      guard bytes.count <= most else {
        throw Failure(64, "--stdin \(path): it is over 1 MiB; name the file in the job's command instead")
      }
    }
    return bytes
  }

  /// The next piece; nil at the end.
  static func piece(_ descriptor: Int32, _ path: String) throws -> [UInt8]? {
    var buffer = [UInt8](repeating: 0, count: 256 << 10)
    while true {
      let count = Glibc.read(descriptor, &buffer, buffer.count)
      if count < 0, errno == EINTR { continue }
      guard count >= 0 else { throw Failure(66, "\(path): \(String(cString: strerror(errno)))") }
      if count == 0 { return nil }
      buffer.removeLast(buffer.count - count)
      return buffer
    }
  }
}
