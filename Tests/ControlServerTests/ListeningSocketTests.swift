import Foundation
import Testing

@testable import ControlServer

@Suite("The socket") struct ListeningSocketTests {
  private func inDirectory(_ body: (String) throws -> Void) throws {
    let directory = NSTemporaryDirectory() + "jobq-sock-\(UUID().uuidString.prefix(8))"
    try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: false)
    defer { try? FileManager.default.removeItem(atPath: directory) }
    try body(directory)
  }

  private func bind(_ path: String, mode: UInt16 = 0o660, group: String? = nil) throws(ControlServerError)
    -> ListeningSocket
  {
    try ListeningSocket(.bind(path: path, mode: mode, group: group))
  }

  private func code(_ path: String, group: String? = nil) -> ControlServerError? {
    do throws(ControlServerError) {
      close(try bind(path, group: group).descriptor)
      return nil
    } catch { return error }
  }

  private func look(_ path: String) -> stat? {
    var status = stat()
    return lstat(path, &status) == 0 ? status : nil
  }

  @Test("It has the mode and the group that were asked for, whatever the umask")
  func modeAndGroup() throws {
    try inDirectory { directory in
      for mode in [0o600, 0o660, 0o666] as [UInt16] {
        let path = "\(directory)/\(mode).sock"
        let socket = try bind(path, mode: mode, group: getuid() == 0 ? "daemon" : nil)
        defer { close(socket.descriptor) }
        let status = try #require(look(path))
        #expect(status.st_mode == S_IFSOCK | mode_t(mode))
        if getuid() == 0 { #expect(status.st_gid == getgrnam("daemon")?.pointee.gr_gid) }
      }
    }
  }

  @Test("It is for nobody but us between bind and listen: the mode of an unbound socket is that of its file")
  func bornPrivate() throws {
    try inDirectory { directory in
      let path = directory + "/probe.sock"
      let descriptor = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0)
      defer { close(descriptor) }
      #expect(fchmod(descriptor, 0o600) == 0)
      var address = sockaddr_un()
      address.sun_family = sa_family_t(AF_UNIX)
      withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: path.utf8) }
      let code = withUnsafePointer(to: address) {
        $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
          Glibc.bind(descriptor, $0, socklen_t(MemoryLayout<sockaddr_un>.size))
        }
      }
      #expect(code == 0)
      #expect(look(path)?.st_mode == S_IFSOCK | 0o600)
    }
  }

  @Test("A path where somebody listens is left alone")
  func live() throws {
    try inDirectory { directory in
      let path = directory + "/a.sock"
      let first = try bind(path)
      defer { close(first.descriptor) }
      let error = try #require(code(path))
      #expect(error.code == .inUse)
      #expect(error.message == "another daemon answers at \"\(path)\"")
      #expect(code(path) != nil)
    }
  }

  @Test("A socket that nobody listens at makes way")
  func stale() throws {
    try inDirectory { directory in
      let path = directory + "/a.sock"
      close(try bind(path).descriptor)
      #expect(look(path) != nil)
      let second = try bind(path)
      close(second.descriptor)
    }
  }

  @Test("A file that is no socket is refused and stays")
  func noSocket() throws {
    try inDirectory { directory in
      let path = directory + "/precious"
      #expect(FileManager.default.createFile(atPath: path, contents: Data("keep".utf8)))
      #expect(code(path)?.code == .unusable)
      #expect(FileManager.default.contents(atPath: path) == Data("keep".utf8))
      try FileManager.default.createSymbolicLink(atPath: directory + "/link", withDestinationPath: path)
      #expect(code(directory + "/link")?.code == .unusable)
      #expect(code(directory)?.code == .unusable)
    }
  }

  @Test("A path that is too long, relative or without a parent is refused with its reason")
  func badPaths() throws {
    try inDirectory { directory in
      let long = directory + "/" + String(repeating: "x", count: 108)
      let error = try #require(code(long))
      #expect(error.code == .unusable)
      #expect(error.message.hasSuffix("has \(long.utf8.count) bytes; the system takes 107 at most"))
      #expect(code("jobq.sock")?.code == .unusable)
      #expect(code(directory + "/a/b/c.sock")?.message.contains("mkdir") == true)
      #expect(code(directory + "/g.sock", group: "no-such-group-here")?.code == .unusable)
      #expect(look(directory + "/g.sock") == nil)
      // As long as it may be.
      let longest =
        directory + "/" + String(repeating: "x", count: ListeningSocket.longestPath - directory.utf8.count - 1)
      #expect(code(longest) == nil)
    }
  }

  @Test("A missing directory is made, one level of it")
  func makesDirectory() throws {
    try inDirectory { directory in
      let socket = try bind(directory + "/made/a.sock")
      defer { close(socket.descriptor) }
      #expect(look(directory + "/made")?.st_mode == S_IFDIR | (geteuid() == 0 ? 0o755 : 0o700))
    }
  }

  @Test("A second daemon that starts in the same moment is refused, not confused")
  func race() throws {
    try inDirectory { directory in
      let lock = open(directory, O_RDONLY | O_DIRECTORY)
      defer { close(lock) }
      #expect(flock(lock, LOCK_EX) == 0)
      #expect(code(directory + "/a.sock")?.code == .inUse)
      #expect(flock(lock, LOCK_UN) == 0)
      #expect(code(directory + "/a.sock") == nil)
    }
  }

  @Test("At the end the path goes, but not where it is a successor's by now")
  func unlinks() throws {
    try inDirectory { directory in
      let path = directory + "/a.sock"
      let first = try bind(path)
      first.unlinkIfOurs()
      #expect(look(path) == nil)
      close(first.descriptor)

      let old = try bind(path)
      close(old.descriptor)
      // Kept open, so that the number of the old file is not given to the new one.
      #expect(rename(path, path + ".old") == 0)
      let successor = try bind(path)
      old.unlinkIfOurs()
      #expect(look(path) != nil)
      close(successor.descriptor)
    }
  }

  @Test("Only a listening Unix stream socket is adopted, and its path is never unlinked")
  func adopts() throws {
    try inDirectory { directory in
      let path = directory + "/a.sock"
      let made = try bind(path)
      let adopted = try ListeningSocket(.adopt(descriptor: made.descriptor))
      #expect(adopted.descriptor == made.descriptor)
      adopted.unlinkIfOurs()
      #expect(look(path) != nil)
      close(made.descriptor)
      let plain = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0)
      defer { close(plain) }
      for descriptor in [plain, 0, 9999] {
        #expect(throws: ControlServerError.self) { try ListeningSocket(.adopt(descriptor: descriptor)) }
      }
    }
  }
}
