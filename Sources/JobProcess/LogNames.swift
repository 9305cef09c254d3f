import JobModel

/// Where a stream's files lie under the log directory. A thousand jobs share a directory, so that none grows
/// without bound.
struct LogNames: Hashable, Sendable {
  let shard: String
  /// The file of the head; there is no other unless the log outgrew its first quarter.
  let head: String

  /// The directory of the later segments.
  var tail: String { "\(head).tail" }

  init(_ id: JobID, attempt: Int, stream: LogStream) {
    self.init(AttemptKey(id: id, attempt: attempt), stream: stream)
  }

  init(_ key: AttemptKey, stream: LogStream) {
    shard = Self.shard(of: key.id)
    head = "\(key.id).\(key.attempt).\(key.kind == .hook ? "hook" : stream.rawValue)"
  }

  static func shard(of id: JobID) -> String { String(id.rawValue / 1000) }

  /// The job to which an entry of a shard belongs.
  static func job(ofEntry name: String) -> JobID? { JobID(name.prefix { $0 != "." }) }

  /// A later segment says in its name all that a reader must know of it: no other file has to be written in step.
  static func segment(start: Int64, quarter: Int64) -> String { "\(start).\(quarter)" }

  static func segment(named name: String) -> (start: Int64, quarter: Int64)? {
    let parts = name.split(separator: ".", omittingEmptySubsequences: false)
    guard parts.count == 2, let start = Int64(parts[0]), let quarter = Int64(parts[1]), start >= 0, quarter > 0
    else { return nil }
    return (start, quarter)
  }
}
