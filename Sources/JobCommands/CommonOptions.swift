import ArgumentParser
import ControlClient
import Glibc

/// What every verb takes.
struct CommonOptions: ParsableArguments {
  @Option(
    help: ArgumentHelp("The daemon's socket, instead of the one that is looked for.", valueName: "path"),
    completion: .file())
  var socket: String?

  @Flag(help: "Print the API's JSON.")
  var json = false

  var client: ControlClient {
    let client = ControlClient(.find(option: socket, userID: getuid(), variable: CallerEnvironment.variable))
    client.onOutage = { complain("\($0); asking again for \(Patience.standard)") }
    return client
  }
}
