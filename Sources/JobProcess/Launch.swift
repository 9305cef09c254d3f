import JobModel
import Synchronization

/// One call of `run`, on its way through the threads: what is to be run, and whom to tell.
final class Launch: Sendable {
  /// Unlike the attempt's key it is never used again in this process.
  let serial: UInt64
  let plan: AttemptPlan
  /// Before this is safe the program must not run.
  let fate: CommitFate?
  let started: @Sendable (StartedProcess) -> Void
  let unkillable: @Sendable () -> Void
  private let continuation: CheckedContinuation<AttemptEnding?, Never>

  var key: AttemptKey { plan.key }
  var streams: [LogStream] { plan.splitOutput ? [.stdout, .stderr] : [.combined] }

  init(
    serial: UInt64, plan: AttemptPlan, fate: CommitFate? = nil, started: @escaping @Sendable (StartedProcess) -> Void,
    unkillable: @escaping @Sendable () -> Void, continuation: CheckedContinuation<AttemptEnding?, Never>
  ) {
    self.serial = serial
    self.plan = plan
    self.fate = fate
    self.started = started
    self.unkillable = unkillable
    self.continuation = continuation
  }

  /// Answers the caller. Exactly once.
  func end(_ ending: AttemptEnding?) { continuation.resume(returning: ending) }
}

/// Whether a call of `run` was cancelled: it may be before there is anything to cancel.
final class Cancellation: Sendable {
  private let flag = Atomic(false)
  var isRequested: Bool { flag.load(ordering: .acquiring) }
  func request() { flag.store(true, ordering: .releasing) }
}

/// A child that runs, as it is handed to the reactor.
struct SpawnedAttempt: Sendable {
  let launch: Launch
  let cancellation: Cancellation
  let leader: ProcessEntry
  let descriptor: Descriptor
  let mark: ProcessMark
  let cgroup: Cgroup?
  /// What the process had used before its program began.
  let waited: ResourceUsage
  /// The reading ends of its output. Who takes them over takes them out: epoll tells of the end of a pipe until its
  /// last owner lets go.
  var outputs: [(stream: LogStream, pipe: Descriptor)]
  /// What the counter said when it began.
  let outOfMemoryCount: Int
}
