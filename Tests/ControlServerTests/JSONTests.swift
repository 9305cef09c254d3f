import Foundation
import JobModel
import NIOCore
import SeededRandom
import Testing

@testable import ControlServer

@Suite("JSON") struct JSONTests {
  @Test("A job is written in the order of its fields, with every field there")
  func jobFields() throws {
    var job = Job(
      id: JobID(7), state: .queued, queue: "default", priority: 0, createdAt: Timestamp(milliseconds: 0), attempt: 0,
      maxAttempts: 1, killGrace: .seconds(10), backoff: .standard, onInterrupt: .retry, splitOutput: false,
      cancelling: false)
    job.command = ["printf", "a\"b\\c\n\u{1}ü€😀"]
    job.env = ["B": "2", "A": nil]
    job.payload = .object(["z": .integer(1), "a": .array([.null, .number(0.5), .unsigned(.max), .bool(false)])])
    let text = String(buffer: try JSONWriter.bytes(job))
    #expect(text.hasPrefix(#"{"id":7,"state":"queued","queue":"default","name":null,"labels":{},"#))
    #expect(text.contains(#""command":["printf","a\"b\\c\n\u0001ü€😀"]"#))
    #expect(text.contains(#""env":{"A":null,"B":"2"}"#))
    #expect(text.contains(#""payload":{"a":[null,0.5,18446744073709551615,false],"z":1}"#))
    let keys = Job.CodingKeys.allCases.map { "\"\($0.rawValue)\":" }
    var rest = Substring(text)
    for key in keys { rest = rest[try #require(rest.firstRange(of: key), "\(key) is in its place").upperBound...] }
    // Foundation reads it back as the same value.
    #expect(try JSONDecoder().decode(Job.self, from: Data(text.utf8)) == job)
  }

  @Test("Random values are read by Foundation as what was written")
  func randomValues() throws {
    let seed = testSeed()
    var random = SplitMix(seed: seed)
    for _ in 0..<2000 {
      let value = random.value(depth: 4)
      let buffer = try JSONWriter.bytes(["v": value])
      let read = try JSONDecoder().decode([String: JSONValue].self, from: Data(buffer.readableBytesView))
      #expect(read["v"] == value, "seed \(seed)")
      // What the writer writes has no fault.
      #expect(throws: Never.self, "seed \(seed)") { try JSONSyntax.misfit(in: Array(buffer.readableBytesView)) }
    }
  }

  /// The value as its Codable form alone tells it.
  private struct Coded<Value: Encodable>: Encodable {
    let value: Value
    func encode(to encoder: any Encoder) throws { try value.encode(to: encoder) }
  }

  /// What writes itself has the bytes of its Codable form, and Foundation reads it as the same value.
  private func check<Value: JSONWritable & Codable & Equatable>(_ value: Value, _ seed: UInt64) throws {
    let written = try JSONWriter.bytes(value)
    #expect(String(buffer: written) == String(buffer: try JSONWriter.bytes(Coded(value: value))), "seed \(seed)")
    let read = try JSONDecoder().decode(Value.self, from: Data(written.readableBytesView))
    #expect(read == value, "seed \(seed)")
  }

  @Test("What writes itself is what its Codable form is, byte for byte")
  func writtenAsCoded() throws {
    let seed = testSeed()
    print("JSONTests.writtenAsCoded: seed \(seed)")
    var random = SplitMix(seed: seed)
    for _ in 0..<2000 {
      let job = random.job()
      try check(job, seed)
      try check(LeaseGrant(jobs: [LeasedJob(job: job, lease: random.text())]), seed)
      try check(JobPage(jobs: [job, job], nextBefore: job.after.first), seed)
      try check(random.verdicts(), seed)
      try check(random.change(), seed)
    }
    try check(LeaseGrant(jobs: []), seed)
    try check(LeaseVerdicts(), seed)
    try check(BulkReceipt(count: 0, firstID: nil, lastID: nil), seed)
    try check(BulkReceipt(count: 2, firstID: JobID(.max), lastID: JobID(.min)), seed)
  }

  @Test("A number that JSON has no word for is not written")
  func notFinite() {
    #expect(throws: EncodingError.self) { try JSONWriter.bytes([Double.nan]) }
    #expect(throws: EncodingError.self) { try JSONWriter.bytes([Double.infinity]) }
  }

  @Test(
    "A text that is no JSON is malformed, with the place",
    arguments: [
      ("", "line 1, column 1: there is nothing"),
      (#"{"command":["a"],"#, "line 1, column 18: a name in quotation marks is expected"),
      ("{\"command\":\n[\"a\"]} x", "line 2, column 8: something follows the end of the value"),
      (#"{"command":["a"] "queue":"b"}"#, #"line 1, column 18: a "," or "}" is expected"#),
      (#"{"command":["a\q"]}"#, "line 1, column 16: no such escape in a string"),
      (#"{"command":["\ud800"]}"#, "line 1, column 20: half a surrogate pair"),
      (#"{"priority":tru}"#, "line 1, column 13: a value is expected"),
      (#"{"priority":-}"#, "line 1, column 14: a digit is expected"),
      ("{'command':[]}", "line 1, column 2: a name in quotation marks is expected"),
      ("{\"name\":\"a\tb\"}", "line 1, column 11: a control character stands bare in a string"),
      ("nope", "line 1, column 1: a value is expected"),
    ])
  func malformed(_ text: String, _ where: String) {
    let problem = refusal(text)
    #expect(problem?.code == .malformed)
    #expect(problem?.detail == "the body is no JSON: \(`where`)")
  }

  @Test("Bytes that are no UTF-8, a NUL, and a depth without end are refused, not crashed on")
  func hostile() {
    #expect(refusal(bytes: [0x7B, 0x22, 0xFF, 0xFE, 0x22, 0x3A, 0x31, 0x7D])?.code == .malformed)
    #expect(refusal(bytes: [0x00])?.code == .malformed)
    #expect(refusal(bytes: [0xEF, 0xBB, 0xBF, 0x7B])?.code == .malformed)
    for (open, _) in [("[", "]"), ("{\"a\":", "}")] {
      let problem = refusal(#"{"payload":"# + String(repeating: open, count: 200_000))
      #expect(problem?.code == .malformed)
      #expect(problem?.detail.contains("nested deeper than 500") == true)
    }
  }

  @Test("A refused text of a million numbers, five hundred levels deep, takes no memory for each of them")
  func manyNumbers() throws {
    let depth = 480
    let text =
      #"{"command":5,"payload":"# + String(repeating: "[", count: depth)
      + Array(repeating: "1", count: 1_000_000).joined(separator: ",") + String(repeating: "]", count: depth) + "}"
    let before = try peakMemory()
    #expect(refusal(text)?.field == "command")
    #expect(try peakMemory() - before < 500 << 20)
  }

  /// The most that this process has had in memory, in bytes (proc_pid_status(5), `VmHWM`).
  private func peakMemory() throws -> Int {
    let status = try String(contentsOfFile: "/proc/self/status", encoding: .utf8)
    let line = try #require(status.split(separator: "\n").first { $0.hasPrefix("VmHWM:") })
    return try #require(line.split(separator: " ").compactMap { Int($0) }.first) << 10
  }

  @Test(
    "A value of the wrong kind is refused by its field's name, in a person's words",
    arguments: [
      (#"{"command":"ls"}"#, "command", "an array is expected"),
      (#"{"command":["a",1]}"#, "command[1]", "a string is expected"),
      (#"{"command":["a"],"priority":1.5}"#, "priority", "a whole number is expected"),
      (#"{"command":["a"],"priority":"high"}"#, "priority", "a whole number is expected"),
      (#"{"command":["a"],"priority":99999999999999999999}"#, "priority", "a whole number is expected"),
      (#"{"command":["a"],"delay_seconds":1e999}"#, "delay_seconds", "the number is out of range"),
      (#"{"command":["a"],"hold":"yes"}"#, "hold", "true or false is expected"),
      (#"{"command":["a"],"labels":["x"]}"#, "labels", "an object is expected"),
      (#"{"command":["a"],"env":{"A":1}}"#, "env.A", "a string is expected"),
      (#"{"command":["a"],"after":[1,2.5]}"#, "after[1]", "a job's number, or the ref of another line, is expected"),
      (
        #"{"command":["a"],"backoff":{"kind":"zigzag"}}"#, "backoff.kind",
        "\"zigzag\" is none of exponential, linear, fixed"
      ),
      (#"{"command":["a"],"on_interrupt":"cry"}"#, "on_interrupt", "\"cry\" is none of retry, fail, hold"),
      (
        #"{"command":["a"],"run_at":"tomorrow"}"#, "run_at",
        "an RFC 3339 time is expected, such as 2026-11-24T08:14:40Z"
      ),
      (
        #"{"command":["a"],"timeout_seconds":-1}"#, "timeout_seconds",
        "a number of seconds from 0 to 100 years is expected"
      ),
    ])
  func wrongKind(_ text: String, _ field: String, _ message: String) {
    let problem = refusal(text)
    #expect(problem?.code == .invalidValue)
    #expect(problem?.field == field)
    #expect(problem?.detail == "\(field): \(message)")
  }

  @Test("A body that is no object is refused")
  func noObject() {
    for text in ["[]", "12", "null", "\"a\"", "true"] { #expect(refusal(text)?.code == .invalidValue, "\(text)") }
  }

  @Test("An unknown field is refused by name, a nested one by its path")
  func unknownField() {
    #expect(refusal(#"{"command":["a"],"prioritty":1}"#)?.field == "prioritty")
    #expect(refusal(#"{"command":["a"],"backoff":{"bass":1}}"#)?.field == "backoff.bass")
  }

  private func refusal(_ text: String) -> Problem? { refusal(bytes: Array(text.utf8)) }

  private func refusal(bytes: [UInt8]) -> Problem? {
    do throws(Problem) {
      _ = try JSONBody.decode(JobRequest.self, from: bytes.span)
      return nil
    } catch { return error }
  }
}

extension SplitMix {
  mutating func value(depth: Int) -> JSONValue {
    switch Int.random(in: 0..<(depth > 0 ? 8 : 6), using: &self) {
    case 0: .null
    case 1: .bool(.random(using: &self))
    case 2: .integer(.random(in: .min ... .max, using: &self))
    case 3: .unsigned(.random(in: UInt64(Int64.max) + 1 ... .max, using: &self))
    case 4: .number(.random(in: -1e9...1e9, using: &self) + 0.5)
    case 5: .string(text())
    case 6: .array((0..<Int.random(in: 0...3, using: &self)).map { _ in value(depth: depth - 1) })
    default:
      .object(
        Dictionary(
          (0..<Int.random(in: 0...3, using: &self)).map { _ in (text(), value(depth: depth - 1)) },
          uniquingKeysWith: { $1 }))
    }
  }

  mutating func text() -> String {
    let scalars = (0..<Int.random(in: 0...8, using: &self)).compactMap { _ in
      Unicode.Scalar(UInt32.random(in: 0...(Bool.random(using: &self) ? 0x7F : 0x10FFFF), using: &self))
    }
    return String(String.UnicodeScalarView(scalars))
  }
}
