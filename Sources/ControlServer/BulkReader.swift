import JobModel
import NIOCore

/// Reads jobs from newline-delimited JSON as it arrives. At any time it holds the jobs read so far and the beginning
/// of one line: the text itself is never kept.
struct BulkReader: Sendable {
  private(set) var requests: [JobRequest] = []
  /// On which line each request stands.
  private(set) var lines: [Int] = []
  private var lineNumber = 0
  private var byteCount = 0
  /// The beginning of a line whose end has not come.
  private var partial = ByteBuffer()
  private let limits: ServerLimits

  init(limits: ServerLimits) { self.limits = limits }

  /// Takes the next bytes. Throws the problem of the first line that is no job.
  mutating func read(_ bytes: ByteBuffer) throws(Problem) {
    byteCount += bytes.readableBytes
    guard byteCount <= limits.bulkBytes else { throw tooMuch("\(limits.bulkBytes >> 20) MiB") }
    var rest = bytes.readableBytesView
    while let end = rest.firstIndex(of: UInt8(ascii: "\n")) {
      let line = bytes.readableBytesUInt8Span.extracting(
        rest.startIndex - bytes.readerIndex..<end - bytes.readerIndex)
      if partial.readableBytes > 0 { try takeTail(line) } else { try take(line) }
      rest = rest[(end + 1)...]
    }
    partial.writeBytes(rest)
    guard partial.readableBytes <= limits.jsonBytes else { throw lineTooLong }
  }

  /// The last line may end without a newline.
  mutating func finish() throws(Problem) {
    let nothing = ByteBuffer()
    try takeTail(nothing.readableBytesUInt8Span)
  }

  /// The rest of the line whose beginning is in `partial`.
  private mutating func takeTail(_ tail: Span<UInt8>) throws(Problem) {
    var line = partial
    partial = ByteBuffer()
    tail.withUnsafeBufferPointer { _ = line.writeBytes($0) }
    try take(line.readableBytesUInt8Span)
  }

  private mutating func take(_ line: Span<UInt8>) throws(Problem) {
    lineNumber += 1
    guard line.count <= limits.jsonBytes else { throw lineTooLong }
    // Blank lines, and the CR of a CRLF, are no one's mistake.
    guard line.indices.contains(where: { line[$0] > 0x20 }) else { return }
    guard requests.count < limits.bulkLines else { throw tooMuch("\(limits.bulkLines) lines") }
    do throws(Problem) {
      requests.append(try JSONBody.decode(from: line))
      lines.append(lineNumber)
    } catch {
      throw error.on(line: lineNumber)
    }
  }

  /// A problem with the `number`-th request, from 1, as one with its line.
  func located(_ problem: Problem) -> Problem {
    guard let number = problem.line, lines.indices.contains(number - 1) else { return problem }
    return problem.on(line: lines[number - 1])
  }

  private var lineTooLong: Problem {
    Problem(.tooLarge, "line \(lineNumber) is over \(limits.jsonBytes >> 20) MiB", line: lineNumber)
  }

  private func tooMuch(_ limit: String) -> Problem {
    Problem(.tooLarge, "over \(limit) in one request; send the jobs in several")
  }
}

extension Problem {
  fileprivate func on(line: Int) -> Problem {
    var problem = self
    problem.line = line
    problem.detail = "line \(line): \(detail)"
    return problem
  }
}
