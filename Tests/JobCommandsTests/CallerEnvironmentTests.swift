import Glibc
import Testing

@testable import JobCommands

@Suite("What of the caller's surroundings a job gets")
struct CallerEnvironmentTests {
  private let caller = [
    "PATH": "/bin", "LANG": "de_DE.UTF-8", "HOME": "/home/me", "USER": "me", "SHELL": "/bin/zsh", "SECRET": "s",
    "JOBQ_ID": "7", "JOBQ_SOCKET": "/s", "JOBQ_MARK": "m", "LISTEN_FDS": "1", "NOTIFY_SOCKET": "/n",
  ]

  private func collect(own: Bool, inherit: Bool = false, _ settings: String...) throws -> [String: String] {
    try CallerEnvironment.collect(isOwnDaemon: own, inherited: inherit ? caller : nil, settings: settings) {
      caller[$0]
    }
  }

  @Test("one's own daemon gets home, user and shell too; another's fills them in itself")
  func owner() throws {
    #expect(
      try collect(own: true) == [
        "PATH": "/bin", "LANG": "de_DE.UTF-8", "HOME": "/home/me", "USER": "me", "SHELL": "/bin/zsh",
      ])
    #expect(try collect(own: false) == ["PATH": "/bin", "LANG": "de_DE.UTF-8"])
  }

  @Test("all are passed on where that is asked, but for those of the daemon and of service managers")
  func inherited() throws {
    #expect(
      try collect(own: false, inherit: true) == [
        "PATH": "/bin", "LANG": "de_DE.UTF-8", "HOME": "/home/me", "USER": "me", "SHELL": "/bin/zsh", "SECRET": "s",
      ])
  }

  @Test("K takes the caller's value, K=V sets one, and the last word wins")
  func settings() throws {
    let env = try collect(own: false, "SECRET", "PATH=/opt", "A=1=2", "A=3", "EMPTY=")
    #expect(env == ["SECRET": "s", "PATH": "/opt", "LANG": "de_DE.UTF-8", "A": "3", "EMPTY": ""])
    #expect(throws: Failure.self) { try collect(own: false, "UNSET") }
  }

  @Test("the process's own variables, directory and umask are read as they are")
  func own() throws {
    let all = try CallerEnvironment.all()
    #expect(all["PATH"] == CallerEnvironment.variable("PATH"))
    let before = umask(0o027)
    defer { umask(before) }
    #expect(CallerEnvironment.umask() == "027")
    #expect(CallerEnvironment.umask() == "027")
    #expect(try CallerEnvironment.directory().hasPrefix("/"))
  }
}
