import Foundation
import JobModel
import Testing

@testable import JobDaemon

@Suite struct DoctorTests {
  @Test("of the kernel's Unix sockets those count that listen at a path")
  func listening() {
    for (line, path) in [
      ("ffff: 00000002 00000000 00010000 0001 01 4711 /run/jobq/jobq.sock\n", "/run/jobq/jobq.sock"),
      ("ffff: 00000002 00000000 00010000 0001 01 4711 /run/a b\n", "/run/a b"),
      ("ffff: 00000003 00000000 00000000 0001 03 4711 /run/jobq/jobq.sock\n", nil),
      ("ffff: 00000002 00000000 00010000 0001 01 4711 @abstract\n", nil),
      ("ffff: 00000002 00000000 00010000 0001 01 4711\n", nil),
      ("Num       RefCount Protocol Flags    Type St Inode Path\n", nil),
    ] {
      #expect(ListeningSockets.path(in: line) == path, "\(line)")
    }
  }

  @Test("a socket that is absent or left over is a warning, another file in its place and one for everybody too")
  func socket() throws {
    let directory = NSTemporaryDirectory() + "jobq-doctor-\(UUID().uuidString.prefix(8))"
    try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(atPath: directory) }
    let path = directory + "/s"
    #expect(Doctor.finding(onSocket: path, isListening: false).grade == .warn)
    try Data().write(to: URL(fileURLWithPath: path))
    #expect(Doctor.finding(onSocket: path, isListening: false).grade == .bad)
    #expect(Doctor.finding(onSocket: path + "/below", isListening: false).grade == .bad)
    unlink(path)
    let descriptor = Glibc.socket(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0)
    defer { close(descriptor) }
    var address = sockaddr_un()
    address.sun_family = sa_family_t(AF_UNIX)
    withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: path.utf8) }
    _ = withUnsafePointer(to: address) {
      $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        bind(descriptor, $0, socklen_t(MemoryLayout<sockaddr_un>.size))
      }
    }
    chmod(path, 0o660)
    #expect(!ListeningSockets.current().contains(path))
    #expect(Doctor.finding(onSocket: path, isListening: false).detail.contains("left over"))
    listen(descriptor, 1)
    #expect(ListeningSockets.current().contains(path))
    #expect(Doctor.finding(onSocket: path, isListening: true).grade == .ok)
    chmod(path, 0o666)
    #expect(Doctor.finding(onSocket: path, isListening: true).grade == .warn)
  }

  @Test("findings are a line each, and only bad ones fail")
  func text() {
    let diagnosis = Diagnosis([
      .init(.ok, "jobqd", "0.1.0"), .init(.warn, "disk", "full\nnearly", advice: "free some"),
    ])
    #expect(diagnosis.text == "ok    jobqd  0.1.0\nwarn  disk   full\\u{a}nearly → free some\n")
    #expect(diagnosis.grade == .warn && diagnosis.exitCode == 0)
    #expect(Diagnosis(diagnosis.findings + [.init(.bad, "x", "y")]).exitCode == 1)
  }
}
