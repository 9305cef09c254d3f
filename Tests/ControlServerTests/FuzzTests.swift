import ControlServer
import Foundation
import SeededRandom
import Testing

/// Requests that no sane client makes, by the thousand. `CASES=` says how many, `SEED=` plays a run again.
@Suite("Fuzz") struct FuzzTests {
  @Test("whatever bytes a client sends, in whatever pieces: no fault, no crash, and the others are served")
  func fuzz() async throws {
    let environment = ProcessInfo.processInfo.environment
    let count = environment["CASES"].flatMap { Int($0) } ?? 3000
    let seed = environment["SEED"].flatMap { UInt64($0) } ?? UInt64.random(in: 0...UInt64.max)
    print("fuzz: SEED=\(seed) CASES=\(count)")
    try await TestServer.with { server in
      // What the fuzz makes of a command shall never run.
      #expect(try await server.ask("POST", "/v1/pause").status == 200)
      let tally = Tally()
      let before = residentBytes()
      try await withThrowingTaskGroup(of: Void.self) { group in
        for lane in 0..<8 {
          group.addTask {
            for number in stride(from: lane, to: count, by: 8) {
              let pieces = Fuzz(seed: seed, number: number).pieces
              let answers = try await Self.send(pieces, to: server.path)
              tally.note(answers, of: pieces.reduce([], +), number)
            }
          }
        }
        // Somebody else, all the while, on one connection.
        group.addTask {
          let other = try RawClient(server.path)
          while tally.count < count {
            #expect(try await other.ask("GET", "/healthz").status == 200)
            await Task.yield()
          }
          other.close()
        }
        try await group.waitForAll()
      }
      #expect(tally.faults.isEmpty, "SEED=\(seed): \(tally.faults.prefix(3))")
      let growth = residentBytes() - before
      print("fuzz: \(tally.summary), \(growth >> 20) MiB more in memory")
      #expect(growth < 200 << 20)
      #expect(try await server.ask("GET", "/v1/status").status == 200)
    }
  }

  /// Sends the pieces, ends the output, and gives the status of each reply until the server closes.
  private static func send(_ pieces: [[UInt8]], to path: String) async throws -> [Int] {
    let client = try RawClient(path)
    defer { client.close() }
    do {
      for piece in pieces { try await client.send(piece) }
      try await client.endOutput()
    } catch {
      // The server has had enough, and has closed: what it said is read all the same.
    }
    let text = (try? await client.readToEnd()) ?? ""
    return text.components(separatedBy: "HTTP/1.").dropFirst().compactMap { part in
      part.dropFirst(2).prefix(3).allSatisfy(\.isNumber) ? Int(part.dropFirst(2).prefix(3)) : nil
    }
  }

  private func residentBytes() -> Int {
    let text = (try? String(contentsOfFile: "/proc/self/statm", encoding: .utf8)) ?? ""
    return (text.split(separator: " ").dropFirst().first.flatMap { Int($0) } ?? 0) * 4096
  }
}

/// What came back.
private final class Tally: @unchecked Sendable {  // All that it holds is guarded by its lock.
  private let lock = NSLock()
  private var byStatus: [Int: Int] = [:]
  private var all: [String] = []
  private var done = 0

  var count: Int { lock.withLock { done } }
  var faults: [String] { lock.withLock { all } }
  var summary: String {
    lock.withLock {
      "\(done) cases, " + byStatus.sorted { $0.key < $1.key }.map { "\($0.value) × \($0.key)" }.joined(separator: ", ")
    }
  }

  func note(_ statuses: [Int], of bytes: [UInt8], _ number: Int) {
    lock.withLock {
      done += 1
      for status in statuses {
        byStatus[status, default: 0] += 1
        // 503: a drain, or every connection in use. Any other of these is a fault of ours.
        if status >= 500, status != 503 {
          all.append(
            "case \(number): \(status) for \(String(decoding: bytes.prefix(400), as: UTF8.self).debugDescription)")
        }
      }
    }
  }
}

/// One case, made from a seed and a number.
private struct Fuzz {
  private var random: SplitMix
  private(set) var pieces: [[UInt8]] = []

  init(seed: UInt64, number: Int) {
    random = SplitMix(seed: seed ^ (UInt64(number) &* 0x9E37_79B9_7F4A_7C15))
    var text: [UInt8] = []
    for _ in 0..<(chance(4) ? Int.random(in: 2...6, using: &random) : 1) {
      text += chance(8) ? noise() : chance(2) ? mutated(request()) : request()
    }
    pieces = chance(3) ? torn(text) : [text]
  }

  private mutating func chance(_ one: Int) -> Bool { Int.random(in: 0..<one, using: &random) == 0 }
  private mutating func pick<Element>(_ all: [Element]) -> Element {
    all[Int.random(in: 0..<all.count, using: &random)]
  }

