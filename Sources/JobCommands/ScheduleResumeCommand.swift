import ArgumentParser
import ControlClient
import JobModel

struct ScheduleResumeCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "resume", abstract: "Let a schedule's due times add jobs again.",
    discussion: """
      It goes on with its first due time from now on. A due time for which there was a job already gets no second one, \
      whatever was done to the clock.
      """)

  @Argument(help: ArgumentHelp("The schedule.", valueName: "NAME"), transform: Values.schedule)
  var name: String

  @OptionGroup var common: CommonOptions

  func run() throws {
    let body = try common.client.resumeSchedule(name)
    if common.json { return try Output.write(json: body) }
    try Output.write(ScheduleText.sentence(try ControlClient.decode(body), now: .now))
  }
}
