import JobModel

/// What a request is for: the segments of its path, decoded, and its query. RFC 9112 section 3.2, RFC 3986 section 3.
struct RequestTarget: Sendable, Hashable {
  /// `/v1/jobs/7` has three; `/v1/jobs/` has three too, the last one empty, and so is no route.
  var segments: [String]
  /// Still encoded; nil where there is none.
  var query: Substring?

  /// Reads the origin form (`/v1/jobs?limit=2`) and the absolute form (`http://jobq/v1/jobs`).
  init(_ uri: String) throws(Problem) {
    // By bytes: what a request's target is made of is ASCII, and Characters cost ten times as much.
    var rest = uri.utf8[...]
    if rest.first != UInt8(ascii: "/"), let scheme = uri.firstRange(of: "://") {
      rest = rest[scheme.upperBound...]
      rest = rest.firstIndex { $0 == UInt8(ascii: "/") || $0 == UInt8(ascii: "?") }.map { rest[$0...] } ?? "/".utf8[...]
    }
    if let fragment = rest.firstIndex(of: UInt8(ascii: "#")) { rest = rest[..<fragment] }
    if let mark = rest.firstIndex(of: UInt8(ascii: "?")) {
      query = Substring(rest[rest.index(after: mark)...])
      rest = rest[..<mark]
    }
    guard rest.popFirst() == UInt8(ascii: "/") else {
      throw Problem(.notFound, "there is nothing at \"\(uri.printable)\"")
    }
    segments = []
    for part in rest.split(separator: UInt8(ascii: "/"), omittingEmptySubsequences: false) {
      guard let segment = Substring(part).percentDecoded() else {
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
