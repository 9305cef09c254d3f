import Glibc
import JobModel
import JobProcess
import JobStore
import Supervisor

/// `jobqd --doctor`: what is in force here, and what is wrong, without a daemon. It reads, and changes nothing. What
/// `GET /v1/doctor` says of the daemon's surroundings is from here, too.
struct Doctor {
  private typealias Finding = Diagnosis.Finding

  let places: Places
  let configuration: Result<ConfigurationFile.Loaded, ConfigurationError>

  /// Reads the configuration file; one that is bad is a finding. Blocks.
  init(_ places: Places) {
    self.places = places
    configuration = Result { () throws(ConfigurationError) in try places.configuration.load() }
  }

  /// Blocks: it reads all of the database.
  func diagnosis() -> Diagnosis {
    Diagnosis(
      [Finding(.ok, "jobqd", JobQVersion.current), user, Self.finding(on: configuration, places.configuration), socket]
        + StoreExamination.findings(ofDirectory: places.stateDirectory) + [containment])
  }

  private var user: Diagnosis.Finding {
    let account = Account(uid: getuid())
    return Finding(
      .ok, "user",
      "\(account?.user ?? "uid \(getuid())"): as whom jobs run; its home is \(account?.home ?? "not known")")
  }

  /// What a running daemon tells of its files and its socket.
  static func surroundings(_ socket: String, _ file: ConfigurationFile) async -> [Diagnosis.Finding] {
    var loaded: Result<ConfigurationFile.Loaded, ConfigurationError>
    do throws(ConfigurationError) { loaded = .success(try await file.reload()) } catch { loaded = .failure(error) }
    return [finding(on: loaded, file), finding(onSocket: socket, isListening: true)]
  }

  static func finding(on loaded: Result<ConfigurationFile.Loaded, ConfigurationError>, _ file: ConfigurationFile)
    -> Diagnosis.Finding
  {
    switch loaded {
    case .success(let loaded):
      Finding(
        .ok, "configuration",
        (loaded.isPresent ? file.path : "\(file.path) is absent: the built-in values are in force")
          + ", \(loaded.configuration.supervisor.workers) workers")
    case .failure(let error):
      Finding(
        .bad, "configuration", error.description.split(separator: "\n").joined(separator: "; "),
        advice: "mend it; `jobqd --check-config` checks it")
    }
  }

  // MARK: The socket

  private var socket: Diagnosis.Finding {
    let settings = (try? configuration.get())?.configuration.socket ?? SocketSettings()
    let path = places.socket(settings)
    return Self.finding(onSocket: path, isListening: ListeningSockets.current().contains(path))
  }

  /// - Parameter isListening: whether somebody does, as the kernel's list says: to connect would start a service that
  ///   systemd starts by its socket.
  static func finding(onSocket path: String, isListening: Bool) -> Diagnosis.Finding {
    var status = stat()
    guard lstat(path, &status) == 0 else {
      let code = errno
      return code == ENOENT
        ? Finding(.warn, "socket", "\(path) is not there: no daemon listens", advice: "start jobqd")
        : Finding(.bad, "socket", "\(path): \(String(cString: strerror(code)))", advice: "let jobqd's user get there")
    }
    guard status.st_mode & S_IFMT == S_IFSOCK else {
      return Finding(.bad, "socket", "\(path) is no socket", advice: "move it away, or name another with --socket")
    }
    let mode = status.st_mode & 0o777
    let described = "\(path), mode 0\(String(mode, radix: 8)), of user \(status.st_uid) and group \(status.st_gid)"
    if mode & 0o002 != 0 {
      return Finding(
        .warn, "socket", "\(described): every user of this host may run commands as jobqd's user",
        advice: "set socket.mode to 0660 and socket.group in the configuration")
    }
    return isListening
      ? Finding(.ok, "socket", "\(described): somebody listens")
      : Finding(
        .warn, "socket", "\(described), is left over: nobody listens", advice: "start jobqd: it takes its place")
  }

  // MARK: Containment

  private var containment: Diagnosis.Finding {
    let outlook = ProcessRunner.outlook()
    return switch outlook.containment {
    case .cgroup: Finding(.ok, "containment", "cgroup, for a daemon that is started from here: \(outlook.note)")
    case .session:
      Finding(
        .warn, "containment", "session, for a daemon that is started from here: \(outlook.note)",
        advice:
          "run jobqd as a service with Delegate=yes, or as root: a child that leaves its session is looked for by "
          + "its environment")
    }
  }
}

/// The Unix sockets on which somebody listens, in this network namespace.
enum ListeningSockets {
  static func current() -> Set<String> {
    guard let file = fopen("/proc/net/unix", "re") else { return [] }
    defer { fclose(file) }
    var line: UnsafeMutablePointer<CChar>?
    defer { free(line) }
    var capacity = 0
    var paths: Set<String> = []
    while getline(&line, &capacity, file) > 0, let line {
      if let path = path(in: String(cString: line)) { paths.insert(path) }
    }
    return paths
  }

  /// The path in a line of /proc/net/unix (proc_net_unix(5)), where its socket listens: `__SO_ACCEPTCON`, 0x10000, is
  /// among its flags.
  static func path(in line: String) -> String? {
    let fields = line.drop { $0 == " " }.split(separator: " ", maxSplits: 7, omittingEmptySubsequences: true)
    guard fields.count == 8, let flags = UInt64(fields[3], radix: 16), flags & 0x10000 != 0 else { return nil }
    let path = fields[7].drop { $0 == " " }
    return path.hasPrefix("/") ? String(path.last == "\n" ? path.dropLast() : path) : nil
  }
}
