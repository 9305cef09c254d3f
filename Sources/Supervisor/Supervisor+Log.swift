import JobModel
import Logging

extension Supervisor {
  /// Tells the log of state changes: of a job that failed for good at `info`, since somebody may have to do
  /// something, and of every other at `debug`. The fields are those by which a job is followed through the journal.
  nonisolated func tell(_ changes: [JobChange]) {
    let isDetailed = logger.logLevel <= .debug
    for change in changes {
      if change.to == .failed {
        logger.info("job failed", metadata: change.metadata)
      } else if isDetailed {
        logger.debug("job \(change.to?.rawValue ?? "removed")", metadata: change.metadata)
      }
    }
  }
}

extension JobChange {
  fileprivate var metadata: Logger.Metadata {
    var fields: Logger.Metadata = ["job": "\(id)", "queue": "\(queue)", "attempt": "\(attempt)"]
    if let from { fields["from"] = "\(from.rawValue)" }
    if let outcome { fields["outcome"] = "\(outcome.rawValue)" }
    if cancelling { fields["cancelling"] = "yes" }
    return fields
  }
}
