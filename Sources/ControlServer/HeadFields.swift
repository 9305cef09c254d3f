import NIOHTTP1

/// What a request's head says in its fields, found in one pass and by bytes: each look into `HTTPHeaders` goes through
/// all of them. Of a field that comes twice the first counts.
struct HeadFields: Hashable {
  /// How many hosts are named.
  private(set) var hosts = 0
  private(set) var contentLength: Int?
  private(set) var isNDJSON = false
  /// RFC 9110 section 10.1.1; HTTP/1.0 has no such thing.
  private(set) var expectsContinue = false

  init(_ head: HTTPRequestHead) {
    var (length, type, expectation) = (String?.none, String?.none, String?.none)
    for (name, value) in head.headers {
      switch name.utf8.count {
      case 4 where name.isField("host"):
        // A list counts as what is in it.
        let isOne = !value.isEmpty && !value.utf8.contains(UInt8(ascii: ","))
        hosts += isOne ? 1 : HTTPHeaders([("host", value)])[canonicalForm: "host"].count
      case 6 where expectation == nil && name.isField("expect"): expectation = value
      case 12 where type == nil && name.isField("content-type"): type = value
      case 14 where length == nil && name.isField("content-length"): length = value
      default: break
      }
    }
    contentLength = length.flatMap { Int($0) }
    isNDJSON = type?.isNDJSON == true
    expectsContinue = !head.version.isOld && expectation?.isField("100-continue") == true
  }
}

extension String {
  /// Whether this is `word`, whatever the case of its letters.
  /// - Parameter word: ASCII, in lower case.
  fileprivate func isField(_ word: StaticString) -> Bool {
    guard utf8.count == word.utf8CodeUnitCount else { return false }
    let name = utf8.span
    return word.withUTF8Buffer { word in name.indices.allSatisfy { name[$0].lowercased == word[$0] } }
  }

  /// Whether this media type is one of those by which NDJSON goes.
  fileprivate var isNDJSON: Bool {
    // The shortest of them has 17 letters, `application/json` has 16.
    guard utf8.count >= 17 else { return false }
    let media = String(prefix { $0 != ";" && $0 != " " })
    return media.isField("application/x-ndjson") || media.isField("application/ndjson")
      || media.isField("application/jsonl")
  }
}

extension UInt8 {
  fileprivate var lowercased: UInt8 {
    (UInt8(ascii: "A")...UInt8(ascii: "Z")).contains(self) ? self | 0x20 : self
  }
}
