package import ArgumentParser
import CLinux
import FoundationEssentials
import Glibc
import JobModel

/// The command line of `jobqd`: jobqd(8).
package struct DaemonCommand: AsyncParsableCommand {
  package static let configuration = CommandConfiguration(
    commandName: "jobqd",
    abstract: "The daemon of jobq, a durable queue of background jobs.",
    discussion: """
      Runs in the foreground until SIGTERM or SIGINT; SIGHUP reloads the configuration file. Each option wins over the \
      environment (JOBQ_CONFIG, JOBQ_STATE_DIR, JOBQ_SOCKET), which wins over the file. See jobqd(8) and jobq.yaml(5).
      """,
    version: "jobqd \(JobQVersion.current)")

  @Option(name: .long, help: ArgumentHelp("Read this configuration file.", valueName: "file"), completion: .file())
  var config: String?
  @Option(
    name: .long, help: ArgumentHelp("Keep the database and the logs here.", valueName: "dir"), completion: .directory)
  var stateDir: String?
  @Option(name: .long, help: ArgumentHelp("Listen on this Unix socket.", valueName: "path"), completion: .file())
  var socket: String?
  @Flag(name: .long, help: "Check the configuration file and exit: 0 where it is good, 78 where it is not.")
  var checkConfig = false
  @Flag(
    name: .long,
    help: "Look at places, database, disk and containment, change nothing, and exit: 1 where something is bad, else 0.")
  var doctor = false
  @Flag(name: .long, help: "With --doctor: print JSON.")
  var json = false

  package init() {}

  /// The whole program: reads the command line, runs, and exits with the code that says how it went.
  package static func start() async {
    clinux_fill_standard_descriptors()
    await main()
  }

  package func validate() throws {
    if json, !doctor { throw ValidationError("--json goes with --doctor") }
    if checkConfig, doctor { throw ValidationError("--check-config or --doctor, not both") }
  }

  package func run() async throws {
    let environment = ServiceEnvironment.take()
    do throws(StartError) {
      let places = try Places(config: config, stateDirectory: stateDir, socket: socket, in: .current(environment))
      if doctor { try report(Doctor(places).diagnosis()) }
      if checkConfig { return print(try Launch(places, environment).verdict) }
      // Before the file is read: what somebody changes in it after that is for a reload.
      let reload = await Lifecycle.trapReload()
      try await Daemon.run(try Launch(places, environment), reload)
    } catch {
      let text = Array("\(error)\n".utf8)
      _ = write(STDERR_FILENO, text, text.count)
      throw ExitCode(error.code.rawValue)
    }
  }

  /// Prints what the doctor found, and ends the program.
  private func report(_ diagnosis: Diagnosis) throws(StartError) -> Never {
    var text = diagnosis.text
    if json {
      let encoder = JSONEncoder()
      encoder.outputFormatting = [.withoutEscapingSlashes]
      // Strings only: there is nothing in it that JSON cannot say.
      guard let data = try? encoder.encode(diagnosis) else { throw StartError(.fault, "the findings are no JSON") }
      text = String(decoding: data, as: UTF8.self) + "\n"
    }
    print(text, terminator: "")
    fflush(nil)
    Glibc.exit(diagnosis.exitCode)
  }
}

/// All that is known before the daemon starts.
package struct Launch: Sendable {
  package var places: Places
  package var configuration: Configuration
  /// False where there is no configuration file and the built-in values are in force.
  package var isConfigured: Bool
  /// As it was when the process began, systemd's variables included.
  package var environment: [String: String]

  /// Reads the configuration file. Blocks.
  package init(_ places: Places, _ environment: [String: String]) throws(StartError) {
    self.places = places
    self.environment = environment
    do throws(ConfigurationError) {
      let loaded = try places.configuration.load()
      configuration = loaded.configuration
      isConfigured = loaded.isPresent
    } catch {
      throw StartError(error)
    }
  }

  package var socket: String { places.socket(configuration.socket) }

  /// What `--check-config` says of a good file.
  var verdict: String {
    let file = places.configuration.path
    return isConfigured ? "\(file): ok" : "\(file): absent, so the built-in values are in force"
  }
}

extension Places.Surroundings {
  static func current(_ environment: [String: String]) -> Places.Surroundings {
    var buffer = [CChar](repeating: 0, count: Int(PATH_MAX))
    let directory = getcwd(&buffer, buffer.count).map { String(cString: $0) } ?? "/"
    return Places.Surroundings(
      environment: environment, uid: getuid(), pid: getpid(), home: Account(uid: getuid())?.home,
      workingDirectory: directory)
  }
}
