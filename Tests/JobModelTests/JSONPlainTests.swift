import Foundation
import JobModel
import SeededRandom
import Testing

/// What is read without the general decoder is held to what that says.
@Suite("Plain JSON") struct JSONPlainTests {
  /// What the decoder takes the text for; nil where it refuses it.
  private func decoded<Value: Decodable>(_: Value.Type, _ text: [UInt8]) -> Value? {
    try? JSONDecoder().decode(Value.self, from: Data(text))
  }

  private func plain<Value: JSONReadable>(_: Value.Type, _ text: [UInt8]) -> Value? {
    Value.plain(text.span)
  }

  /// The plain reader gives up, or reads what the decoder reads. Answers whether it read.
  private func compare<Value: JSONReadable & Decodable & Equatable>(
    _ type: Value.Type, _ text: [UInt8], seed: UInt64
  ) -> Bool {
    guard let value = plain(type, text) else { return false }
    let same = decoded(type, text).map { value == $0 || isClose(value, $0) } ?? false
    #expect(same, "seed \(seed): \(String(decoding: text, as: UTF8.self))")
    return true
  }

  /// Whether they are the same but for the last digits of large numbers in values of any kind. In those the decoder is
  /// less exact: it takes 9007199254740993.5 for a whole number, and cuts 9007199254740991.8 off.
  private func isClose<Value: Equatable>(_ value: Value, _ decoded: Value) -> Bool {
    switch (value, decoded) {
    case (let value as JSONValue, let decoded as JSONValue): return value.isClose(to: decoded)
    case (var value as JobRequest, var decoded as JobRequest):
      guard let (one, other) = value.payload.flatMap({ one in decoded.payload.map { (one, $0) } }) else { return false }
      (value.payload, decoded.payload) = (nil, nil)
      return value == decoded && one.isClose(to: other)
    case (var value as LeaseReports, var decoded as LeaseReports):
      guard value.complete.count == decoded.complete.count else { return false }
      for index in value.complete.indices {
        if let one = value.complete[index].result, let other = decoded.complete[index].result, !one.isClose(to: other) {
          return false
        }
        (value.complete[index].result, decoded.complete[index].result) = (nil, nil)
      }
      return value == decoded
    default: return false
    }
  }

  @Test("Random bodies, right and broken, are read as the decoder reads them, or left to it")
  func randomBodies() {
    let seed = testSeed()
    print("JSONPlainTests.randomBodies: seed \(seed)")
    var random = RandomJSON(seed: seed)
    var (taken, all) = (0, 0)
    for _ in 0..<20_000 {
      let text = random.broken(random.request())
      all += 1
      if compare(JobRequest.self, text, seed: seed) { taken += 1 }
      _ = compare(LeaseReports.self, random.broken(random.reports()), seed: seed)
      _ = compare(LeaseRequest.self, random.broken(random.lease()), seed: seed)
      _ = compare(JSONValue.self, random.broken(random.value(depth: 4)), seed: seed)
      _ = compare([String].self, random.broken("[\(random.string()),\(random.string())]"), seed: seed)
      _ = compare([String: String].self, random.broken("{\(random.string()):\(random.string())}"), seed: seed)
    }
    // Both ways are gone often.
    #expect(taken > all / 10 && taken < all * 9 / 10, "\(taken) of \(all)")
  }

  @Test(
    "What clients send is not left to the decoder",
    arguments: [
      #"{}"#,
      #"{"command":["/bin/true"]}"#,
      #" { "command" : [ "printf" , "a\"b\\c\n\u0001\u00fc\ud83d\ude00 ü€😀" ] , "env" : { "A" : "" } } "#,
      #"{"command":["x"],"queue":"mail","name":"n","labels":{"a":"b"},"priority":-5,"cwd":"/","umask":"022"}"#,
      #"{"command":["x"],"stdin":"in","run_at":"2026-11-24T08:14:40Z","hold":true,"split_output":false}"#,
      #"{"command":["x"],"delay_seconds":0.25,"timeout_seconds":90,"kill_grace_seconds":1e1,"retries":3}"#,
      #"{"command":["x"],"backoff":{"kind":"linear","base_seconds":1,"max_seconds":2.5,"jitter":0.1}}"#,
      #"{"command":["x"],"retry_on":"1,75,100-110","no_retry_on":"2","on_interrupt":"hold","unique_key":"k"}"#,
      #"{"command":["x"],"after":[1,"a"],"after_any":[2],"ref":"r","request_id":"q","stdin_base64":null}"#,
      #"{"payload":null}"#,
      #"{"queue":"mail","payload":{"n":1,"u":18446744073709551615,"d":-0.5,"l":[true,false,{}]}}"#,
    ])
  func ordinary(_ text: String) {
    let read = plain(JobRequest.self, Array(text.utf8))
    #expect(read != nil)
    #expect(read == decoded(JobRequest.self, Array(text.utf8)))
  }

