import CLinux
import ControlClient
import FoundationEssentials
import Glibc
import JobModel

/// The command of a worker, run for one payload, in a process group of its own. For one thread.
final class WorkerChild {
  enum Ending: Hashable {
    case exited(Int32)
    case signaled(Int32)
  }

  enum Event: Hashable {
    case ended(Ending)
    /// The deadline passed.
    case time
    /// The other descriptor can be read.
    case interrupted
  }

  struct SpawnFailure: Error, CustomStringConvertible {
    var program: String
    var errno: Int32
    /// The shell's code for it.
    var status: Int32 { errno == ENOENT ? 127 : 126 }
    var description: String { "cannot run \(program.printable): \(String(cString: strerror(errno)))" }
  }

  /// So much of the output is kept.
  private static let resultBytes = 256 << 10
  private static let grace = TimeSpan.seconds(10)

  private let pid: pid_t
  /// Tells the end of the process.
  private let process: Int32
  private let output: Int32
  private var outputEnded = false
  private var written: [UInt8] = []

  /// - Parameter input: what the command reads, whole.
  init(_ command: [String], environment: [[UInt8]], input: [UInt8]) throws(SpawnFailure) {
    func fail(_ code: Int32) -> SpawnFailure { SpawnFailure(program: command[0], errno: code) }
    // A file in memory: a pipe would have to be filled while the command reads, or does not.
    let file = clinux_memory_file("jobq-payload")
    guard file >= 0 else { throw fail(errno) }
    defer { close(file) }
    guard (try? Output.write(input, to: file)) != nil, lseek(file, 0, SEEK_SET) == 0 else { throw fail(errno) }
    var ends: [Int32] = [-1, -1]
    guard clinux_pipe(&ends) == 0 else { throw fail(errno) }
    defer { close(ends[1]) }

    var actions = posix_spawn_file_actions_t()
    posix_spawn_file_actions_init(&actions)
    defer { posix_spawn_file_actions_destroy(&actions) }
    posix_spawn_file_actions_adddup2(&actions, file, STDIN_FILENO)
    posix_spawn_file_actions_adddup2(&actions, ends[1], STDOUT_FILENO)
    var attributes = posix_spawnattr_t()
    posix_spawnattr_init(&attributes)
    defer { posix_spawnattr_destroy(&attributes) }
    // The worker's own signals are blocked in its threads: the command must not inherit that.
    var none = sigset_t()
    sigemptyset(&none)
    posix_spawnattr_setsigmask(&attributes, &none)
    posix_spawnattr_setpgroup(&attributes, 0)
    posix_spawnattr_setflags(&attributes, Int16(POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK))

    let words = command.map { strdup($0) } + [nil]
    let variables = environment.map { strdup(String(decoding: $0, as: UTF8.self)) } + [nil]
    defer { for word in words + variables { free(word) } }
    var pid: pid_t = 0
    let code = posix_spawnp(&pid, command[0], &actions, &attributes, words, variables)
    guard code == 0 else {
      close(ends[0])
      throw fail(code)
    }
    self.pid = pid
    output = ends[0]
    // The process is our child and has not been waited for: the number cannot be another's.
    process = pidfd_open(pid, 0)
  }

  deinit {
    close(output)
    if process >= 0 { close(process) }
  }

  /// Waits for the command's end, reading its output meanwhile.
  func wait(until deadline: Deadline, or descriptor: Int32) -> Event {
    while true {
      var ready = [process, outputEnded ? -1 : output, descriptor].map {
        pollfd(fd: $0, events: Int16(POLLIN), revents: 0)
      }
      let left = min(deadline.left.milliseconds + 1, 1 << 30)
      let count = poll(&ready, nfds_t(ready.count), Int32(left))
      if count == 0, deadline.hasPassed { return .time }
      guard count > 0 else { continue }
      if ready[1].revents != 0 { read() }
      if ready[0].revents != 0 { return .ended(reap()) }
      if ready[2].revents != 0 { return .interrupted }
    }
  }

  /// TERM to the group, and KILL after the grace; returns when the command has ended.
  func end() {
    kill(-pid, SIGTERM)
    if case .time = wait(until: Deadline(in: Self.grace), or: -1) {
      kill(-pid, SIGKILL)
      _ = wait(until: Deadline(in: .longest), or: -1)
    }
  }

  /// What the command wrote: JSON where it is that, else text; nil where it wrote nothing.
  var result: JSONValue? {
    if let value = try? JSONDecoder().decode(JSONValue.self, from: Data(written)) { return value }
    var text = String(decoding: written, as: UTF8.self)
    while text.hasSuffix("\n") { text.removeLast() }
    return text.isEmpty ? nil : .string(text)
  }

  /// The command has ended. What is left of its group is killed before its number is free for another.
  private func reap() -> Ending {
    kill(-pid, SIGKILL)
    drain()
    var status: Int32 = 0
    while waitpid(pid, &status, 0) < 0, errno == EINTR {}
    let signal = status & 0x7F
    return signal == 0 ? .exited((status >> 8) & 0xFF) : .signaled(signal)
  }

  /// What is in the pipe already. Whoever else holds it is not waited for.
  private func drain() {
    var state = pollfd(fd: output, events: Int16(POLLIN), revents: 0)
    while !outputEnded, poll(&state, 1, 0) > 0 { read() }
  }

  private func read() {
    var bytes = [UInt8](repeating: 0, count: 64 << 10)
    let count = Glibc.read(output, &bytes, bytes.count)
    if count < 0, errno == EINTR { return }
    guard count > 0 else {
      outputEnded = true
      return
    }
    written += bytes.prefix(min(count, Self.resultBytes - written.count))
  }
}

// MARK: The environment

extension WorkerChild {
  /// The worker's own variables, and where the daemon is.
  static func environment(socket: String) throws(Failure) -> [[UInt8]] {
    let own = try InputFile("/proc/self/environ").readAll(upTo: .max).split(separator: 0).map(Array.init)
    let names = ["JOBQ_ID=", "JOBQ_ATTEMPT=", "JOBQ_QUEUE=", "JOBQ_SOCKET="].map { Array($0.utf8) }
    return own.filter { entry in !names.contains { entry.starts(with: $0) } } + [Array("JOBQ_SOCKET=\(socket)".utf8)]
  }

  static func environment(of job: Job) -> [[UInt8]] {
    ["JOBQ_ID=\(job.id)", "JOBQ_ATTEMPT=\(job.attempt)", "JOBQ_QUEUE=\(job.queue)"].map { Array($0.utf8) }
  }
}
