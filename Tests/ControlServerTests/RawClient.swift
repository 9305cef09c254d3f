import Foundation

/// A client that sends bytes exactly as it is told, over a blocking socket on a thread of its own.
final class RawClient: Sendable {
  private let descriptor: Int32
  private let queue = DispatchQueue(label: "raw client")
  /// A client may send while it waits for an answer.
  private let sending = DispatchQueue(label: "raw client, sending")
  /// What has been received and not been read. Used on `queue` only.
  private let buffer = Box<[UInt8]>([])

  /// - Parameter patience: seconds after which a read that got nothing fails: only for a test that fails.
  init(_ path: String, patience: Int = 120) throws {
    descriptor = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0)
    var timeout = timeval(tv_sec: patience, tv_usec: 0)
    setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &timeout, socklen_t(MemoryLayout<timeval>.size))
    setsockopt(descriptor, SOL_SOCKET, SO_SNDTIMEO, &timeout, socklen_t(MemoryLayout<timeval>.size))
    var address = sockaddr_un()
    address.sun_family = sa_family_t(AF_UNIX)
    withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: path.utf8) }
    let code = withUnsafePointer(to: address) {
      $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_un>.size))
      }
    }
    guard code == 0 else {
      let error = TestFault("connect: \(String(cString: strerror(errno)))")
      Glibc.close(descriptor)
      throw error
    }
  }

  func close() { queue.async { [descriptor] in Glibc.close(descriptor) } }

  private func work<Value: Sendable>(
    on queue: DispatchQueue? = nil, _ body: @escaping @Sendable () throws -> Value
  ) async throws -> Value {
    try await withCheckedThrowingContinuation { continuation in
      (queue ?? self.queue).async { continuation.resume(with: Result { try body() }) }
    }
  }

  /// Sends all of it. Throws where the server has closed.
  func send(_ bytes: [UInt8]) async throws {
    try await work(on: sending) { [descriptor] in
      var rest = bytes[...]
      while !rest.isEmpty {
        let sent = rest.withUnsafeBytes { Glibc.send(descriptor, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL)) }
        if sent < 0, errno == EINTR { continue }
        guard sent > 0 else { throw TestFault("send: \(String(cString: strerror(errno)))") }
        rest = rest.dropFirst(sent)
      }
    }
  }

  func send(_ text: String) async throws { try await send(Array(text.utf8)) }

  /// Sends as much of it as goes at once.
  func sendWhatFits(_ text: String) async {
    try? await work(on: sending) { [descriptor] in
      var rest = Array(text.utf8)[...]
      while !rest.isEmpty {
        let sent = rest.withUnsafeBytes {
          Glibc.send(descriptor, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL) | Int32(MSG_DONTWAIT))
        }
        guard sent > 0 else { return }
        rest = rest.dropFirst(sent)
      }
    }
  }

  /// The longest that `/healthz` was waited for, of so many times, as this client's own thread sees it: tests beside this
  /// one may have all those on which it runs.
  func longestWait(of times: Int) async throws -> Duration {
    try await work { [descriptor, buffer] in
      let request = Array("GET /healthz HTTP/1.1\r\nHost: jobq\r\n\r\n".utf8)
      var longest = Duration.zero
      for _ in 0..<times {
        let began = ContinuousClock.now
        guard Glibc.send(descriptor, request, request.count, Int32(MSG_NOSIGNAL)) == request.count else {
          throw TestFault("send: \(String(cString: strerror(errno)))")
        }
        while buffer.value.firstRange(of: Array("}".utf8)) == nil {
          guard try Self.receive(descriptor, buffer) else { throw TestFault("closed") }
        }
        longest = max(longest, .now - began)
        buffer.value = []
      }
      return longest
    }
  }

  /// Says that nothing more will be sent.
  func endOutput() async throws {
    try await work(on: sending) { [descriptor] in _ = shutdown(descriptor, Int32(SHUT_WR)) }
  }

  /// Receives more; false at the end of the stream.
  private static func receive(_ descriptor: Int32, _ buffer: Box<[UInt8]>) throws -> Bool {
    var chunk = [UInt8](repeating: 0, count: 64 << 10)
    var count: Int
    // A signal such as CONT ends a call that has a time limit (signal(7)).
    repeat { count = recv(descriptor, &chunk, chunk.count, 0) } while count < 0 && errno == EINTR
    guard count >= 0 else { throw TestFault("recv: \(String(cString: strerror(errno)))") }
    buffer.value += chunk[..<count]
    return count > 0
  }

  /// All that comes until the server closes.
  func readToEnd() async throws -> String {
    try await work { [descriptor, buffer] in
      while try Self.receive(descriptor, buffer) {}
      defer { buffer.value = [] }
      return String(decoding: buffer.value, as: UTF8.self)
    }
  }

  /// Takes the bytes up to and with `mark`.
  func read(through mark: String) async throws -> String {
    try await work { [descriptor, buffer] in
      let mark = Array(mark.utf8)
      while true {
        if let range = buffer.value.firstRange(of: mark) {
          defer { buffer.value.removeSubrange(..<range.upperBound) }
          return String(decoding: buffer.value[..<range.upperBound], as: UTF8.self)
        }
        guard try Self.receive(descriptor, buffer) else {
          throw TestFault(
            "closed before \(String(decoding: mark, as: UTF8.self)): \(String(decoding: buffer.value, as: UTF8.self))")
        }
      }
    }
  }

  func read(count: Int) async throws -> [UInt8] {
    try await work { [descriptor, buffer] in
      while buffer.value.count < count {
        guard try Self.receive(descriptor, buffer) else { throw TestFault("closed before \(count) bytes") }
      }
      defer { buffer.value.removeFirst(count) }
      return Array(buffer.value[..<count])
    }
  }

  /// Reads the head of a reply, without its body.
  func head() async throws -> RawReply {
    let text = try await read(through: "\r\n\r\n")
    var lines = text.dropLast(2).components(separatedBy: "\r\n")
    let status = lines.removeFirst().split(separator: " ")
    guard status.count >= 2, status[0].hasPrefix("HTTP/1."), let code = Int(status[1]) else {
      throw TestFault("no status line: \(text)")
    }
    var headers: [String: String] = [:]
    for line in lines {
      let parts = line.split(separator: ":", maxSplits: 1)
      headers[parts[0].lowercased()] = parts[1].trimmingCharacters(in: .whitespaces)
    }
    return RawReply(status: code, headers: headers, body: "")
  }

  /// Reads one reply whole.
  func reply(toHead: Bool = false) async throws -> RawReply {
    var reply = try await head()
    if toHead || reply.status == 204 || reply.status == 100 { return reply }
    if let length = reply.headers["content-length"].flatMap({ Int($0) }) {
      reply.body = String(decoding: try await read(count: length), as: UTF8.self)
    } else if reply.headers["transfer-encoding"] == "chunked" {
      while case let chunk = try await chunk(), !chunk.isEmpty { reply.body += chunk }
    } else {
      reply.body = try await readToEnd()
    }
    return reply
  }

  /// One chunk of a chunked body; empty at its end.
  func chunk() async throws -> String {
    let line = try await read(through: "\r\n")
    guard let size = Int(line.dropLast(), radix: 16) else { throw TestFault("no chunk: \(line)") }
    let bytes = try await read(count: size + 2)
    return String(decoding: bytes.dropLast(2), as: UTF8.self)
  }

  func ask(_ method: String, _ target: String, body: String? = nil, headers: [String: String] = [:]) async throws
    -> RawReply
  {
    var text = "\(method) \(target) HTTP/1.1\r\nHost: jobq\r\n"
    for (name, value) in headers { text += "\(name): \(value)\r\n" }
    if let body { text += "Content-Length: \(body.utf8.count)\r\n" }
    try await send(text + "\r\n" + (body ?? ""))
    return try await reply(toHead: method == "HEAD")
  }
}

struct RawReply: Sendable {
  var status: Int
  var headers: [String: String]
  var body: String

  func object() throws -> [String: Any] {
    guard let object = try JSONSerialization.jsonObject(with: Data(body.utf8)) as? [String: Any] else {
      throw TestFault("no JSON object: \(body)")
    }
    return object
  }

  /// `detail` of a problem document.
  var detail: String { (try? object()["detail"] as? String) ?? "" }
}

/// One value that a queue guards.
final class Box<Value>: @unchecked Sendable {  // Used on its owner's serial queue only.
  var value: Value
  init(_ value: Value) { self.value = value }
}
