package import JobModel

/// Why the store did not do what was asked.
package struct StoreError: Error, Sendable, Hashable, CustomStringConvertible {
  package enum Code: Sendable, Hashable {
    case noSuchJob(JobID)
    /// The job is in this state, which does not allow it.
    case wrongState(JobID, JobState)
    /// A live job depends on it.
    case hasDependents(JobID, on: JobID)
    case uniqueKeyTaken(JobID, by: JobID)
    case unknownDependency(JobID)
    case staleAttempt(JobID, Int)
    /// An edit would give it more labels than are kept.
    case tooManyLabels(JobID)
    case noSuchSchedule(String)
    /// There is one of that name, and it may not be changed so.
    case scheduleTaken(String)
    case tooManySchedules
    /// The disk is full, or a write or sync failed: nothing is acknowledged. It may be tried again.
    case storage(Storage)
    /// The database may not be used: another daemon has it, it is newer, damaged, or no database of jobq's.
    case refused(Refusal)
    case closed
  }

  package enum Storage: Sendable, Hashable { case full, failed, damaged }
  package enum Refusal: Sendable, Hashable { case locked, newer, damaged, foreign, permission, missing }

  package var code: Code
  /// What was tried, with the full path where a file is meant, the cause, and what to do.
  package var message: String

  package init(_ code: Code, _ message: String) {
    self.code = code
    self.message = message
  }

  package var description: String { message }
}
