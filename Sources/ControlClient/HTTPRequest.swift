/// A request of HTTP/1.1 (RFC 9112), with its whole body.
package struct HTTPRequest: Sendable {
  package var method: String
  /// Path and query, percent-encoded.
  package var target: String
  package var contentType: String?
  package var body: [UInt8]

  package static let json = "application/json"
  package static let lines = "application/x-ndjson"

  package init(
    _ method: String, _ path: String, query: [(name: String, value: String)] = [], contentType: String? = nil,
    body: [UInt8] = []
  ) {
    self.method = method
    target = path
    for (index, pair) in query.enumerated() {
      target += (index == 0 ? "?" : "&") + "\(pair.name)=\(HTTPRequest.escaped(pair.value))"
    }
    self.contentType = contentType
    self.body = body
  }

  /// As it goes on the wire, but for the body.
  var head: [UInt8] {
    var text = "\(method) \(target) HTTP/1.1\r\nHost: jobq\r\n"
    if let contentType { text += "Content-Type: \(contentType)\r\n" }
    if !body.isEmpty || method != "GET" { text += "Content-Length: \(body.count)\r\n" }
    return Array((text + "\r\n").utf8)
  }

  /// Percent-encodes all but the unreserved characters (RFC 3986 section 2.3): fit for a query's value and for one segment of a path.
  package static func escaped(_ text: String) -> String {
    var bytes: [UInt8] = []
    for byte in text.utf8 {
      switch byte {
      case 0x30...0x39, 0x41...0x5A, 0x61...0x7A, 0x2D, 0x2E, 0x5F, 0x7E: bytes.append(byte)
      default:
        let digits = Array("0123456789ABCDEF".utf8)
        bytes += [0x25, digits[Int(byte >> 4)], digits[Int(byte & 15)]]
      }
    }
    return String(decoding: bytes, as: UTF8.self)
  }
}
