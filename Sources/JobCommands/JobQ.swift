package import ArgumentParser
import ControlClient
import Glibc
import JobModel

/// The command line of jobq: jobq(1).
package struct JobQ: ParsableCommand {
  package static let configuration = CommandConfiguration(
    commandName: "jobq",
    abstract: "A durable queue of background jobs.",
    discussion: """
      Talks to jobqd over a Unix socket: JOBQ_SOCKET, else your own daemon's, else the system's.

      Exit codes: 0 done, 1 refused by the daemon, 64 bad usage, 69 no daemon, 75 try again, 77 not permitted. \
      `wait`, `enqueue --wait` and `enqueue --follow` exit as the job did: 124 timed out, 125 cancelled or interrupted, 126 and 127 \
      could not be started, 128+N ended by signal N. See jobq(1).
      """,
    version: "jobq \(JobQVersion.current)",
    subcommands: [
      EnqueueCommand.self, StatusCommand.self, ListCommand.self, LogsCommand.self, WaitCommand.self, CancelCommand.self,
      RetryCommand.self, HoldCommand.self, ReleaseCommand.self, RemoveCommand.self, QueuesCommand.self,
      PauseCommand.self,
      ResumeCommand.self, DrainCommand.self, ScheduleCommand.self,
    ])

  package init() {}

  /// Runs the command that `arguments` name and ends the process with its exit code.
  package static func start(_ arguments: [String]) -> Never {
    // A reader that has gone (`jobq list | head`) is no error of ours. signal(7).
    signal(SIGPIPE, SIG_DFL)
    do {
      var command = try parseAsRoot(try CommandWords.separated(arguments))
      try command.run()
      try Output.flush()
      Glibc.exit(0)
    } catch let error as Failure {
      try? Output.flush()
      Output.complain(error.message)
      Glibc.exit(error.code)
    } catch let error as ClientError {
      try? Output.flush()
      Output.complain(error.description)
      Glibc.exit(error.exitCode)
    } catch let error as ExitCode {
      try? Output.flush()
      Glibc.exit(error.rawValue)
    } catch {
      exit(withError: error)
    }
  }
}

/// An end of the command that is no success: what to say on standard error (nothing where it is empty), and the
/// exit code.
struct Failure: Error {
  var code: Int32
  var message: String

  init(_ code: Int32, _ message: String = "") {
    self.code = code
    self.message = message
  }
}

/// Options of every verb that asks the daemon.
struct DaemonOptions: ParsableArguments {
  @Option(name: .long, help: ArgumentHelp("Ask the daemon at this socket.", valueName: "path"), completion: .file())
  var socket: String?
  @Flag(name: .long, help: "Print JSON: what the daemon answers, one document a line.")
  var json = false

  func client() -> ControlClient {
    ControlClient(
      socket: socket
        ?? SocketLocation.find(environment: Surroundings.variable, uid: getuid()) { path in
          var status = stat()
          return lstat(path, &status) == 0
        })
  }
}
