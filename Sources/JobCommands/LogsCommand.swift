import ArgumentParser
import ControlClient
import JobModel

/// `jobq logs`.
struct LogsCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "logs", abstract: "Show what a job wrote; of its last attempt, unless another is named.")

  @OptionGroup var daemon: DaemonOptions
  @Argument(help: ArgumentHelp("The job's number.", valueName: "ID")) var id: String
  @Flag(name: [.short, .long], help: "Go on until the job has ended, over retries.") var follow = false
  @Option(name: .long, help: ArgumentHelp("Of this attempt.", valueName: "N")) var attempt: Int?
  @Option(name: .long, help: ArgumentHelp("Only the last so many lines.", valueName: "N")) var tail: Int?
  @Flag(name: .long, help: "Standard output only, of a job with --split-output.") var stdout = false
  @Flag(name: .long, help: "Standard error only, of a job with --split-output.") var stderr = false

  mutating func validate() throws {
    guard try Value.ids(id).count == 1 else { throw ValidationError("one ID is expected, not \"\(id)\"") }
    if let attempt, attempt < 1 { throw ValidationError("--attempt \(attempt): 1 is the first") }
    if let tail, tail < 0 { throw ValidationError("--tail \(tail): a number of lines is expected") }
    if stdout, stderr { throw ValidationError("give --stdout or --stderr; without both, all of the log is shown") }
  }

  mutating func run() throws {
    let client = daemon.client()
    let number = try Value.ids(id)[0]
    let stream = stdout ? "stdout" : stderr ? "stderr" : nil
    if follow {
      var following = Following(client)
      _ = try following.output(of: number, from: attempt, onlyFirst: attempt != nil, stream: stream, tail: tail)
      return
    }
    var query: [String] = []
    if let attempt { query.append("attempt=\(attempt)") }
    if let stream { query.append("stream=\(stream)") }
    if let tail { query.append("tail=\(tail)") }
    let target = "/v1/jobs/\(number)/log" + (query.isEmpty ? "" : "?" + query.joined(separator: "&"))
    if daemon.json {
      var text: [UInt8] = []
      try client.stream(target) { text += $0 }
      let answer: [String: JSONValue] = [
        "id": .integer(number.rawValue), "log": .string(String(decoding: text, as: UTF8.self)),
      ]
      return try Output.print(try ControlClient.encode(answer))
    }
    var failure: (any Error)?
    try client.stream(target) { piece throws(ClientError) in
      do { try Output.write(piece) } catch {
        failure = error
        throw .lost("standard output cannot be written")
      }
    }
    if let failure { throw failure }
  }
}
