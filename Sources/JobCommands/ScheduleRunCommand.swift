import ArgumentParser
import ControlClient
import JobModel

struct ScheduleRunCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "run", abstract: "Add a schedule's job now, and print its number.",
    discussion: "Whatever of the schedule's runs, and whether it is paused or not. Its due times stay as they are.")

  @Argument(help: ArgumentHelp("The schedule.", valueName: "NAME"), transform: Values.schedule)
  var name: String

  @OptionGroup var common: CommonOptions

  func run() throws {
    let body = try common.client.runSchedule(name)
    if common.json { return try Output.write(json: body) }
    let job: Number = try ControlClient.decode(body)
    try Output.write("\(job.id)\n")
  }

  private struct Number: Decodable { var id: JobID }
}
