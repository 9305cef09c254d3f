import ArgumentParser
import CLinux
import ControlClient
import Glibc
import JobModel

/// The root of the command line: its verbs, and nothing that is done before one is chosen.
struct JobQ: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "jobq",
    abstract: "A durable background job queue.",
    discussion: """
      Jobs are run by the daemon, jobqd, which is looked for at JOBQ_SOCKET, then at the person's own socket \
      ($XDG_RUNTIME_DIR/jobq/jobq.sock), then at the system's (/run/jobq/jobq.sock).

      Exit codes: 0 done, 1 refused by the daemon, 64 usage, 69 no daemon at the socket, 75 try again, 77 not permitted. What waits for a \
      job exits as the job did: see `jobq help wait`.
      """,
    version: "jobq \(JobQVersion.current)",
    groupedSubcommands: [
      CommandGroup(
        name: "Jobs:",
        subcommands: [
          EnqueueCommand.self, StatusCommand.self, ListCommand.self, LogsCommand.self, WaitCommand.self,
          WhyCommand.self,
        ]),
      CommandGroup(
        name: "Changing jobs:",
        subcommands: [
          CancelCommand.self, RetryCommand.self, HoldCommand.self, ReleaseCommand.self, EditCommand.self,
          RemoveCommand.self,
          PruneCommand.self,
        ]),
      CommandGroup(
        name: "Queues and the daemon:",
        subcommands: [QueuesCommand.self, QueueCommand.self, PauseCommand.self, ResumeCommand.self, DrainCommand.self]),
      CommandGroup(name: "Outside workers:", subcommands: [WorkCommand.self]),
      CommandGroup(name: "Schedules:", subcommands: [ScheduleCommand.self]),
      CommandGroup(name: "Upkeep:", subcommands: [DoctorCommand.self, BackupCommand.self]),
    ])
}

/// The program `jobq`.
package enum JobqProgram {
  /// Does what the command line says, and ends the process with the exit code that says how it went: see jobq(1).
  package static func main() -> Never {
    clinux_fill_standard_descriptors()
    exit(run { try CommandWords.ofProcess() })
  }

  /// The exit code; what went wrong has been said on standard error.
  private static func run(_ words: () throws -> [String]) -> Int32 {
    do {
      let given = try words()
      let words = CommandWords.separated(given)
      if let enqueue = EnqueueCommand(plain: words) {
        try enqueue.run()
      } else {
        if let mistake = CommandWords.mistake(in: given) { throw Failure.usage(mistake) }
        var command = try JobQ.parseAsRoot(words)
        try command.run()
      }
      return 0
    } catch let error as ClientError {
      complain("\(error)")
      return error.exitCode
    } catch let error as Failure {
      if !error.message.isEmpty { complain(error.message) }
      return error.exitCode
    } catch {
      return tell(error)
    }
  }

  /// What ArgumentParser has to say: help and versions on standard output; a mistake on standard error, in one line, and where the help is.
  private static func tell(_ error: any Error) -> Int32 {
    let status = JobQ.exitCode(for: error).rawValue
    let text = JobQ.fullMessage(for: error)
    guard status != 0 else {
      do throws(Failure) { try Output.write(text.hasSuffix("\n") ? text : text + "\n") } catch { return error.exitCode }
      return 0
    }
    complain(JobQ.message(for: error))
    if let hint = text.split(separator: "\n").last(where: { $0.contains("--help") }) {
      Output.toStandardError(hint.drop { $0 == " " } + "\n")
    }
    return status
  }
}
