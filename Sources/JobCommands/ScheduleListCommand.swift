import ArgumentParser
import ControlClient
import JobModel

struct ScheduleListCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "list", abstract: "Show the schedules, when each is due next, and what became of its last due time.")

  @OptionGroup var common: CommonOptions

  func run() throws {
    let body = try common.client.schedules()
    if common.json { return try Output.write(json: body) }
    let answer: Answer = try ControlClient.decode(body)
    try Output.write(ScheduleText.table(answer.schedules, now: .now, .standardOutput))
  }

  private struct Answer: Decodable { var schedules: [ScheduleInfo] }
}
