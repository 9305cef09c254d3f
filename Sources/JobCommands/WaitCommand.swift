import ArgumentParser
import ControlClient
import Glibc
import JobModel

/// `jobq wait`.
struct WaitCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "wait", abstract: "Wait until jobs have ended, and exit as they did.",
    discussion:
      "Of several jobs the first exit code that is not 0 counts, in the order given; 124 where the wait's own time is up."
  )

  @OptionGroup var daemon: DaemonOptions
  @OptionGroup var selection: Selection
  @Option(
    name: .long, help: ArgumentHelp("Wait at most so long for all of them.", valueName: "duration"),
    transform: Value.span)
  var timeout: TimeSpan?

  mutating func validate() throws { try selection.requireSome() }

  mutating func run() throws {
    let client = daemon.client()
    var following = Following(client)
    let deadline = timeout.map { Words.now() + $0 }
    var code: Int32 = 0
    for id in try selection.resolve(client) {
      do throws(any Error) {
        let job: Job
        if let deadline {
          job = try following.end(of: id, within: max(deadline - Words.now(), .zero))
          guard job.state.hasEnded else {
            throw Failure(124, "job \(id) is still \(job.state.rawValue): the wait's time is up, and the job goes on")
          }
        } else {
          job = try following.end(of: id)
        }
        if daemon.json { try Output.print(try ControlClient.encode(job)) } else { Following.explain(job) }
        if code == 0 { code = Int32(job.exitStatus ?? 0) }
      } catch {
        guard case .refused? = error as? ClientError else { throw error }
        Output.complain("job \(id): \(error)")
        if code == 0 { code = 1 }
      }
    }
    if code != 0 { throw Failure(code) }
  }
}
