import Foundation
import Testing

@Suite("SQLite from its source")
struct SQLiteBuildTests {
  @Test("where the source cannot be had it is said, nothing is left of an earlier archive, and the build goes on")
  func fallback() throws {
    let directory = NSTemporaryDirectory() + "jobq sqlite \(UUID().uuidString.prefix(8))"
    defer { try? FileManager.default.removeItem(atPath: directory) }
    let (words, made) = (directory + "/words", directory + "/made")
    for path in [words, made] {
      try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
    }
    try Data("#!/bin/sh\necho no network >&2\nexit 100\n".utf8).write(to: URL(fileURLWithPath: words + "/apt-get"))
    try FileManager.default.setAttributes([.posixPermissions: 0o755], ofItemAtPath: words + "/apt-get")
    for name in ["libjobqsqlite.a", "sqlite3.pc", "log"] {
      try Data("old".utf8).write(to: URL(fileURLWithPath: made + "/" + name))
    }
    let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
      .deletingLastPathComponent()
    let process = Process()
    process.executableURL = root.appendingPathComponent("Sources/CSQLite/build")
    process.arguments = [made]
    process.environment = ["PATH": words + ":" + (ProcessInfo.processInfo.environment["PATH"] ?? "/usr/bin:/bin")]
    let errors = Pipe()
    process.standardError = errors
    process.standardOutput = FileHandle.nullDevice
    try process.run()
    let said = String(decoding: errors.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
    process.waitUntilExit()
    #expect(process.terminationStatus == 0)
    #expect(said.contains("the system's is used"), "\(said)")
    #expect(try FileManager.default.contentsOfDirectory(atPath: made) == ["log"])
    #expect(try String(contentsOfFile: made + "/log", encoding: .utf8).contains("no network"))
  }
}
