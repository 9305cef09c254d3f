import Dispatch
import Foundation
import Glibc

/// What a finished command left.
struct Finished: Sendable {
  var status: Int32
  var out: String
  var err: String

  /// The output without its last newline.
  var line: String { out.hasSuffix("\n") ? String(out.dropLast()) : out }
}

/// Where the two programs lie: beside the test bundle.
enum Programs {
  static let directory: String = {
    if let given = ProcessInfo.processInfo.environment["JOBQ_TEST_BIN"] { return given }
    let runner = (try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")) ?? ""
    let beside = (runner as NSString).deletingLastPathComponent
    if FileManager.default.isExecutableFile(atPath: beside + "/jobqd") { return beside }
    let package = (#filePath as NSString).deletingLastPathComponent + "/../.."
    return (package as NSString).standardizingPath + "/.build/debug"
  }()

  static var jobq: String { directory + "/jobq" }
  static var jobqd: String { directory + "/jobqd" }
}

/// A child process of a test, with its output in files: nothing here can fill a pipe and hang.
final class Child: Sendable {
  let pid: pid_t
  private let outPath: String
  private let errPath: String

  init(
    _ program: String, _ arguments: [String], environment: [String: String], directory: String? = nil,
    input: String? = nil
  ) throws {
    let base = NSTemporaryDirectory() + "jobq-test-" + UUID().uuidString
    outPath = base + ".out"
    errPath = base + ".err"
    var actions = posix_spawn_file_actions_t()
    posix_spawn_file_actions_init(&actions)
    defer { posix_spawn_file_actions_destroy(&actions) }
    let inPath = input == nil ? "/dev/null" : base + ".in"
    if let input { try Data(input.utf8).write(to: URL(fileURLWithPath: inPath)) }
    posix_spawn_file_actions_addopen(&actions, 0, inPath, O_RDONLY, 0)
    posix_spawn_file_actions_addopen(&actions, 1, outPath, O_WRONLY | O_CREAT | O_APPEND, 0o600)
    posix_spawn_file_actions_addopen(&actions, 2, errPath, O_WRONLY | O_CREAT | O_APPEND, 0o600)
    // posix_spawn's own chdir action is a GNU extension that Swift does not see; env(1) -C does the same.
    let words = (directory.map { ["/usr/bin/env", "-C", $0] } ?? []) + [program] + arguments
    let argv = words.map { strdup($0) } + [nil]
    let envp = environment.map { strdup("\($0)=\($1)") } + [nil]
    defer { for word in argv + envp { free(word) } }
    var attributes = posix_spawnattr_t()
    posix_spawnattr_init(&attributes)
    defer { posix_spawnattr_destroy(&attributes) }
    var none = sigset_t()
    sigemptyset(&none)
    posix_spawnattr_setsigmask(&attributes, &none)
    posix_spawnattr_setflags(&attributes, Int16(POSIX_SPAWN_SETSIGMASK))
    var pid: pid_t = 0
    let code = posix_spawn(&pid, words[0], &actions, &attributes, argv, envp)
    guard code == 0 else { throw TestFault("\(program): \(String(cString: strerror(code)))") }
    self.pid = pid
  }

  var output: String { (try? String(contentsOfFile: outPath, encoding: .utf8)) ?? "" }
  var errors: String { (try? String(contentsOfFile: errPath, encoding: .utf8)) ?? "" }

  func send(_ signal: Int32) { kill(pid, signal) }

  /// The exit code, or 128 + N; on a thread of its own.
  func wait() async -> Finished {
    let status: Int32 = await withCheckedContinuation { continuation in
      DispatchQueue.global().async { [pid] in
        var status: Int32 = 0
        while waitpid(pid, &status, 0) < 0, errno == EINTR {}
        let signal = status & 0x7F
        continuation.resume(returning: signal == 0 ? (status >> 8) & 0xFF : 128 + signal)
      }
    }
    let finished = Finished(status: status, out: output, err: errors)
    unlink(outPath)
    unlink(errPath)
    return finished
  }
}

struct TestFault: Error, CustomStringConvertible {
  var description: String
  init(_ description: String) { self.description = description }
}