  private static let exactValues: [(String, JSONValue)] = [
    ("-0", .integer(0)), ("-0.0", .integer(0)), ("1e-400", .integer(0)), ("0e99999", .integer(0)),
    ("1e17", .integer(100_000_000_000_000_000)), ("1e19", .unsigned(10_000_000_000_000_000_000)),
    ("1e20", .number(1e20)), ("9007199254740993.0", .integer(9_007_199_254_740_993)),
    // Here the decoder loses the fraction.
    ("9007199254740993.5", .number(9_007_199_254_740_994)), ("90071992547409.75", .number(90_071_992_547_409.75)),
    ("-9223372036854775808.0", .number(-0x1p63)), ("-9223372036854775809", .number(-9_223_372_036_854_775_808)),
    ("9223372036854775807", .integer(.max)), ("9223372036854775808", .unsigned(9_223_372_036_854_775_808)),
    ("18446744073709551616", .number(18_446_744_073_709_551_616)),
    ("0.12345678901234567", .number(0.12345678901234567)),
    ("4.9e-324", .number(.leastNonzeroMagnitude)), ("1.7976931348623157e308", .number(.greatestFiniteMagnitude)),
    ("1e0000000000000000000000000000017", .integer(100_000_000_000_000_000)),
    ("1000000000000000000000e-3", .number(1e18)),
    (#"{"a":1,"a":2,"b":3}"#, .object(["a": .integer(1), "b": .integer(3)])),
  ]

  @Test("A value of any kind is not left to the decoder, and is read exactly", arguments: exactValues)
  func exact(_ text: String, _ value: JSONValue) { #expect(JSONValue.plain(text.utf8.span) == value) }

  @Test("Random doubles come back as they were written")
  func doubles() {
    let seed = testSeed()
    print("JSONPlainTests.doubles: seed \(seed)")
    var random = SplitMix(seed: seed)
    for _ in 0..<20_000 {
      let value = Double(bitPattern: random.next())
      guard value.isFinite else { continue }
      // The text of a large whole one is that of another whole number which rounds to it.
      let read: Double? =
        switch JSONValue.plain("\(value)".utf8.span) {
        case .integer(let value): Double(value)
        case .unsigned(let value): Double(value)
        case .number(let value): value
        default: nil
        }
      #expect(read == value, "seed \(seed): \(value)")
    }
  }

  /// A decoder tries what each value may be, at a cost that grows with its depth.
  @Test("A decoder with the document takes values of any kind, many and deep, in the time of a reading")
  func document() throws {
    let depth = 400
    for element in ["0.12345678901234567", #""""#, "[]"] {
      let values = Array(repeating: element, count: 20_000).joined(separator: ",")
      let text =
        #"{"payload":"# + String(repeating: "[", count: depth) + values + String(repeating: "]", count: depth)
        + #","name":"n","name":"m"}"#
      let decoder = JSONDecoder()
      decoder.userInfo[JSONDocument.key] = JSONDocument(Array(text.utf8))
      let began = ContinuousClock.now
      var value = try decoder.decode(JobRequest.self, from: Data(text.utf8)).payload
      #expect(ContinuousClock.now - began < .seconds(10))
      for _ in 1..<depth {
        guard case .array(let inner)? = value, inner.count == 1 else { break }
        value = inner[0]
      }
      guard case .array(let inner)? = value else {
        Issue.record("no array at the bottom")
        continue
      }
      #expect(inner.count == 20_000)
      #expect(inner.last == JSONValue.plain(element.utf8.span))
    }
  }

  @Test("What workers send is not left to the decoder")
  func ordinaryLeases() {
    let reports =
      #"{"complete":[{"id":7,"lease":"t","result":{"a":[1.5]}},{"id":8,"lease":"u"}],"#
      + #""fail":[{"id":9,"lease":"v","error":"e","retry":false}],"extend":[{"id":1,"lease":"w","lease_seconds":60}]}"#
    #expect(plain(LeaseReports.self, Array(reports.utf8)) == decoded(LeaseReports.self, Array(reports.utf8)))
    #expect(plain(LeaseReports.self, Array(reports.utf8)) != nil)
    let request = #"{"worker":"w","max":10,"lease_seconds":30,"wait_seconds":0.5}"#
    #expect(plain(LeaseRequest.self, Array(request.utf8)) == decoded(LeaseRequest.self, Array(request.utf8)))
    #expect(plain(LeaseRequest.self, Array(request.utf8)) != nil)
  }

  @Test(
    "What is not plain is left to the decoder",
    arguments: [
      "", " ", "null", "[]", "{", "{}x", "{} {}", "{,}", #"{"command":["a",]}"#, #"{"command":["a"],}"#,
      #"{"command":["a"],"command":["b"]}"#, #"{"comand":["a"]}"#, #"{"command":"a"}"#, #"{"command":["a",null]}"#,
      #"{"priority":01}"#, #"{"priority":1.0}"#, #"{"priority":-}"#, #"{"priority":9223372036854775808}"#,
      #"{"priority":+1}"#, #"{"hold":tru}"#, #"{"hold":1}"#, #"{"name":"\ud800"}"#, #"{"name":"\x"}"#,
      "{\"name\":\"a\tb\"}", #"{"name":"a"#, #"{"na\u006de":"a"}"#, #"{"hold ":true}"#,
      #"{"payload":1e400}"#, #"{"payload":1.}"#, #"{"payload":-}"#, #"{"payload":00}"#, #"{"payload":1e+}"#,
      #"{"payload":.5}"#, #"{"payload":1e}"#, #"{"run_at":"tomorrow"}"#, #"{"timeout_seconds":-1}"#,
      #"{"backoff":{"bass":1}}"#, #"{"on_interrupt":"cry"}"#, #"{"after":[0.5]}"#,
    ])
  func notPlain(_ text: String) {
    #expect(plain(JobRequest.self, Array(text.utf8)) == nil)
  }

  @Test("Bytes that are no UTF-8, and a depth without end, are left to the decoder")
  func hostile() {
    #expect(plain(JobRequest.self, [0x7B, 0x22, 0xFF, 0x22, 0x3A, 0x31, 0x7D]) == nil)
    #expect(plain([String].self, [0x5B, 0x22, 0xC3, 0x22, 0x5D]) == nil)
    #expect(plain([String].self, [0x5B, 0x22, 0x5C, 0x6E, 0xC3, 0x22, 0x5D]) == nil)
    #expect(plain([String].self, [0x5B, 0x22, 0x00, 0x22, 0x5D]) == nil)
    for open in ["[", #"{"a":"#] {
      #expect(plain(JSONValue.self, Array(String(repeating: open, count: 200_000).utf8)) == nil)
    }
  }
}

extension JSONValue {
  fileprivate func isClose(to other: JSONValue) -> Bool {
    switch (self, other) {
    case (.array(let values), .array(let others)):
      return values.count == others.count && zip(values, others).allSatisfy { $0.isClose(to: $1) }
    case (.object(let members), .object(let others)):
      return members.count == others.count
        && members.allSatisfy { name, value in others[name].map { value.isClose(to: $0) } ?? false }
    default:
      guard let value = double, let other = other.double, value.magnitude >= 0x1p52 else { return self == other }
      return (value - other).magnitude <= 2 * value.ulp
    }
  }

  private var double: Double? {
    switch self {
    case .integer(let value): Double(value)
    case .unsigned(let value): Double(value)
    case .number(let value): value
    default: nil
    }
  }
}
