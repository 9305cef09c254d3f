import ControlClient
import FoundationEssentials
import Glibc
import JobModel
import Synchronization

/// How many jobs may still be taken, by all slots together.
final class WorkBudget: Sendable {
  private let left: Mutex<Int?>

  /// Nil: without end.
  init(_ jobs: Int?) { left = Mutex(jobs) }

  /// Takes one; false where none is left.
  func take() -> Bool {
    left.withLock { left in
      guard let count = left else { return true }
      guard count > 0 else { return false }
      left = count - 1
      return true
    }
  }

  func giveBack() { left.withLock { if let count = $0 { $0 = count + 1 } } }
}

/// One of the worker's slots: a job at a time, on a thread and a connection of its own.
struct WorkSlot {
  let client: ControlClient
  let queue: String
  let request: LeaseRequest
  let command: [String]
  let environment: [[UInt8]]
  /// Prints each verdict.
  let isJSON: Bool
  let stop: StopBell
  let budget: WorkBudget

  private var lease: TimeSpan { request.lease ?? .minutes(1) }

  /// Until a stop, or until nothing may be taken any more.
  func run() throws {
    client.onOutage = { complain("\($0); asking again for \(Patience.standard)") }
    while !stop.hasRung, budget.take() {
      guard let job = try next() else { return budget.giveBack() }
      try process(job)
    }
  }

  /// The next job; nil where a stop comes first. A daemon that is away is waited for.
  private func next() throws -> LeasedJob? {
    var patience: Patience?
    while !stop.hasRung {
      do throws(ClientError) {
        let jobs = try client.lease(request, queue: queue, orUntil: stop.first)
        patience?.noteAnswer()
        if let job = jobs?.first { return job }
      } catch {
        guard error.isPassing else { throw error }
        if patience == nil {
          patience = Patience()
          complain("\(error); asking again for \(Patience.standard)")
        }
        guard patience?.pauseForNextTry() == true else { throw error }
      }
    }
    return nil
  }

  private func process(_ leased: LeasedJob) throws {
    let (id, token) = (leased.job.id, leased.lease)
    let child: WorkerChild
    do throws(WorkerChild.SpawnFailure) {
      child = try WorkerChild(
        command, environment: environment + WorkerChild.environment(of: leased.job),
        input: Self.line(leased.job.payload ?? .null))
    } catch {
      _ = try client.settle(LeaseReports(fail: [.init(id: id, lease: token, error: "\(error)")]))
      throw Failure(error.status, "\(error)")
    }
    var next = Deadline(in: half)
    while true {
      switch child.wait(until: next, or: stop.second) {
      case .ended(let ending):
        return try tell(report(ending, child.result, id, token), id)
      case .interrupted:
        child.end()
        return complain("job \(id) was left unfinished, and runs again once its lease has expired")
      case .time:
        let verdict = try client.settle(LeaseReports(extend: [.init(id: id, lease: token, span: lease)])).extend.first
        guard verdict?.ok == true else {
          child.end()
          return try tell(verdict, id)
        }
        next = Deadline(in: half)
      }
    }
  }

  private var half: TimeSpan { .milliseconds(max(1, lease.milliseconds / 2)) }

  private func report(_ ending: WorkerChild.Ending, _ result: JSONValue?, _ id: JobID, _ token: String)
    throws(ClientError) -> LeaseVerdict?
  {
    let error: String
    switch ending {
    case .exited(0):
      return try client.settle(LeaseReports(complete: [.init(id: id, lease: token, result: result)])).complete.first
    case .exited(let code): error = "exit code \(code)"
    case .signaled(let signal): error = "ended by signal \(signal)"
    }
    return try client.settle(LeaseReports(fail: [.init(id: id, lease: token, error: error)])).fail.first
  }

  /// A worker that came too late says so, and goes on.
  private func tell(_ verdict: LeaseVerdict?, _ id: JobID) throws(Failure) {
    guard let verdict else { return }
    if isJSON { try Output.write(json: ControlClient.encode(verdict)) }
    guard !verdict.ok else { return }
    complain("job \(id): \((verdict.detail ?? "its lease is lost").printable)")
  }

  private static func line(_ payload: JSONValue) -> [UInt8] { ControlClient.encode(payload) + [0x0A] }
}

/// A thread that runs a slot, and how that ended.
final class SlotThread: Sendable {
  private final class Box: Sendable {
    let failure = Mutex<Failure?>(nil)
    let body: @Sendable () throws -> Void
    init(_ body: @escaping @Sendable () throws -> Void) { self.body = body }

    func run() {
      do { try body() } catch let error as ClientError {
        failure.withLock { $0 = Failure(error.exitCode, "\(error)") }
      } catch let error as Failure { failure.withLock { $0 = error } } catch {
        failure.withLock { $0 = Failure(1, "\(error)") }
      }
    }
  }

  private let box: Box
  private let thread: pthread_t

  init(_ body: @escaping @Sendable () throws -> Void) throws(Failure) {
    box = Box(body)
    var thread = pthread_t()
    let raw = Unmanaged.passRetained(box)
    let code = pthread_create(
      &thread, nil,
      { raw in
        // What was passed in below, and nothing else.
        if let raw { Unmanaged<Box>.fromOpaque(raw).takeRetainedValue().run() }
        return nil
      }, raw.toOpaque())
    guard code == 0 else {
      raw.release()
      throw Failure(EX_OSERR, "cannot make a thread: \(String(cString: strerror(code)))")
    }
    self.thread = thread
  }

  /// Waits for its end; gives what went wrong.
  func join() -> Failure? {
    pthread_join(thread, nil)
    return box.failure.withLock { $0 }
  }
}
