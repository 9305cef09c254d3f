import CrashPoints
import JobModel
import JobProcess
import JobStore
import Logging

/// What one worker task does: run the attempt, record how it ended, and give the slot back, in this order,
/// whatever happens.
struct AttemptWork: Sendable {
  let attempt: ClaimedAttempt
  let environment: [String: String]
  let home: String
  let logMax: Int
  let supervisor: Supervisor

  private var id: JobID { attempt.id }

  /// Off the actor: many attempts are prepared and ended at once.
  @concurrent
  func run() async {
    CrashPoint.claimed.pass()
    let ending = await runTree()
    CrashPoint.ended.pass()
    let slot = FreedSlot(id, attempt: attempt.attempt)
    if let ending { await record(ending, freeing: slot) }
    CrashPoint.recorded.pass()
    await supervisor.ended(id, attempt: attempt.attempt, slot)
  }

  /// Runs the process tree to its very end. Nil where a stop left behind what KILL could not end, and where it never began
  /// since its claim never became safe: the job stays `running`, for the next daemon.
  private func runTree() async -> AttemptEnding? {
    guard case .command(let command) = attempt.spec.work else {
      return AttemptEnding(.spawnFailed, error: "a payload is no command")
    }
    let spec = attempt.spec
    var plan = AttemptPlan(
      id: id, attempt: attempt.attempt, command: command, cwd: spec.cwd ?? home, env: environment,
      umask: spec.umask ?? 0o022, stdin: spec.stdin, timeout: spec.timeout, killGrace: spec.killGrace,
      splitOutput: spec.splitOutput, logMax: logMax)
    plan.isCwdHome = spec.cwd == nil
    let store = supervisor.store
    let ending = await supervisor.runner.run(plan, after: attempt.fate) { process in
      store.noteProcess(
        id, attempt: attempt.attempt,
        ProcessIdentity(pid: process.pid, startTime: process.startTime, bootID: process.bootID))
    } unkillable: {
      supervisor.reportUnkillable(id, attempt: attempt.attempt)
    }
    guard var ending else { return nil }
    if ending.outcome == .cancelled, await !supervisor.wasCancelledByPerson(id, attempt: attempt.attempt) {
      ending.outcome = .interrupted
      ending.error = "jobqd stopped"
    }
    return ending
  }

  /// Writes the ending. The task may be cancelled by now; the store does not care, and nothing here waits in a
  /// way that cancellation cuts short.
  /// While storage fails the worker keeps its slot and the ending: it is written as soon as storage is back. An ending
  /// that the store refuses for what it is would be refused for ever: then a bare failure is written, which says so.
  private func record(_ ending: AttemptEnding, freeing slot: FreedSlot) async {
    let random = supervisor.random()
    // When it ended, however long it takes until that can be written.
    let end = supervisor.time.now()
    var ending = ending
    var isBare = false
    var mayBeRecorded = false
    while true {
      do throws(StoreError) {
        _ = try await supervisor.store.finish(
          id, attempt: attempt.attempt, ending, random: random, at: end, freeing: slot)
        return
      } catch {
        if case .storage = error.code {
          mayBeRecorded = true
          if await supervisor.storageIsBack(after: error) { continue }
        }
        // Not acknowledged is not: never stored.
        if case .staleAttempt = error.code, mayBeRecorded { return }
        if case .fault = error.code, !isBare {
          isBare = true
          supervisor.logger.error("the end of an attempt was refused: \(error)", metadata: metadata)
          ending = AttemptEnding(
            .failed, error: "it ended \(ending.outcome.rawValue), which could not be recorded: \(error.message)")
          continue
        }
        supervisor.logger.error(
          "the end of an attempt was not recorded; it will count as interrupted: \(error)",
          metadata: metadata.merging(["outcome": "\(ending.outcome.rawValue)"]) { $1 })
        return
      }
    }
  }

  private var metadata: Logger.Metadata { ["job": "\(id)", "attempt": "\(attempt.attempt)"] }
}
