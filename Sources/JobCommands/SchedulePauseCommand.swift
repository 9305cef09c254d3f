import ArgumentParser
import ControlClient
import JobModel

struct SchedulePauseCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "pause", abstract: "Let a schedule's due times pass.",
    discussion: """
      They are not recorded, and not made up for. What has been enqueued goes on. A pause is kept over restarts and \
      reloads, also for a schedule of the configuration file.
      """)

  @Argument(help: ArgumentHelp("The schedule.", valueName: "NAME"), transform: Values.schedule)
  var name: String

  @OptionGroup var common: CommonOptions

  func run() throws {
    let body = try common.client.pauseSchedule(name)
    try Output.write(common.json ? String(decoding: body, as: UTF8.self) + "\n" : "schedule \(name) is paused\n")
  }
}
