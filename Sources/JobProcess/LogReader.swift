import Glibc

/// Bytes of a stream, and the logical offset that follows them.
package struct LogChunk: Sendable, Hashable {
  package var bytes: [UInt8]
  package var next: Int64
}

/// Reads one stream of one attempt, while it is being written or long after.
///
/// Offsets are logical: they count every byte that the job wrote, kept or not, so a reader can go on at an offset
/// whatever the cap has
/// dropped. Missing bytes are shown as a marker line, which has no offset of its own.
package struct LogReader: Sendable {
  let directory: LogDirectory
  let names: LogNames

  /// At most `max` bytes from `offset` on, after a marker where bytes are left out there. Empty at the end, and
  /// where nothing was ever written.
  /// - Throws: where a file cannot be read.
  package func read(from offset: Int64, max: Int) async throws(ProcessError) -> LogChunk {
    try await withFiles { files throws(Failure) in
      guard let step = files.layout.step(at: offset) else { return LogChunk(bytes: [], next: offset) }
      let count = Int(min(step.segment.length, Int64(max)))
      let bytes = try files.read(at: step.segment.start, max: count)
      return LogChunk(
        bytes: (step.leftOut > 0 ? LogLayout.marker(leftOut: step.leftOut) : []) + bytes,
        next: step.segment.start + Int64(bytes.count))
    }
  }

  /// Where the last `n` lines begin. A line that is not ended counts; 0 lines is the end.
  package func offset(ofLastLines n: Int) async -> Int64 {
    let offset = try? await withFiles { files throws(Failure) in try files.offset(ofLastLines: n) }
    return offset ?? 0
  }

  /// How many bytes the job has written, kept or not.
  package var length: Int64 {
    get async { (try? await withFiles { files throws(Failure) in files.layout.end }) ?? 0 }
  }

  private func withFiles<Value: Sendable>(_ body: @escaping @Sendable (LogFiles) throws(Failure) -> Value)
    async throws(ProcessError) -> Value
  {
    do throws(Failure) {
      return try await directory.threads.run { () throws(Failure) in
        // A segment may be dropped between being listed and being opened: then there is a newer one, and
        // the list is read again.
        var tries = 0
        while true {
          do throws(Failure) {
            return try body(try LogFiles(directory: directory, names: names))
          } catch  where error.errno == ENOENT && tries < 100 {
            tries += 1
          }
        }
      }
    } catch {
      throw ProcessError("cannot read \"\(directory.path)/\(names.shard)/\(names.head)\"", error)
    }
  }
}

/// A stream's files as they are at one moment.
struct LogFiles {
  let layout: LogLayout
  /// The head and the later segments, by where they begin.
  private var files: [(start: Int64, file: Descriptor)] = []

  init(directory: LogDirectory, names: LogNames) throws(Failure) {
    guard let shard = directory.openShard(names.shard) else {
      layout = LogLayout(head: 0)
      return
    }
    // First the later segments: if one begins meanwhile, the head is full, and nothing seems to be missing.
    var tail: [(start: Int64, quarter: Int64)] = []
    var segments: [LogLayout.Segment] = []
    if let place = try Self.ifThere({ () throws(Failure) in try System.openDirectory(names.tail, at: shard) }) {
      tail = try System.names(in: place).compactMap(LogNames.segment(named:)).sorted { $0.start < $1.start }
      for (start, quarter) in tail {
        let file = try System.open(
          LogNames.segment(start: start, quarter: quarter), at: place, O_RDONLY | O_NOFOLLOW)
        files.append((start, file))
        segments.append(LogLayout.Segment(start: start, length: try System.size(file)))
      }
    }
    var length: Int64 = 0
    if let head = try Self.ifThere({ () throws(Failure) in
      try System.open(names.head, at: shard, O_RDONLY | O_NOFOLLOW)
    }) {
      length = try System.size(head)
      files.insert((0, head), at: 0)
    }
    layout = LogLayout(head: length, tail: segments, quarter: tail.last?.quarter ?? .max)
  }

  private static func ifThere(_ open: () throws(Failure) -> Descriptor) throws(Failure) -> Descriptor? {
    do throws(Failure) { return try open() } catch  where error.errno == ENOENT { return nil }
  }

  /// - Precondition: `offset` is shown.
  func read(at offset: Int64, max: Int) throws(Failure) -> [UInt8] {
    guard let (start, file) = files.last(where: { $0.start <= offset }) else { return [] }
    return try System.read(file, at: offset - start, max: max)
  }

  func offset(ofLastLines n: Int) throws(Failure) -> Int64 {
    guard n > 0, var position = layout.shown.last?.end else { return layout.end }
    var left = n
    for segment in layout.shown.reversed() {
      position = segment.end
      while position > segment.start {
        let start = max(segment.start, position - 65_536)
        let bytes = try read(at: start, max: Int(position - start))
        for index in bytes.indices.reversed() where bytes[index] == 0x0A {
          let next = start + Int64(index) + 1
          // The newline that ends the last line begins no line.
          if next == layout.end { continue }
          left -= 1
          if left == 0 { return next }
        }
        position = start
      }
    }
    return layout.shown[0].start
  }
}
