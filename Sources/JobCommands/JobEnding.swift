import ControlClient
import JobModel

/// How a job ended, for an exit code and a line to people.
struct JobEnding {
  let job: Job

  init(_ body: [UInt8]) throws(ClientError) { job = try ControlClient.decode(body) }
  init(_ job: Job) { self.job = job }

  /// Says on standard error what was not well, and gives the job's exit code; nil while it has not ended.
  func tell() -> Int32? {
    guard let status = job.exitStatus else { return nil }
    if let ending = job.ending { complain("job \(job.id) \(ending)") }
    return Int32(truncatingIfNeeded: status)
  }

  /// Ends the program as the job ended, where that is not with 0.
  func finish() throws(Failure) {
    guard let status = tell() else { throw Failure(1, "job \(job.id) has not ended; it is \(job.stateWord)") }
    if status != 0 { throw Failure(status) }
  }
}
