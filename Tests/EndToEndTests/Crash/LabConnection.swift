import Foundation
import Glibc

/// A blocking HTTP/1.1 connection to a daemon that dies and comes back. For one thread.
final class LabConnection {
  typealias Object = [String: Any]

  private let path: String
  private var descriptor: Int32 = -1

  init(_ path: String) { self.path = path }
  deinit { hangUp() }

  /// Asks until there is an answer: over deaths of the daemon and its 503s.
  /// - Returns: the answer, and whether an earlier try may have been done without an answer.
  func ask(_ method: String, _ target: String, _ body: Object? = nil) throws -> (
    status: Int, body: Object, wasRepeated: Bool
  ) {
    let deadline = Date().addingTimeInterval(120)
    var wasRepeated = false
    while Date() < deadline {
      if let (status, data) = try once(method, target, body), status != 503 {
        return (status, (try? JSONSerialization.jsonObject(with: data)) as? Object ?? [:], wasRepeated)
      }
      wasRepeated = true
      // Nobody can tell when the next daemon will listen.
      usleep(5000)
    }
    throw TestFault("no answer to \(method) \(target) for two minutes")
  }

  /// The body as text, where the daemon lives.
  func text(_ target: String) throws -> String {
    guard let (status, data) = try once("GET", target, nil), status == 200 else { throw TestFault("GET \(target)") }
    return String(decoding: data, as: UTF8.self)
  }

  /// Nil where the daemon was not there, or died before the whole answer.
  private func once(_ method: String, _ target: String, _ body: Object?) throws -> (Int, Data)? {
    var request = "\(method) \(target) HTTP/1.1\r\nHost: jobq\r\n"
    let content = try body.map { try JSONSerialization.data(withJSONObject: $0) }
    if let content { request += "Content-Type: application/json\r\nContent-Length: \(content.count)\r\n" }
    guard connect(), send(Data((request + "\r\n").utf8) + (content ?? Data())) else { return nil }
    var received = Data()
    while true {
      if let head = received.range(of: Data("\r\n\r\n".utf8)) {
        let lines = String(decoding: received[..<head.lowerBound], as: UTF8.self).split(separator: "\r\n")
        let length = lines.lazy.compactMap { line -> Int? in
          let parts = line.split(separator: ":", maxSplits: 1)
          guard parts.count == 2, parts[0].lowercased() == "content-length" else { return nil }
          return Int(parts[1].trimmingCharacters(in: .whitespaces))
        }.first
        let words = lines[0].split(separator: " ")
        guard words.count > 1, let status = Int(words[1]) else { throw TestFault("no HTTP: \(lines)") }
        let isChunked = lines.contains { $0.lowercased() == "transfer-encoding: chunked" }
        if isChunked, received.suffix(5) == Data("0\r\n\r\n".utf8) {
          return (status, Self.unchunked(received[head.upperBound...]))
        }
        if !isChunked, received.count - head.upperBound >= length ?? 0 {
          return (status, Data(received[head.upperBound...].prefix(length ?? 0)))
        }
      }
      var buffer = [UInt8](repeating: 0, count: 65_536)
      let count = recv(descriptor, &buffer, buffer.count, 0)
      guard count > 0 else {
        hangUp()
        return nil
      }
      received += buffer[..<count]
    }
  }

  private static func unchunked(_ data: Data) -> Data {
    var rest = data
    var whole = Data()
    while let line = rest.range(of: Data("\r\n".utf8)),
      let size = Int(String(decoding: rest[..<line.lowerBound], as: UTF8.self), radix: 16), size > 0
    {
      whole += rest[line.upperBound...].prefix(size)
      rest = rest[line.upperBound...].dropFirst(size + 2)
    }
    return whole
  }

  private func connect() -> Bool {
    if descriptor >= 0 { return true }
    let made = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
    var address = sockaddr_un()
    address.sun_family = sa_family_t(AF_UNIX)
    withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: path.utf8) }
    var limit = timeval(tv_sec: 60, tv_usec: 0)
    setsockopt(made, SOL_SOCKET, SO_RCVTIMEO, &limit, socklen_t(MemoryLayout<timeval>.size))
    let isConnected = withUnsafePointer(to: &address) {
      $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        Glibc.connect(made, $0, socklen_t(MemoryLayout<sockaddr_un>.size)) == 0
      }
    }
    guard isConnected else {
      close(made)
      return false
    }
    descriptor = made
    return true
  }

  private func send(_ data: Data) -> Bool {
    let sent = data.withUnsafeBytes { Glibc.send(descriptor, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL)) }
    if sent == data.count { return true }
    hangUp()
    return false
  }

  private func hangUp() {
    if descriptor >= 0 { close(descriptor) }
    descriptor = -1
  }
}
