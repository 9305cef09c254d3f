import JobModel
import NIOCore

/// Reads jobs from newline-delimited JSON as it arrives, and hands on each as it is read. At any time it holds the beginning
/// of one line: neither the text nor what it says is kept.
struct BulkReader: Sendable {
  /// Takes a request, or says what is wrong with it.
  typealias Taker = (JobRequest) throws(Problem) -> Void

  /// On which line each request stands.
  private(set) var lines: [Int] = []
  private var lineNumber = 0
  private var byteCount = 0
  /// The beginning of a line whose end has not come.
  private var partial = ByteBuffer()
  private let limits: ServerLimits

  init(limits: ServerLimits) { self.limits = limits }

  /// Takes the next bytes. Throws the problem of the first line that is no job, or that is not taken.
  mutating func read(_ bytes: ByteBuffer, _ taker: Taker) throws(Problem) {
    byteCount += bytes.readableBytes
    guard byteCount <= limits.bulkBytes else { throw tooMuch("\(limits.bulkBytes >> 20) MiB") }
    var rest = bytes.readableBytesView
    while let end = rest.firstIndex(of: UInt8(ascii: "\n")) {
      let line = bytes.readableBytesUInt8Span.extracting(
        rest.startIndex - bytes.readerIndex..<end - bytes.readerIndex)
      if partial.readableBytes > 0 { try takeTail(line, taker) } else { try take(line, taker) }
      rest = rest[(end + 1)...]
    }
    partial.writeBytes(rest)
    guard partial.readableBytes <= limits.jsonBytes else { throw lineTooLong }
  }

  /// The last line may end without a newline.
  mutating func finish(_ taker: Taker) throws(Problem) {
    let nothing = ByteBuffer()
    try takeTail(nothing.readableBytesUInt8Span, taker)
  }

  /// The rest of the line whose beginning is in `partial`.
  private mutating func takeTail(_ tail: Span<UInt8>, _ taker: Taker) throws(Problem) {
    var line = partial
    partial = ByteBuffer()
    tail.withUnsafeBufferPointer { _ = line.writeBytes($0) }
    try take(line.readableBytesUInt8Span, taker)
  }

  private mutating func take(_ line: Span<UInt8>, _ taker: Taker) throws(Problem) {
    lineNumber += 1
    guard line.count <= limits.jsonBytes else { throw lineTooLong }
    // Blank lines, and the CR of a CRLF, are no one's mistake.
    guard line.indices.contains(where: { line[$0] > 0x20 }) else { return }
    guard lines.count < limits.bulkLines else { throw tooMuch("\(limits.bulkLines) lines") }
    do throws(Problem) {
      try taker(try JSONBody.decode(from: line))
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
