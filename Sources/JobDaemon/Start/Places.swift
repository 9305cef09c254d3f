/// Where the daemon's files are: decided once, from what it was told and from who it is.
package struct Places: Sendable, Hashable {
  package var configuration: ConfigurationFile
  package var stateDirectory: String
  /// As a flag or the environment named it; nil leaves it to the file.
  private var namedSocket: String?
  private var defaultSocket: String

  /// Who the daemon is and what was handed to it. Read once by `current`, so that deciding is a pure function.
  package struct Surroundings: Sendable {
    package var environment: [String: String]
    package var uid: UInt32
    package var pid: Int32
    /// From the passwd database, for a person whose HOME is not set.
    package var home: String?
    package var workingDirectory: String

    package init(
      environment: [String: String], uid: UInt32, pid: Int32, home: String?, workingDirectory: String
    ) {
      self.environment = environment
      self.uid = uid
      self.pid = pid
      self.home = home
      self.workingDirectory = workingDirectory
    }
  }

  /// Decides. A flag wins, then `JOBQ_CONFIG`, `JOBQ_STATE_DIR`, `JOBQ_SOCKET`, then the file, then the default
  /// place: that of the system for root and
  /// for a service of the system's manager, else the person's by the XDG base directory specification.
  /// - Throws: `StartError` with exit code 64 for a path that cannot be one, 78 where a person has no home to
  ///   take a default place in.
  package init(
    config: String?, stateDirectory: String?, socket: String?, in surroundings: Surroundings
  ) throws(StartError) {
    let environment = surroundings.environment
    let defaults = Defaults(surroundings)

    func named(_ flag: String?, _ option: String, _ variable: String) throws(StartError) -> String? {
      // An empty variable is no name, as with XDG's own; an empty flag is a slip.
      let inherited = environment[variable].flatMap { $0.isEmpty ? nil : $0 }
      guard let path = flag ?? inherited else { return nil }
      guard !path.isEmpty, !path.utf8.contains(0) else { throw StartError(.usage, "\(option): a path is expected") }
      return path.hasPrefix("/") ? path : "\(surroundings.workingDirectory)/\(path)"
    }
    func orDefault(_ path: String?, _ option: String) throws(StartError) -> String {
      guard let path else {
        throw StartError(
          .configuration, "neither HOME nor the passwd database says where your home is; give \(option)")
      }
      return path
    }

    let config = try named(config, "--config", "JOBQ_CONFIG")
    configuration = ConfigurationFile(
      path: try orDefault(config ?? defaults.config, "--config"), isNamed: config != nil)
    self.stateDirectory = try orDefault(
      try named(stateDirectory, "--state-dir", "JOBQ_STATE_DIR") ?? defaults.state, "--state-dir")
    namedSocket = try named(socket, "--socket", "JOBQ_SOCKET")
    defaultSocket = defaults.socket
    for path in [namedSocket, defaultSocket].compactMap({ $0 }) where !SocketPath.isUsable(path) {
      throw StartError(
        .usage, "the socket's path \(path) has \(path.utf8.count) bytes; unix(7) allows \(SocketPath.most)")
    }
  }

  /// Where to listen, once the file has been read.
  package func socket(_ settings: SocketSettings) -> String { namedSocket ?? settings.path ?? defaultSocket }

  private struct Defaults {
    var config: String?
    var state: String?
    var socket: String

    init(_ surroundings: Surroundings) {
      let environment = surroundings.environment
      /// The XDG specification: a path that is not absolute is to be ignored.
      func absolute(_ variable: String) -> String? {
        environment[variable].flatMap { $0.hasPrefix("/") ? $0 : nil }
      }
      /// systemd.exec(5): what a unit's own directories are, with colons between; the first is ours.
      func given(_ variable: String) -> String? {
        absolute(variable).map { String($0.prefix { $0 != ":" }) }
      }
      if surroundings.isSystem {
        config = "/etc/jobq/jobq.yaml"
        state = "/var/lib/jobq"
        socket = "/run/jobq/jobq.sock"
      } else {
        let home = absolute("HOME") ?? surroundings.home
        config = (absolute("XDG_CONFIG_HOME") ?? home.map { "\($0)/.config" }).map { "\($0)/jobq/jobq.yaml" }
        state = (absolute("XDG_STATE_HOME") ?? home.map { "\($0)/.local/state" }).map { "\($0)/jobq" }
        // pam_systemd(8) makes this directory; without the variable it is where the client looks, too.
        socket = "\(absolute("XDG_RUNTIME_DIR") ?? "/run/user/\(surroundings.uid)")/jobq/jobq.sock"
      }
      state = given("STATE_DIRECTORY") ?? state
      socket = given("RUNTIME_DIRECTORY").map { "\($0)/jobq.sock" } ?? socket
      config = given("CONFIGURATION_DIRECTORY").map { "\($0)/jobq.yaml" } ?? config
    }
  }
}

extension Places.Surroundings {
  /// Root, or a service of the system's manager whatever its user. systemd.exec(5): only a user's manager sets
  /// MANAGERPID, and SYSTEMD_EXEC_PID is the
  /// process that a manager started itself, which tells a service from a shell that has inherited the variables.
  var isSystem: Bool {
    if uid == 0 { return true }
    if environment["MANAGERPID"] != nil { return false }
    return environment["SYSTEMD_EXEC_PID"] == String(pid) || environment["STATE_DIRECTORY"] != nil
  }
}
