import Dispatch
import Glibc
import Synchronization

/// A server that answers as its script says: one list of steps for each connection, in order; then it is gone.
final class ScriptedServer: Sendable {
  enum Step: Sendable {
    /// Reads a request, then sends this.
    case answer(String)
    /// Reads a request, then sends this in pieces of one byte.
    case dribble(String)
    /// Reads a request, and closes without a word.
    case drop
    /// Sends this without a request, as the rest of a stream.
    case send(String)
  }

  let path: String
  private let state = Mutex<(requests: [String], listener: Int32)>(([], -1))
  private let done = DispatchSemaphore(value: 0)

  /// What was asked, in order: the first line and the body.
  var requests: [String] { state.withLock { $0.requests } }

  /// - Parameter outage: how long nobody listens after the connection of that index.
  init(_ script: [[Step]], outageAfter: Int? = nil) throws {
    path = "/tmp/jobq-test-\(UInt64.random(in: .min ... .max)).sock"
    try listen()
    startThread { [self] in
      for (index, steps) in script.enumerated() {
        let connection = accept(state.withLock { $0.listener }, nil, nil)
        guard connection >= 0 else { break }
        for step in steps { perform(step, on: connection) }
        if index == outageAfter {
          stopListening()
          close(connection)
          // As long as a daemon takes to come back: the client meets a socket that is not there.
          usleep(120_000)
          try? listen()
        } else {
          close(connection)
        }
      }
      stopListening()
      done.signal()
    }
  }

  /// Waits until the script has been played to its end.
  func finish() { done.wait() }

  static func json(_ body: String, status: String = "200 OK") -> String {
    "HTTP/1.1 \(status)\r\nContent-Type: application/json\r\nContent-Length: \(body.utf8.count)\r\n\r\n\(body)"
  }

  private func listen() throws {
    let descriptor = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
    var address = sockaddr_un()
    address.sun_family = sa_family_t(AF_UNIX)
    withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: path.utf8) }
    let bound = withUnsafePointer(to: &address) {
      $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        bind(descriptor, $0, socklen_t(MemoryLayout<sockaddr_un>.size))
      }
    }
    guard bound == 0, Glibc.listen(descriptor, 8) == 0 else { throw Fault("\(path): \(errno)") }
    state.withLock { $0.listener = descriptor }
  }

  private func stopListening() {
    state.withLock {
      if $0.listener >= 0 { close($0.listener) }
      $0.listener = -1
    }
    unlink(path)
  }

  private func perform(_ step: Step, on connection: Int32) {
    switch step {
    case .answer(let text):
      readRequest(connection)
      send(text, connection)
    case .dribble(let text):
      readRequest(connection)
      for character in text.utf8 { send(String(decoding: [character], as: UTF8.self), connection) }
    case .drop: readRequest(connection)
    case .send(let text): send(text, connection)
    }
  }

  private func send(_ text: String, _ connection: Int32) {
    let bytes = Array(text.utf8)
    _ = bytes.withUnsafeBytes { Glibc.send(connection, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL)) }
  }

  private func readRequest(_ connection: Int32) {
    var bytes: [UInt8] = []
    var buffer = [UInt8](repeating: 0, count: 65536)
    while true {
      let count = recv(connection, &buffer, buffer.count, 0)
      guard count > 0 else { return }
      bytes += buffer[..<count]
      let text = String(decoding: bytes, as: UTF8.self)
      guard let end = text.range(of: "\r\n\r\n") else { continue }
      let head = text[..<end.lowerBound]
      let length =
        head.split(separator: "\r\n").first { $0.hasPrefix("Content-Length: ") }
        .flatMap { Int($0.dropFirst("Content-Length: ".count)) } ?? 0
      let body = text[end.upperBound...]
      guard body.utf8.count >= length else { continue }
      let line = head.prefix { $0 != "\r\n" }.split(separator: " ").prefix(2).joined(separator: " ")
      state.withLock { $0.requests.append(body.isEmpty ? line : "\(line) \(body)") }
      return
    }
  }
}

extension String {
  /// FoundationEssentials is not needed for one search.
  fileprivate func range(of text: String) -> Range<String.Index>? {
    var start = startIndex
    while start < endIndex {
      if self[start...].hasPrefix(text) { return start..<index(start, offsetBy: text.count) }
      start = index(after: start)
    }
    return nil
  }
}
