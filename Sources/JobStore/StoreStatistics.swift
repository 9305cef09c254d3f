import Glibc
package import JobModel
import Synchronization

/// What the store has done since it was opened, and how large it is.
package struct StoreStatistics: Sendable, Hashable {
  /// Requests that shared a transaction.
  package var commitRequests = Histogram([1, 2, 4, 8, 16, 32, 64, 128, 256, 512])
  /// From the beginning of a transaction to the end of its commit, in seconds: those that wait for the disk.
  package var syncedSeconds = Histogram([0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 5])
  /// The same of those that do not.
  package var unsyncedSeconds = Histogram([0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.01, 0.1, 1])
  package var databaseBytes: Int64 = 0
  /// Of the write-ahead log, which is cut back when it is long.
  package var walBytes: Int64 = 0

  package init() {}
}

/// Where the thread that writes notes its commits. The lock costs nanoseconds beside a commit.
final class CommitNotes: Sendable {
  private let notes = Mutex(StoreStatistics())

  var statistics: StoreStatistics { notes.withLock { $0 } }

  func note(requests: Int, took: Duration, isSynced: Bool) {
    let (seconds, attoseconds) = took.components
    let time = Double(seconds) + Double(attoseconds) * 1e-18
    notes.withLock { notes in
      notes.commitRequests.observe(Double(requests))
      if isSynced { notes.syncedSeconds.observe(time) } else { notes.unsyncedSeconds.observe(time) }
    }
  }
}

extension SQLiteJobStore {
  package func statistics() async throws(StoreError) -> StoreStatistics {
    var statistics = signals.commits.statistics
    // On a reader's thread, since a look at a file may block.
    let (database, wal) = try await read { [path] _ in (Self.size(of: path), Self.size(of: path + "-wal")) }
    statistics.databaseBytes = database
    statistics.walBytes = wal
    return statistics
  }

  /// 0 where there is no such file: SQLite removes a write-ahead log when it closes.
  private static func size(of path: String) -> Int64 {
    var status = stat()
    return stat(path, &status) == 0 ? Int64(status.st_size) : 0
  }
}
