package import FoundationEssentials
package import JobModel

/// All that is needed to run one attempt.
package struct AttemptPlan: Sendable {
  /// What is run: a number is one of either kind.
  package enum Kind: Sendable, Hashable {
    /// An attempt of a job.
    case job
    /// The delivery of this number to a hook of the job.
    case hook
  }

  package var kind = Kind.job
  package var id: JobID
  package var attempt: Int
  /// The program and its arguments. A program without a slash is looked for in the job's own PATH.
  package var command: [String]
  package var cwd: String
  /// Whether `/` does where `cwd` cannot be entered: it is a home, which users of services often have none of.
  package var isCwdHome = false
  /// The whole environment; the mark is added by the runner.
  package var env: [String: String]
  package var umask: UInt16
  package var stdin: Data?
  package var timeout: TimeSpan?
  package var killGrace: TimeSpan
  package var splitOutput: Bool
  /// The most bytes of output that are kept of each stream.
  package var logMax: Int

  var key: AttemptKey { AttemptKey(id: id, attempt: attempt, kind: kind) }

  package init(
    id: JobID, attempt: Int, command: [String], cwd: String, env: [String: String], umask: UInt16, stdin: Data?,
    timeout: TimeSpan?, killGrace: TimeSpan, splitOutput: Bool, logMax: Int
  ) {
    self.id = id
    self.attempt = attempt
    self.command = command
    self.cwd = cwd
    self.env = env
    self.umask = umask
    self.stdin = stdin
    self.timeout = timeout
    self.killGrace = killGrace
    self.splitOutput = splitOutput
    self.logMax = logMax
  }
}

/// A kept stream of an attempt's output.
package enum LogStream: String, Sendable, Hashable, CaseIterable {
  /// Both, in the order written: the default.
  case combined
  case stdout
  case stderr
}

/// How a job's processes are kept together.
package enum Containment: String, Sendable, Hashable {
  /// A cgroup v2 for each attempt: nothing can leave it.
  case cgroup
  /// Sessions, the child subreaper and the mark in the environment, where no cgroup can be made.
  case session
}
