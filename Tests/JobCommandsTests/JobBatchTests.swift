import FoundationEssentials
import JobModel
import SeededRandom
import Testing

@testable import JobCommands

@Suite("Many jobs from a file")
struct JobBatchTests {
  private func line(_ text: String) -> String {
    var batch = JobBatch()
    batch.add(Array(text.utf8)[...], number: 1, requestID: "r")
    return String(decoding: batch.body, as: UTF8.self)
  }

  @Test("a job without a request id gets one, and one that has its own keeps it")
  func requestIDs() {
    #expect(line(#"{"command":["a"]}"#) == #"{"command":["a"],"request_id":"r"}"# + "\n")
    #expect(line("  { \"command\":[\"a\"]}\r") == "  { \"command\":[\"a\"],\"request_id\":\"r\"}\n")
    #expect(line("{ }") == "{ \"request_id\":\"r\"}\n")
    #expect(line(#"{"request_id":"mine"}"#) == #"{"request_id":"mine"}"# + "\n")
    #expect(line(#"{"request_id":null,"name":"n"}"#).hasPrefix(#"{"request_id":"r","#))
    // The word stands in a value, or in an inner object: it is not the job's.
    #expect(line(#"{"name":"\"request_id\""}"#) == #"{"name":"\"request_id\"","request_id":"r"}"# + "\n")
    #expect(line(#"{"payload":{"request_id":"x"}}"#).hasPrefix(#"{"request_id":"r","#))
    // What is no job goes as it is, for the daemon to refuse.
    for text in ["[]", "x", #"{"request_id": broken"#] { #expect(line(text) == text + "\n") }
  }

  @Test("a batch is full at a thousand lines, or at 32 MiB")
  func full() {
    var batch = JobBatch()
    for number in 1...1000 {
      #expect(!batch.isFull)
      batch.add(Array("{}".utf8)[...], number: number * 2, requestID: "r")
    }
    #expect(batch.isFull && batch.lineNumbers.count == 1000 && batch.lineNumbers.last == 2000)
    var large = JobBatch()
    let long = [UInt8](repeating: 0x20, count: 2 << 20)
    for number in 1...17 where !large.isFull { large.add(long[...], number: number, requestID: "r") }
    #expect(large.isFull && large.body.count < 36 << 20)
  }

  @Test("from the first line that has a ref or names one on, a batch is not full before the daemon's own bounds")
  func refs() {
    func batch(_ lines: String...) -> JobBatch {
      var batch = JobBatch()
      for line in lines { batch.add(Array(line.utf8)[...], number: 1, requestID: "r") }
      return batch
    }
    #expect(batch(#"{"command":["a"]}"#, #"{"ref":"x"}"#).hasRefs)
    #expect(batch(#"{"after":["x"]}"#).hasRefs && batch(#"{"after_any":[1,"x"]}"#).hasRefs)
    #expect(!batch(#"{"name":"\"ref\"","after":[1,2]}"#, #"{"payload":{"ref":"x"}}"#, #"{"ref":null}"#, "{").hasRefs)
    var graph = batch(#"{"ref":"x"}"#)
    for number in 2...100_000 { graph.add(Array("{}".utf8)[...], number: number, requestID: "r") }
    #expect(!graph.isFull && !graph.isTooLarge)
    graph.add(Array("{}".utf8)[...], number: 100_001, requestID: "r")
    #expect(graph.isTooLarge)
  }

  @Test("lines are read whole however the blocks of the file cut them, and the last needs no end")
  func lines() throws {
    let seed = testSeed()
    var random = SplitMix(seed: seed)
    var expected: [String] = []
    for _ in 0..<400 {
      expected.append(String(repeating: "x", count: Int.random(in: 0...4000, using: &random)))
    }
    expected.append("end")
    let file = try TemporaryFile(Array(expected.joined(separator: "\n").utf8))
    var reader = LineReader(try InputFile(file.path))
    var lines: [String] = []
    while let line = try reader.next(upTo: 1 << 20) { lines.append(String(decoding: line, as: UTF8.self)) }
    #expect(lines == expected, "seed \(seed)")
    #expect(reader.bytesRead == file.size)
  }

  @Test("a line over the bound is given up as soon as that is seen, not read to its end")
  func longLine() throws {
    let file = try TemporaryFile([UInt8](repeating: 65, count: 4 << 20))
    var reader = LineReader(try InputFile(file.path))
    let line = try #require(try reader.next(upTo: 1 << 20))
    #expect(line.count > 1 << 20 && reader.bytesRead < 2 << 20)
  }
}
