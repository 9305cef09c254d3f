import ArgumentParser
import ControlClient
import JobModel

struct DrainCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "drain", abstract: "Take no new jobs and start none, until `jobq resume` or a restart.",
    discussion: "What is running runs on. With --wait it returns once nothing runs any more.")

  @Flag(name: .customLong("wait"), help: "Return once nothing runs.")
  var waits = false

  @OptionGroup var common: CommonOptions

  func run() throws {
    let client = common.client
    // Changes are listened to from before the drain: none that matters is missed.
    let events = waits ? try client.events() : nil
    var body = try client.drain()
    while let events {
      let status: DaemonStatus = try ControlClient.decode(body)
      guard status.draining else {
        throw Failure(1, "the drain was ended before nothing ran: `jobq resume`, or a restart")
      }
      // What KILL does not end is stuck in the kernel, and waiting would not help it.
      if status.counts[.running] <= status.unkillable.count { break }
      guard try events.next() != nil else {
        throw ClientError(.lost, "jobqd went away while it drained")
      }
      body = try client.status()
    }
    if common.json { return try Output.write(json: body) }
    try Output.write(
      waits ? "nothing runs, and no job is taken\n" : "no job is taken or started any more; `jobq resume` ends this\n")
  }
}
