import Glibc
import JobModel

/// Where logs are written: the open log directory and the shard that was used last, since attempts begin in the
/// order of their numbers.
/// Used by the reactor's thread alone.
final class LogShelf {
  private let path: String
  private var root: Descriptor?
  private var shard: (name: String, directory: Descriptor)?

  init(path: String) { self.path = path }

  /// Makes a new file for the head. What a host that lost power left under this name goes: its attempt was
  /// forgotten with the power.
  func makeHead(_ names: LogNames) throws(Failure) -> Descriptor {
    try inShard(names) { shard throws(Failure) in
      do throws(Failure) {
        return try Self.make(names.head, in: shard)
      } catch  where error.errno == EEXIST {
        LogDirectory.removeEntry(names.head, in: shard)
        LogDirectory.removeEntry(names.tail, in: shard)
        return try Self.make(names.head, in: shard)
      }
    }
  }

  func makeSegment(_ names: LogNames, _ name: String) throws(Failure) -> Descriptor {
    try inShard(names) { shard throws(Failure) in try Self.make(name, in: try Self.enter(names.tail, in: shard)) }
  }

  func removeSegment(_ names: LogNames, _ name: String) {
    _ = try? inShard(names) { shard throws(Failure) in
      try System.remove(name, at: try System.openDirectory(names.tail, at: shard))
    }
  }

  private static func make(_ name: String, in directory: Descriptor) throws(Failure) -> Descriptor {
    try System.open(name, at: directory, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, mode: 0o600)
  }

  private static func enter(_ name: String, in directory: Descriptor) throws(Failure) -> Descriptor {
    do throws(Failure) {
      try System.makeDirectory(name, at: directory, mode: 0o700)
    } catch  where error.errno == EEXIST {}
    return try System.openDirectory(name, at: directory)
  }

  private func inShard<Value>(_ names: LogNames, _ body: (Descriptor) throws(Failure) -> Value)
    throws(Failure) -> Value
  {
    if let shard, shard.name == names.shard {
      // It may have been removed with the last log in it; it is then made again.
      do throws(Failure) { return try body(shard.directory) } catch  where error.errno == ENOENT {}
    }
    var tries = 0
    while true {
      do throws(Failure) {
        let directory = try Self.enter(names.shard, in: try openRoot())
        shard = (names.shard, directory)
        return try body(directory)
      } catch  where error.errno == ENOENT && tries < 100 {
        // Removed as empty between being entered and being written to: retention was just there. Or somebody has removed
        // all of it: it is made again.
        root = nil
        tries += 1
      }
    }
  }

  private func openRoot() throws(Failure) -> Descriptor {
    if let root { return root }
    do throws(Failure) {
      try System.makeDirectory(path, mode: 0o700)
    } catch  where error.errno == EEXIST {}
    let opened = try System.openDirectory(path)
    root = opened
    return opened
  }
}

/// Keeps one stream of one attempt: the files are made when there is something to put into them.
/// Nothing that the disk does harms the job: what cannot be written is read all the same, counted and let go.
struct LogWriter {
  /// Bytes that the job has written, kept or not.
  private(set) var end: Int64 = 0
  /// Bytes that could not be written, and why the first could not.
  private(set) var lost: Int64 = 0
  private(set) var failure: Failure?

  private let shelf: LogShelf
  private let names: LogNames
  private let quarter: Int64
  private var file: Descriptor?
  private var fileStart: Int64 = 0
  private var tail: [LogLayout.Segment] = []
  private var splices = true
  /// While writes fail: not before this is the next one tried.
  private var retryAt: UInt64?

  private static let retryAfter: UInt64 = 1_000_000_000
  /// What one call moves at most, so that no job keeps the others waiting: a pipe's size.
  private static let most = 65_536
  /// The least that a log may be bound to.
  static let leastQuarter: Int64 = 1024

  init(shelf: LogShelf, names: LogNames, logMax: Int) {
    self.shelf = shelf
    self.names = names
    quarter = max(Int64(logMax) / 4, Self.leastQuarter)
  }

  /// Moves what the pipe holds, up to a bound.
  mutating func copy(from pipe: Descriptor, discard: Descriptor) -> PipeStep {
    if let retryAt, System.monotonicNow() < retryAt { return drop(pipe, discard) }
    do throws(Failure) {
      if file == nil {
        // No file is made for bytes that never come.
        let step = System.look(into: pipe)
        guard step == .moved else { return step }
        try openNext()
      }
      guard let file else { return .empty }
      let moved = try move(pipe, file)
      if moved == 0 { return .ended }
      retryAt = nil
      end += Int64(moved)
      if let last = tail.indices.last { tail[last].length += Int64(moved) }
      if end - fileStart >= quarter { self.file = nil }
      return .moved
    } catch  where error.errno == EAGAIN {
      return .empty
    } catch {
      if failure == nil { failure = error }
      file = nil
      retryAt = System.monotonicNow() + Self.retryAfter
      return drop(pipe, discard)
    }
  }

  private mutating func move(_ pipe: Descriptor, _ file: Descriptor) throws(Failure) -> Int {
    let room = Int(quarter - (end - fileStart))
    if splices {
      do throws(Failure) {
        return try System.splice(pipe, to: file, max: min(room, Self.most))
      } catch  where error.errno == EINVAL {
        // A file system without splice_write.
        splices = false
      }
    }
    let bytes = try System.read(pipe, max: min(room, Self.most))
    // From here on the bytes are out of the pipe: a failure loses them.
    do throws(Failure) {
      try System.write(bytes, to: file)
    } catch {
      end += Int64(bytes.count)
      lost += Int64(bytes.count)
      throw error
    }
    return bytes.count
  }

  /// Makes the file for the next byte, and lets go what it supersedes.
  private mutating func openNext() throws(Failure) {
    if end == 0 {
      file = try shelf.makeHead(names)
    } else {
      file = try shelf.makeSegment(names, LogNames.segment(start: end, quarter: quarter))
      for old in LogLayout.superseded(tail, end: end, quarter: quarter) {
        shelf.removeSegment(names, LogNames.segment(start: old.start, quarter: quarter))
        tail.removeAll { $0 == old }
      }
      tail.append(LogLayout.Segment(start: end, length: 0))
    }
    fileStart = end
  }

  private mutating func drop(_ pipe: Descriptor, _ discard: Descriptor) -> PipeStep {
    do throws(Failure) {
      let moved = try System.splice(pipe, to: discard, max: Self.most)
      if moved == 0 { return .ended }
      end += Int64(moved)
      lost += Int64(moved)
      return .moved
    } catch  where error.errno == EAGAIN {
      return .empty
    } catch {
      // The pipe itself fails: nothing more can come of it.
      return .ended
    }
  }
}
