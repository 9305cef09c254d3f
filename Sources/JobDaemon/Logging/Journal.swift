import Glibc
import JobModel
import Logging

/// The journal's own socket, by which an entry has fields: https://systemd.io/JOURNAL_NATIVE_PROTOCOL
///
/// `journalctl JOBQ_ID=42` then shows all that the log says of a job.
struct Journal: Sendable {
  /// Open for the life of the process, as standard error is.
  private let descriptor: Int32

  /// Nil where nobody listens there.
  init?(path: String) {
    var address = sockaddr_un()
    address.sun_family = sa_family_t(AF_UNIX)
    guard path.utf8.count <= SocketPath.most else { return nil }
    withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: path.utf8) }
    descriptor = socket(AF_UNIX, Int32(SOCK_DGRAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
    guard descriptor >= 0 else { return nil }
    let code = withUnsafePointer(to: &address) {
      $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_un>.size))
      }
    }
    guard code == 0 else {
      close(descriptor)
      return nil
    }
  }

  /// False where it was not taken: it is too long for a datagram, or the journal has been started anew since. May
  /// block, as a write to standard error may.
  func send(_ entry: [UInt8]) -> Bool {
    while true {
      let count = Glibc.send(descriptor, entry, entry.count, Int32(MSG_NOSIGNAL))
      if count < 0, errno == EINTR { continue }
      return count == entry.count
    }
  }

  /// A line of the log as an entry: its text as it would stand in standard error, and each field by itself. Control
  /// characters are visible in both, so that no value can begin another field.
  static func entry(_ level: Logger.Level, _ text: String, _ metadata: Logger.Metadata) -> [UInt8] {
    var entry = "MESSAGE=\(text)\nPRIORITY=\(level.priority)\nSYSLOG_IDENTIFIER=jobqd\n"
    for (key, value) in metadata.sorted(by: { $0.key < $1.key }) {
      entry += "\(field(key))=\("\(value)".printable)\n"
    }
    return Array(entry.utf8)
  }

  /// Capital letters, digits and underscores, at most 64 of them. The job is `JOBQ_ID`, as in its environment.
  private static func field(_ key: String) -> String {
    if key == "job" { return "JOBQ_ID" }
    let name = key.uppercased().unicodeScalars.map { ("A"..."Z").contains($0) || ("0"..."9").contains($0) ? $0 : "_" }
    return String(("JOBQ_" + String(String.UnicodeScalarView(name))).prefix(64))
  }
}
