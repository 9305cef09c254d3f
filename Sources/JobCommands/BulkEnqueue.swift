import ControlClient
import JobModel

/// `enqueue --from`: jobs from a file, a thousand in a request. The file is never held whole, but for a graph of jobs that
/// name each other by their refs: it goes in one.
struct BulkEnqueue {
  let client: ControlClient
  let file: InputFile
  let isJSON: Bool

  func run() throws {
    var lines = LineReader(file)
    var progress = Progress(total: file.size)
    var total = BulkReceipt(count: 0, firstID: nil, lastID: nil)
    var batch = JobBatch()
    var number = 0
    let run = RequestID.new()

    func send() throws {
      guard !batch.isEmpty else { return }
      let receipt: BulkReceipt
      do throws(ClientError) {
        receipt = try ControlClient.decode(try client.enqueue(lines: batch.body))
      } catch {
        progress.end()
        throw Failure(error.exitCode, "\(place(of: error, in: batch))\(soFar(total))")
      }
      total.count += receipt.count
      total.firstID = [total.firstID, receipt.firstID].compactMap(\.self).min()
      total.lastID = [total.lastID, receipt.lastID].compactMap(\.self).max()
      progress.show(jobs: total.count, bytes: lines.bytesRead)
      batch = JobBatch()
    }

    // Nobody there is said at once, before a file is read that may be a pipe.
    try client.connect()
    defer { progress.end() }
    while let line = try lines.next(upTo: JobBatch.longestLine) {
      number += 1
      guard line.count <= JobBatch.longestLine else {
        try send()
        progress.end()
        throw Failure(1, "\(file.name):\(number): the line is over 2 MiB\(soFar(total))")
      }
      if line.allSatisfy(JobBatch.isSpace) { continue }
      batch.add(line, number: number, requestID: "\(run)-\(number)")
      guard !batch.isTooLarge else {
        progress.end()
        throw Failure(
          1,
          "\(file.name):\(number): jobs that name each other by ref must fit one request, 100,000 lines and 64 MiB; "
            + "the lines from \(batch.lineNumbers[0]) on do not\(soFar(total))")
      }
      if batch.isFull { try send() }
    }
    try send()
    progress.end()
    try Output.write(isJSON ? String(decoding: ControlClient.encode(total), as: UTF8.self) + "\n" : summary(total))
  }

  private func summary(_ total: BulkReceipt) -> String {
    guard let first = total.firstID, let last = total.lastID else { return "0 jobs\n" }
    return total.count == 1 ? "1 job: \(first)\n" : "\(total.count) jobs: \(first)–\(last)\n"
  }

  /// The daemon counts the lines of the request; a person those of the file.
  private func place(of error: ClientError, in batch: JobBatch) -> String {
    guard let problem = error.problem else { return "\(error)" }
    // Where a request of one job is refused for what is no value of its, no line is named.
    let line = problem.line ?? (batch.lineNumbers.count == 1 ? 1 : nil)
    guard let line, batch.lineNumbers.indices.contains(line - 1) else { return "\(file.name): \(error)" }
    var text = "\(error)"
    if text.hasPrefix("line \(line): ") { text.removeFirst("line \(line): ".count) }
    return "\(file.name):\(batch.lineNumbers[line - 1]): \(text)"
  }

  private func soFar(_ total: BulkReceipt) -> String {
    total.count == 0 ? "; no job was added" : "; before that, \(summary(total).dropLast()) were added"
  }
}
