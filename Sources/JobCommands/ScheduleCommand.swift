import ArgumentParser

/// `jobq schedule`.
struct ScheduleCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "schedule", abstract: "Look at schedules.", subcommands: [ScheduleNextCommand.self])
}
