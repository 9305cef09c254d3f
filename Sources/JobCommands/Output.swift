import Glibc

/// Writes with write(2), whole: nothing is left in a buffer when a process is ended.
enum Output {
  static func write(_ text: some StringProtocol) throws(Failure) { try write(Array(text.utf8), to: STDOUT_FILENO) }

  /// A JSON document as it came, and a line end.
  static func write(json: [UInt8]) throws(Failure) { try write(json + [0x0A], to: STDOUT_FILENO) }

  /// A reader that has gone away ends the program in silence, as SIGPIPE would; any other error is said: a full disk must not look like
  /// a job without output.
  static func write(_ bytes: [UInt8], to descriptor: Int32) throws(Failure) {
    var rest = bytes[...]
    while !rest.isEmpty {
      let count = rest.withUnsafeBytes { Glibc.write(descriptor, $0.baseAddress, $0.count) }
      if count >= 0 {
        rest = rest.dropFirst(count)
        continue
      }
      switch errno {
      case EINTR: continue
      case EAGAIN:
        // Someone made our output non-blocking, which it shares with them.
        var ready = pollfd(fd: descriptor, events: Int16(POLLOUT), revents: 0)
        poll(&ready, 1, -1)
      case EPIPE: throw Failure(128 + SIGPIPE)
      default: throw Failure(EX_IOERR, "cannot write the output: \(String(cString: strerror(errno)))")
      }
    }
  }

  /// Where standard error is gone there is nobody to tell.
  static func toStandardError(_ text: some StringProtocol) {
    _ = try? write(Array(text.utf8), to: STDERR_FILENO)
  }
}
