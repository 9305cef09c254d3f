import JobModel

/// What a request is for: the segments of its path, decoded, and its query. RFC 9112 section 3.2, RFC 3986 section 3.
struct RequestTarget: Sendable, Hashable {
  /// `/v1/jobs/7` has three; `/v1/jobs/` has three too, the last one empty, and so is no route.
  var segments: [String]
  /// Still encoded; nil where there is none.
  var query: Substring?

  /// Reads the origin form (`/v1/jobs?limit=2`) and the absolute form (`http://jobq/v1/jobs`).
  init(_ uri: String) throws(Problem) {
    var rest = Substring(uri)
    if !rest.hasPrefix("/"), let scheme = rest.firstRange(of: "://") {
      rest = rest[scheme.upperBound...]
      rest = rest.firstIndex { $0 == "/" || $0 == "?" }.map { rest[$0...] } ?? "/"
    }
    if let fragment = rest.firstIndex(of: "#") { rest = rest[..<fragment] }
    if let mark = rest.firstIndex(of: "?") {
      query = rest[rest.index(after: mark)...]
      rest = rest[..<mark]
    }
    guard rest.first == "/" else { throw Problem(.notFound, "there is nothing at \"\(uri.printable)\"") }
    segments = []
    for part in rest.dropFirst().split(separator: "/", omittingEmptySubsequences: false) {
      guard let segment = part.percentDecoded() else {
        throw Problem(.malformed, "the path holds a \"%\" that is no percent-encoding")
      }
      segments.append(segment)
    }
  }
}

extension Substring {
  /// Without its percent-encoding (RFC 3986 section 2.1), in forms with `+` for a space. Nil where a `%` is not
  /// followed by two hexadecimal digits, or the result is no UTF-8.
  func percentDecoded(form: Bool = false) -> String? {
    guard utf8.contains(where: { $0 == UInt8(ascii: "%") || (form && $0 == UInt8(ascii: "+")) }) else {
      return String(self)
    }
    var bytes: [UInt8] = []
    bytes.reserveCapacity(utf8.count)
    var rest = utf8[...]
    while let byte = rest.popFirst() {
      switch byte {
      case UInt8(ascii: "%"):
        guard let high = rest.popFirst()?.hexDigit, let low = rest.popFirst()?.hexDigit else { return nil }
        bytes.append(high << 4 | low)
      case UInt8(ascii: "+") where form: bytes.append(UInt8(ascii: " "))
      default: bytes.append(byte)
      }
    }
    return String(validating: bytes, as: UTF8.self)
  }
}

extension UInt8 {
  /// The value of this ASCII character as a hexadecimal digit.
  var hexDigit: UInt8? {
    switch self {
    case UInt8(ascii: "0")...UInt8(ascii: "9"): self - UInt8(ascii: "0")
    case UInt8(ascii: "a")...UInt8(ascii: "f"): self - UInt8(ascii: "a") + 10
    case UInt8(ascii: "A")...UInt8(ascii: "F"): self - UInt8(ascii: "A") + 10
    default: nil
    }
  }
}
