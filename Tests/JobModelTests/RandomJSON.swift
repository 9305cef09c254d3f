import JobModel
import SeededRandom

/// Random texts for the tests of JSON.
struct RandomJSON: RandomNumberGenerator {
  private var numbers: SplitMix
  init(seed: UInt64) { numbers = SplitMix(seed: seed) }

  mutating func next() -> UInt64 { numbers.next() }

  private mutating func below(_ bound: Int) -> Int { Int.random(in: 0..<bound, using: &self) }
  private mutating func pick(_ texts: [String]) -> String { texts.randomElement(using: &self) ?? "" }

  // MARK: Texts

  private mutating func space() -> String { below(8) == 0 ? pick([" ", "\n", "\t", "\r\n  "]) : "" }

  mutating func string() -> String {
    let pieces = [
      "", "a", "/bin/true", "ü", "😀", "e\u{301}", "\u{E9}", "\\n", "\\\"", "\\\\", "\\/", "\\b\\f\\r\\t", "\\u0041",
      "\\u00e9", "\\ud83d\\ude00", "\\u0000", "\u{7F}", "\u{FFFF}", " ",
    ]
    return "\"" + (0..<below(4)).map { _ in pick(pieces) }.joined() + "\""
  }

  mutating func number() -> String {
    switch below(8) {
    case 0: "\(Int64.random(in: .min ... .max, using: &self))"
    case 1: "\(UInt64.random(in: 0 ... .max, using: &self))"
    case 2: "\(Double.random(in: -1e6...1e6, using: &self))"
    case 3: "\(below(1_000_000)).\(below(1000))e\(below(60) - 30)"
    case 4: "\(below(100)).\(below(10))"
    case 5:
      pick([
        "0", "-0", "0.0", "-0.0", "1.0", "1e2", "1E+2", "5e-1", "9223372036854775807", "9223372036854775808",
        "-9223372036854775808", "-9223372036854775809", "18446744073709551615", "18446744073709551616",
        "9007199254740991.0", "9007199254740992.0", "9007199254740993e0", "1e22", "1e23", "1e-22", "123456789e-30",
        "0.1", "0.30000000000000004", "1e400", "01", "1.", ".5", "+1", "1e", "-",
      ])
    default: "\(below(300))"
    }
  }

  mutating func value(depth: Int) -> String {
    switch below(depth > 0 ? 8 : 5) {
    case 0: "null"
    case 1: pick(["true", "false"])
    case 2, 3: number()
    case 4: string()
    case 5, 6: list { $0.value(depth: depth - 1) }
    default: object((0..<below(4)).map { _ in (string(), value(depth: depth - 1)) })
    }
  }

  private mutating func list(_ element: (inout RandomJSON) -> String) -> String {
    "[" + space() + (0..<below(4)).map { _ in element(&self) + space() }.joined(separator: ",") + "]"
  }

  private mutating func object(_ members: [(String, String)]) -> String {
    "{" + members.map { space() + $0.0 + space() + ":" + space() + $0.1 + space() }.joined(separator: ",") + "}"
  }

  private mutating func id() -> String { below(6) == 0 ? number() : "\(below(1000))" }

  mutating func request() -> String {
    object((0..<below(7)).map { _ in member() })
  }

  private mutating func member() -> (String, String) {
    let key = JobRequest.CodingKeys.allCases.randomElement(using: &self) ?? .command
    let value =
      switch below(12) {
      case 0: "null"
      case 1: value(depth: 2)
      default: value(of: key)
      }
    return ("\"\(key.rawValue)\"", value)
  }

  private mutating func value(of key: JobRequest.CodingKeys) -> String {
    switch key {
    case .labels, .env: object((0..<below(3)).map { _ in (string(), string()) })
    case .priority, .retries: number()
    case .command: list { $0.string() }
    case .payload: value(depth: 3)
    case .runAt:
      pick([
        #""2026-11-24T08:14:40Z""#, #""2026-11-24T08:14:40.5+01:00""#, #""2026-02-30T00:00:00Z""#, #""soon""#,
        #""2026-11-24t08:14:60z""#,
      ])
    case .delay, .timeout, .killGrace: number()
    case .backoff:
      object(
        (0..<below(4)).map { _ in
          pick(["kind", "base_seconds", "max_seconds", "jitter", "bass"])
        }.map { key in
          (
            "\"\(key)\"",
            key == "kind" ? pick([#""linear""#, #""fixed""#, #""zigzag""#, "null"]) : pick([number(), "null"])
          )
        })
    case .retryOn, .noRetryOn: pick([#""1,75,100-110""#, #""""#, #""256""#, "[1,2]", "[]", "[1.5]", #""3-1""#])
    case .onInterrupt: pick([#""retry""#, #""fail""#, #""hold""#, #""cry""#])
    case .after, .afterAny: list { random in random.below(3) == 0 ? random.string() : random.id() }
    case .hold, .splitOutput: pick(["true", "false"])
    default: string()
    }
  }

  mutating func lease() -> String {
    object(
      (0..<below(5)).map { _ in pick(["worker", "max", "lease_seconds", "wait_seconds", "wait"]) }
        .map { key in ("\"\(key)\"", key == "worker" ? pick([string(), "null"]) : pick([number(), "null"])) })
  }

  mutating func reports() -> String {
    object(
      (0..<below(4)).map { _ in pick(["complete", "fail", "extend", "extent"]) }
        .map { key in ("\"\(key)\"", below(8) == 0 ? "null" : list { $0.report(key) }) })
  }

  private mutating func report(_ kind: String) -> String {
    var members = [("\"id\"", id()), ("\"lease\"", string())]
    switch (kind, below(3)) {
    case ("complete", 0): members.append(("\"result\"", value(depth: 2)))
    case ("fail", 0): members.append(("\"error\"", pick([string(), "null"])))
    case ("fail", 1): members.append(("\"retry\"", pick(["true", "false", "null"])))
    case ("extend", _): members.append(("\"lease_seconds\"", number()))
    default: break
    }
    if below(20) == 0 { members.removeFirst() }
    return object(members.shuffled(using: &self))
  }

  /// The text, often with a byte lost, changed or put in, or its end cut off.
  mutating func broken(_ text: String) -> [UInt8] {
    var bytes = Array(text.utf8)
    guard below(3) == 0, !bytes.isEmpty else { return bytes }
    let place = below(bytes.count)
    switch below(4) {
    case 0: bytes.remove(at: place)
    case 1: bytes[place] = UInt8.random(in: 0...255, using: &self)
    case 2: bytes.insert(#"{}[]",:\0123456789eE+-.ntf "#.utf8.randomElement(using: &self) ?? 0, at: place)
    default: bytes.removeSubrange(place...)
    }
    return bytes
  }
}
