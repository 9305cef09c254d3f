import ArgumentParser

/// `jobq schedule`.
struct ScheduleCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "schedule", abstract: "Enqueue jobs again and again, by the clock.",
    discussion: """
      A schedule adds a job at each of its due times. It is made here, or in jobqd's configuration file, which wins: see \
      jobq.yaml(5).
      """,
    subcommands: [
      ScheduleAddCommand.self, ScheduleListCommand.self, ScheduleShowCommand.self, SchedulePauseCommand.self,
      ScheduleResumeCommand.self, ScheduleRunCommand.self, ScheduleRemoveCommand.self, ScheduleNextCommand.self,
    ])
}
