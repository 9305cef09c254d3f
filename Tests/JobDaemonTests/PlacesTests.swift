import Testing

@testable import JobDaemon

@Suite("Where the files are")
struct PlacesTests {
  private func places(
    _ environment: [String: String] = [:], uid: UInt32 = 1000, home: String? = nil, config: String? = nil,
    state: String? = nil, socket: String? = nil
  ) throws(StartError) -> Places {
    try Places(
      config: config, stateDirectory: state, socket: socket,
      in: .init(environment: environment, uid: uid, pid: 42, home: home, workingDirectory: "/here"))
  }

  private func expect(_ places: Places, config: String, state: String, socket: String, named: Bool = false) {
    #expect(places.configuration == ConfigurationFile(path: config, isNamed: named))
    #expect(places.stateDirectory == state)
    #expect(places.socket(SocketSettings()) == socket)
  }

  @Test("root uses the system's places, whatever XDG says")
  func root() throws {
    expect(
      try places(["HOME": "/root", "XDG_STATE_HOME": "/x", "XDG_RUNTIME_DIR": "/run/user/0"], uid: 0),
      config: "/etc/jobq/jobq.yaml", state: "/var/lib/jobq", socket: "/run/jobq/jobq.sock")
  }

  @Test("a service of the system's manager uses the system's places, and those that its unit gives it")
  func service() throws {
    let manager = ["HOME": "/var/lib/jobq", "SYSTEMD_EXEC_PID": "42", "INVOCATION_ID": "x"]
    expect(
      try places(manager), config: "/etc/jobq/jobq.yaml", state: "/var/lib/jobq", socket: "/run/jobq/jobq.sock")
    let given = [
      "STATE_DIRECTORY": "/srv/a:/srv/b", "RUNTIME_DIRECTORY": "/run/other", "CONFIGURATION_DIRECTORY": "/etc/o",
    ]
    expect(
      try places(manager.merging(given) { $1 }), config: "/etc/o/jobq.yaml", state: "/srv/a",
      socket: "/run/other/jobq.sock")
  }

  @Test(
    "a service of a person's own manager, and a shell that inherited a service's variables, use the person's places")
  func person() throws {
    let expected = (
      config: "/home/a/.config/jobq/jobq.yaml", state: "/home/a/.local/state/jobq",
      socket: "/run/user/1000/jobq/jobq.sock"
    )
    for environment in [
      ["HOME": "/home/a"], ["HOME": "/home/a", "SYSTEMD_EXEC_PID": "7", "INVOCATION_ID": "x"],
      ["HOME": "/home/a", "SYSTEMD_EXEC_PID": "42", "MANAGERPID": "9"],
      ["HOME": "/home/a", "XDG_CONFIG_HOME": "relative", "XDG_STATE_HOME": "", "XDG_RUNTIME_DIR": "./x"],
    ] {
      expect(try places(environment), config: expected.config, state: expected.state, socket: expected.socket)
    }
    let unit = ["HOME": "/home/a", "MANAGERPID": "9", "STATE_DIRECTORY": "/home/a/.local/state/jobq-two"]
    #expect(try places(unit).stateDirectory == "/home/a/.local/state/jobq-two")
    #expect(try places(unit).configuration.path == expected.config)
  }

  @Test("the XDG variables move a person's places")
  func xdg() throws {
    expect(
      try places(["XDG_CONFIG_HOME": "/c", "XDG_STATE_HOME": "/s", "XDG_RUNTIME_DIR": "/r"]),
      config: "/c/jobq/jobq.yaml", state: "/s/jobq", socket: "/r/jobq/jobq.sock")
  }

  @Test("without HOME the passwd database decides, and without that the option that is missing is named")
  func homeless() throws {
    #expect(try places(home: "/home/b").stateDirectory == "/home/b/.local/state/jobq")
    let error = #expect(throws: StartError.self) { try places(config: "/c") }
    #expect(error?.code == .configuration)
    #expect(error?.description.hasSuffix("give --state-dir") == true)
  }

  @Test("a flag wins over the environment, and that over the default")
  func precedence() throws {
    let environment = ["JOBQ_CONFIG": "/e/c", "JOBQ_STATE_DIR": "/e/s", "JOBQ_SOCKET": "/e/k"]
    expect(try places(environment, uid: 0), config: "/e/c", state: "/e/s", socket: "/e/k", named: true)
    expect(
      try places(environment, uid: 0, config: "/f/c", state: "/f/s", socket: "/f/k"),
      config: "/f/c", state: "/f/s", socket: "/f/k", named: true)
    let empty = ["JOBQ_CONFIG": "", "JOBQ_STATE_DIR": "", "JOBQ_SOCKET": ""]
    expect(
      try places(empty, uid: 0), config: "/etc/jobq/jobq.yaml", state: "/var/lib/jobq", socket: "/run/jobq/jobq.sock")
  }

  @Test("the file's socket wins over the default place, and loses against a flag and the environment")
  func socketOfTheFile() throws {
    let settings = SocketSettings(path: "/file/k")
    #expect(try places(uid: 0).socket(settings) == "/file/k")
    #expect(try places(["JOBQ_SOCKET": "/e/k"], uid: 0).socket(settings) == "/e/k")
    #expect(try places(uid: 0, socket: "k").socket(settings) == "/here/k")
  }

  @Test("a relative path means the directory in which the daemon was started")
  func relative() throws {
    expect(
      try places(uid: 0, config: "c", state: "./s", socket: "k"),
      config: "/here/c", state: "/here/./s", socket: "/here/k", named: true)
  }

  @Test("a path that cannot be one is bad usage")
  func bad() {
    #expect(throws: StartError(.usage, "--config: a path is expected")) { try places(uid: 0, config: "") }
    let long = "/" + String(repeating: "x", count: 107)
    let error = #expect(throws: StartError.self) { try places(uid: 0, socket: long) }
    #expect(error?.code == .usage)
    #expect(error?.description.contains("108 bytes; unix(7) allows 107") == true)
  }
}
