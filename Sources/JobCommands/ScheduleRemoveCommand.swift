import ArgumentParser
import ControlClient
import JobModel

struct ScheduleRemoveCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "remove", abstract: "Remove a schedule.",
    discussion: """
      Its jobs stay. A schedule of the configuration file is removed there. With --json, {"name":NAME,"removed":true}.
      """)

  @Argument(help: ArgumentHelp("The schedule.", valueName: "NAME"), transform: Values.schedule)
  var name: String

  @OptionGroup var common: CommonOptions

  func run() throws {
    try common.client.removeSchedule(name)
    // The name needs no escapes: it is made of letters, digits and a few signs.
    try Output.write(common.json ? "{\"name\":\"\(name)\",\"removed\":true}\n" : "schedule \(name): removed\n")
  }
}