  private static let targets = [
    "/v1/jobs", "/v1/jobs?state=held&limit=2", "/v1/jobs?label=a%3Db&before=9", "/v1/jobs/1", "/v1/jobs/1/log?tail=3",
    "/v1/jobs/1/wait?timeout_seconds=0", "/v1/queues", "/v1/queues/default", "/v1/status", "/healthz", "/metrics", "/",
    "/v1/jobs/1/hold", "/v1/jobs/1/release", "/v1/jobs/1/retry?with_dependents=true", "/v1/jobs/18446744073709551616",
  ]
  private static let bodies = [
    #"{"payload":{"a":[1,2.5,-3e10,null,true,"\u00e9\ud83d\ude00"]},"hold":true}"#,
    #"{"payload":1,"hold":true,"queue":"q","labels":{"a":"b"},"priority":-5,"delay_seconds":1.5,"retries":3}"#,
    #"{"payload":"x","hold":true,"backoff":{"kind":"linear","base_seconds":1},"retry_on":"1,75,100-110"}"#,
    #"{"payload":[],"after":[1,2],"unique_key":"k","request_id":"r","env":{"A":"B"}}"#,
    #"{"paused":true,"concurrency":3}"#,
    "{\"payload\":1,\"hold\":true}\n{\"payload\":2,\"hold\":true}\n", "", "null", "[[[[[[]]]]]]", "{}",
  ]

  private mutating func request() -> [UInt8] {
    let method = pick(["GET", "GET", "POST", "POST", "PATCH", "DELETE", "HEAD", "PUT", "OPTIONS"])
    var text = "\(method) \(pick(Self.targets)) HTTP/1.\(chance(8) ? 0 : 1)\r\nHost: jobq\r\n"
    if chance(3) { text += "Content-Type: \(pick(["application/json", "application/x-ndjson", "text/plain"]))\r\n" }
    if chance(8) { text += "Connection: \(pick(["close", "keep-alive", "upgrade"]))\r\n" }
    if chance(12) { text += "Expect: 100-continue\r\n" }
    if chance(30) { text += "X: \(String(repeating: "y", count: Int.random(in: 1...100_000, using: &random)))\r\n" }
    if chance(40) { for number in 0..<Int.random(in: 1...300, using: &random) { text += "h\(number): v\r\n" } }
    // Half of what is wrong is wrong within a request that is right as HTTP.
    let body = chance(2) ? mutated(Array(pick(Self.bodies).utf8)) : Array(pick(Self.bodies).utf8)
    guard chance(5) else {
      if !body.isEmpty || chance(2) { text += "Content-Length: \(body.count)\r\n" }
      return Array((text + "\r\n").utf8) + body
    }
    var bytes = Array((text + "Transfer-Encoding: chunked\r\n\r\n").utf8)
    for half in [body.prefix(body.count / 2), body.dropFirst(body.count / 2)] where !half.isEmpty {
      bytes += Array("\(String(half.count, radix: 16))\r\n".utf8) + half + Array("\r\n".utf8)
    }
    return bytes + Array("0\r\n\r\n".utf8)
  }

  private static let tokens = [
    "\r\n", "\n", "\r", "\0", " ", ":", "%", "%00", "%2e%2e/", "?", "&", "=", "{", "}", "[", "]", "\"", "\\u",
    "\\ud800", "e999",
    "-", "99999999999999999999", "1e400", "Content-Length: -1\r\n", "Content-Length: 5\r\nContent-Length: 6\r\n",
    "Transfer-Encoding: chunked\r\n", "Transfer-Encoding: gzip, chunked\r\n", "HTTP/2.0", "\u{FEFF}", "\u{202E}", "é",
    "\"payload\":1,", ",,", "NaN", "true", "null", "FFFFFFFFFFFFFFFF\r\n", "0\r\n\r\n",
  ]

  private mutating func mutated(_ request: [UInt8]) -> [UInt8] {
    var bytes = request
    for _ in 0..<pick([0, 1, 1, 2, 4, 16]) where !bytes.isEmpty {
      let at = Int.random(in: 0..<bytes.count, using: &random)
      let end = min(bytes.count, at + Int.random(in: 1...20, using: &random))
      switch Int.random(in: 0..<6, using: &random) {
      case 0: bytes[at] = UInt8.random(in: 0...255, using: &random)
      case 1: bytes[at] ^= 1 << UInt8.random(in: 0..<8, using: &random)
      case 2: bytes.removeSubrange(at..<end)
      case 3: bytes.insert(contentsOf: bytes[at..<end], at: at)
      case 4: bytes.insert(contentsOf: pick(Self.tokens).utf8, at: at)
      default: bytes.removeLast(bytes.count - at)
      }
    }
    return bytes
  }

  private mutating func noise() -> [UInt8] {
    if chance(2) {
      return (0..<Int.random(in: 1...2000, using: &random)).map { _ in UInt8.random(in: 0...255, using: &random) }
    }
    return (0..<Int.random(in: 1...60, using: &random)).flatMap { _ in Array(pick(Self.tokens).utf8) }
  }

  /// In pieces, each a write of its own.
  private mutating func torn(_ bytes: [UInt8]) -> [[UInt8]] {
    var rest = bytes[...]
    var pieces: [[UInt8]] = []
    while !rest.isEmpty {
      let piece = rest.prefix(pieces.count > 50 ? rest.count : Int.random(in: 1...64, using: &random))
      pieces.append(Array(piece))
      rest = rest.dropFirst(piece.count)
    }
    return pieces
  }
}
