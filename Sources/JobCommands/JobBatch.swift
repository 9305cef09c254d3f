import FoundationEssentials
import JobModel

/// Lines of a file of jobs, made ready for one request: all or nothing. Refs are known within one request only: from the
/// first line that has or names one on, all that follow stay together.
struct JobBatch {
  private(set) var body: [UInt8] = []
  /// For each line of the body, its number in the file.
  private(set) var lineNumbers: [Int] = []
  private(set) var hasRefs = false

  static let mostLines = 1000
  /// A line that is longer is refused by the daemon; so much is read to see that it is.
  static let longestLine = 2 << 20
  /// Half of what the daemon takes: a whole line always fits behind it.
  static let mostBytes = 32 << 20
  /// What the daemon takes.
  static let mostLinesWithRefs = 100_000
  static let mostBytesWithRefs = 64 << 20

  var isEmpty: Bool { lineNumbers.isEmpty }
  var isFull: Bool { !hasRefs && (lineNumbers.count >= Self.mostLines || body.count >= Self.mostBytes) }
  /// More hangs together than the daemon takes at once.
  var isTooLarge: Bool {
    hasRefs && (lineNumbers.count > Self.mostLinesWithRefs || body.count > Self.mostBytesWithRefs)
  }

  /// Adds a line, with `requestID` where it has none of its own: asked again after a lost reply, the batch gives the same jobs. What is
  /// no JSON object is added as it is, for the daemon to say so. The id goes to the end: the columns that the daemon
  /// names are those of the line.
  mutating func add(_ line: ArraySlice<UInt8>, number: Int, requestID: @autoclosure () -> String) {
    if !hasRefs { hasRefs = Self.usesRefs(line) }
    let start = line.firstIndex { !Self.isSpace($0) } ?? line.endIndex
    if start < line.endIndex, line[start] == UInt8(ascii: "{"),
      let end = line.lastIndex(where: { !Self.isSpace($0) }), line[end] == UInt8(ascii: "}"), !Self.hasRequestID(line)
    {
      let members = line[(start + 1)..<end]
      let (member, comma) = ("\"request_id\":\"\(requestID())\"", members.allSatisfy(Self.isSpace) ? "" : ",")
      if Self.names(requestIDIn: line) {
        // One that is null: of two the first counts.
        body += "{\(member)\(comma)".utf8
        body += line[(start + 1)...]
      } else {
        body += line[..<end]
        body += "\(comma)\(member)}".utf8
      }
    } else {
      body += line
    }
    body.append(0x0A)
    lineNumbers.append(number)
  }

  static func isSpace(_ byte: UInt8) -> Bool { byte == 0x20 || byte == 0x09 || byte == 0x0D }

  /// Whether the job has a ref, or runs after one. Most lines hold neither word, and are not parsed.
  private static func usesRefs(_ line: ArraySlice<UInt8>) -> Bool {
    guard line.contains(subsequence: Array("\"ref\"".utf8)) || line.contains(subsequence: Array("\"after".utf8)) else {
      return false
    }
    struct Probe: Decodable {
      var ref: String?
      var after: [JobReference]?
      var afterAny: [JobReference]?

      enum CodingKeys: String, CodingKey {
        case ref, after
        case afterAny = "after_any"
      }
    }
    guard let probe = try? JSONDecoder().decode(Probe.self, from: Data(line)) else { return false }
    return probe.ref != nil || ((probe.after ?? []) + (probe.afterAny ?? [])).contains { $0.ref != nil }
  }

  private static func names(requestIDIn line: ArraySlice<UInt8>) -> Bool {
    line.contains(subsequence: Array("\"request_id\"".utf8))
  }

  /// Whether the object has that key itself. Most lines do not hold the word at all, and are not parsed.
  private static func hasRequestID(_ line: ArraySlice<UInt8>) -> Bool {
    guard names(requestIDIn: line) else { return false }
    struct Probe: Decodable {
      var requestID: JSONValue?

      enum CodingKeys: String, CodingKey { case requestID = "request_id" }
    }
    // What cannot be read is left as it is.
    guard let probe = try? JSONDecoder().decode(Probe.self, from: Data(line)) else { return true }
    return probe.requestID != nil
  }
}

extension ArraySlice<UInt8> {
  fileprivate func contains(subsequence: [UInt8]) -> Bool {
    var rest = self
    while let start = rest.firstIndex(of: subsequence[0]) {
      rest = rest[start...]
      if rest.starts(with: subsequence) { return true }
      rest = rest.dropFirst()
    }
    return false
  }
}

/// A file, line by line. It holds one block and the beginning of one line.
struct LineReader {
  private let file: InputFile
  private var block: [UInt8] = []
  private var position = 0
  private var isAtEnd = false
  /// Bytes read from the file so far.
  private(set) var bytesRead: Int64 = 0

  init(_ file: InputFile) { self.file = file }

  /// The next line without its end; nil after the last. A line that is over `limit` comes as its first `limit + 1` bytes or more, and
  /// what follows it is no longer of use.
  mutating func next(upTo limit: Int) throws(Failure) -> ArraySlice<UInt8>? {
    while true {
      if let end = block[position...].firstIndex(of: 0x0A) {
        defer { position = end + 1 }
        return block[position..<end]
      }
      if isAtEnd || block.count - position > limit {
        guard position < block.count else { return nil }
        defer { position = block.count }
        return block[position...]
      }
      let more = try file.read()
      isAtEnd = more.isEmpty
      bytesRead += Int64(more.count)
      block.removeFirst(position)
      block += more
      position = 0
    }
  }
}
