import Glibc
package import JobModel

/// The directory of the kept output: files 0600, directories 0700, no link followed. Reading and removing happen
/// on a thread of its own.
package struct LogDirectory: Sendable {
  package let path: String
  let threads: WorkThreads

  /// Does not touch the disk. Throws where no thread can be made.
  package init(path: String) throws(ProcessError) {
    self.path = path
    do throws(Failure) {
      threads = try WorkThreads(1, name: "jobq-logs")
    } catch {
      throw ProcessError("cannot start a thread for the logs", error)
    }
  }

  /// Makes the directory, 0700, where it is missing (its parent must be there), and takes others' rights to an
  /// existing one. Blocks.
  package func prepare() throws(ProcessError) {
    do throws(Failure) {
      do throws(Failure) {
        try System.makeDirectory(path, mode: 0o700)
      } catch  where error.errno == EEXIST {}
      let directory = try System.openDirectory(path)
      _ = try System.check("fchmod") { fchmod(directory.raw, 0o700) }
    } catch {
      throw ProcessError("cannot make the log directory \"\(path)\"", error)
    }
  }

  package func reader(_ id: JobID, attempt: Int, stream: LogStream) -> LogReader {
    LogReader(directory: self, names: LogNames(id, attempt: attempt, stream: stream))
  }

  /// What a hook of the job has written.
  package func reader(hook delivery: Int, of id: JobID) -> LogReader {
    LogReader(
      directory: self,
      names: LogNames(AttemptKey(id: id, attempt: delivery, kind: .hook), stream: .combined))
  }

  /// The streams of which something was kept.
  package func streams(_ id: JobID, attempt: Int) async -> [LogStream] {
    await threads.run {
      guard let shard = openShard(LogNames.shard(of: id)) else { return [] }
      return LogStream.allCases.filter {
        let names = LogNames(id, attempt: attempt, stream: $0)
        return System.exists(names.head, at: shard) || System.exists(names.tail, at: shard)
      }
    }
  }

  // Each shard is a piece of work of its own, between which readers get their turn.

  /// Removes all output of these jobs. What cannot be removed stays, and is harmless: numbers are never reused.
  package func remove(_ ids: [JobID]) async {
    for (name, ids) in Dictionary(grouping: ids, by: LogNames.shard(of:)) {
      await threads.run { removeEntries(ofJobs: Set(ids), in: name) }
    }
  }

  /// Removes output that was last written before `time`, but none of the jobs in `spared`, which run. What cannot be
  /// removed stays.
  package func removeOlder(than time: Timestamp, sparing spared: Set<JobID>) async {
    for name in await shards() {
      await threads.run {
        forEachEntry(writtenBefore: time, in: name) { id, entry, shard in
          if !spared.contains(id) { Self.removeEntry(entry, in: shard) }
        }
      }
    }
  }

  /// The same of these jobs only.
  package func removeOlder(than time: Timestamp, of ids: Set<JobID>) async {
    for name in Set(ids.map(LogNames.shard(of:))) {
      await threads.run {
        forEachEntry(writtenBefore: time, in: name) { id, entry, shard in
          if ids.contains(id) { Self.removeEntry(entry, in: shard) }
        }
      }
    }
  }

  /// The jobs of which some output was last written before `time`, in the order of their numbers.
  package func jobs(writtenBefore time: Timestamp) async -> [JobID] {
    var all: Set<JobID> = []
    for name in await shards() {
      all.formUnion(
        await threads.run {
          var ids: Set<JobID> = []
          forEachEntry(writtenBefore: time, in: name) { id, _, _ in ids.insert(id) }
          return ids
        })
    }
    return all.sorted()
  }

  private func shards() async -> [String] {
    await threads.run {
      guard let root = try? System.openDirectory(path) else { return [] }
      return (try? System.names(in: root)) ?? []
    }
  }

  /// Tells of each head or directory of later segments that was last written before `time`, then drops the shard if it is
  /// empty.
  private func forEachEntry(writtenBefore time: Timestamp, in name: String, _ body: (JobID, String, Descriptor) -> Void)
  {
    guard let root = try? System.openDirectory(path), let shard = openShard(name),
      let entries = try? System.names(in: shard)
    else { return }
    for entry in entries {
      guard let id = LogNames.job(ofEntry: entry), let written = System.lastWrite(to: entry, at: shard), written < time
      else { continue }
      body(id, entry, shard)
    }
    try? System.removeDirectory(name, at: root)
  }

  private func removeEntries(ofJobs ids: Set<JobID>, in name: String) {
    guard let shard = openShard(name), let entries = try? System.names(in: shard) else { return }
    for entry in entries {
      guard let id = LogNames.job(ofEntry: entry), ids.contains(id) else { continue }
      Self.removeEntry(entry, in: shard)
    }
    // Refused while other jobs have output there. A writer that finds it gone makes it again.
    if let root = try? System.openDirectory(path) { try? System.removeDirectory(name, at: root) }
  }

  /// Removes a head or a directory of later segments.
  static func removeEntry(_ name: String, in shard: Descriptor) {
    if (try? System.remove(name, at: shard)) != nil { return }
    guard let tail = try? System.openDirectory(name, at: shard), let segments = try? System.names(in: tail)
    else { return }
    for segment in segments { try? System.remove(segment, at: tail) }
    try? System.removeDirectory(name, at: shard)
  }

  func openShard(_ name: String) -> Descriptor? {
    guard let root = try? System.openDirectory(path) else { return nil }
    return try? System.openDirectory(name, at: root)
  }
}
