import ControlClient
import FoundationEssentials
import Glibc
import JobModel

/// `jobq enqueue --from`: jobs by the line, sent a thousand at a time, each thousand all or nothing. The file is
/// never held whole.
struct BulkEnqueue {
  let client: ControlClient
  let json: Bool

  private static let linesAtOnce = 1000
  /// Well under what the daemon takes of NDJSON, and enough for a thousand common jobs.
  private static let bytesAtOnce = 8 << 20

  func run(_ path: String) throws {
    let descriptor = try InputFile.open(path)
    defer { if descriptor != STDIN_FILENO { close(descriptor) } }
    var progress = Progress(descriptor)
    var receipt = BulkReceipt(count: 0, firstID: nil, lastID: nil)
    var patience = Patience()
    var chunk = Chunk(firstLine: 1)
    var rest: [UInt8] = []
    var line = 1
    _ = try client.daemonUID()

    func send() throws {
      guard chunk.count > 0 else { return }
      let body = Data(chunk.bytes)
      do {
        let answer: BulkReceipt = try patience.persist { () throws(ClientError) in
          try client.decode(
            BulkReceipt.self, try client.data("POST", "/v1/jobs", body: body, contentType: "application/x-ndjson"))
        }
        receipt.count += answer.count
        receipt.firstID = receipt.firstID ?? answer.firstID
        receipt.lastID = answer.lastID ?? receipt.lastID
      } catch let error as ClientError {
        progress.clear()
        let before =
          receipt.count == 0
          ? "no job was added" : "the \(receipt.count) jobs before line \(chunk.firstLine) were added"
        if case .refused(let problem) = error {
          let place =
            problem.line.map { "line \(chunk.lineNumbers[min(max($0 - 1, 0), chunk.lineNumbers.count - 1)])" }
            ?? "lines from \(chunk.firstLine)"
          throw Failure(error.exitCode, "\(path): \(place): \(problem.detail)\n\(before), and none from there on")
        }
        throw Failure(error.exitCode, "\(error)\n\(before)")
      }
      progress.show(receipt.count)
      chunk = Chunk(firstLine: line)
    }

    func take(_ text: ArraySlice<UInt8>) throws {
      defer { line += 1 }
      guard !text.allSatisfy({ $0 == 0x20 || $0 == 0x09 || $0 == 0x0D }) else { return }
      try chunk.add(text, line: line, path: path)
      if chunk.count == Self.linesAtOnce || chunk.bytes.count >= Self.bytesAtOnce {
        line += 1
        try send()
        line -= 1
      }
    }

    while let piece = try InputFile.piece(descriptor, path) {
      progress.read += piece.count
      rest += piece
      var start = rest.startIndex
      while let end = rest[start...].firstIndex(of: 0x0A) {
        try take(rest[start..<end])
        start = end + 1
      }
      rest.removeFirst(start)
      guard rest.count <= Self.bytesAtOnce else {
        throw Failure(64, "\(path): line \(line) is over \(Self.bytesAtOnce) bytes")
      }
    }
    if !rest.isEmpty { try take(rest[...]) }
    try send()
    progress.clear()
    if json { return try Output.print(try ControlClient.encode(receipt)) }
    guard let first = receipt.firstID, let last = receipt.lastID else {
      return Output.note("\(path): there is no job in it")
    }
    try Output.print("\(receipt.count) jobs, \(first) to \(last)")
  }
}

/// The lines that go in one request. Each carries a request id, so that the whole may be sent again after a lost reply.
private struct Chunk {
  let firstLine: Int
  var bytes: [UInt8] = []
  var lineNumbers: [Int] = []
  private let token = EnqueueCommand.requestID()

  init(firstLine: Int) { self.firstLine = firstLine }

  var count: Int { lineNumbers.count }

  mutating func add(_ text: ArraySlice<UInt8>, line: Int, path: String) throws {
    // Only where the line is an object is there a place for the id; what is wrong with any other line, the daemon says.
    if let open = text.first(where: { $0 != 0x20 && $0 != 0x09 }), open == 0x7B, !Self.names(text, "request_id"),
      let brace = text.firstIndex(of: 0x7B)
    {
      let body = text[(brace + 1)...]
      let isEmpty = body.first { $0 != 0x20 && $0 != 0x09 } == 0x7D
      bytes += Array("{\"request_id\":\"\(token)-\(count)\"\(isEmpty ? "" : ",")".utf8)
      bytes += body
    } else {
      bytes += text
    }
    bytes.append(0x0A)
    lineNumbers.append(line)
  }

  private static func names(_ text: ArraySlice<UInt8>, _ key: String) -> Bool {
    let pattern = Array("\"\(key)\"".utf8)
    guard text.count >= pattern.count else { return false }
    return text.indices.dropLast(pattern.count - 1).contains {
      text[$0] == 0x22 && text[$0..<$0 + pattern.count].elementsEqual(pattern)
    }
  }
}

/// The progress bar: on a terminal only, redrawn in place.
private struct Progress {
  var read = 0
  private let total: Int?
  private let isShown = isatty(STDERR_FILENO) == 1
  private let started = Words.now()

  init(_ descriptor: Int32) {
    var status = stat()
    total =
      fstat(descriptor, &status) == 0 && status.st_mode & S_IFMT == S_IFREG && status.st_size > 0
      ? Int(status.st_size) : nil
  }

  func show(_ count: Int) {
    guard isShown else { return }
    let seconds = max((Words.now() - started).seconds, 0.001)
    var text = "\(count) jobs, \(Int(Double(count) / seconds)) a second"
    if let total {
      let part = min(Double(read) / Double(total), 1)
      let filled = Int(part * 30)
      text =
        "[" + String(repeating: "#", count: filled) + String(repeating: " ", count: 30 - filled)
        + "] \(Int(part * 100)) %, " + text
    }
    let line = Array("\r\(text)\u{1B}[K".utf8)
    _ = write(STDERR_FILENO, line, line.count)
  }

  func clear() {
    guard isShown else { return }
    _ = write(STDERR_FILENO, "\r\u{1B}[K", 4)
  }
}
