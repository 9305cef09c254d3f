import ControlClient
import Glibc
import JobModel

/// Why a verb ends with another exit code than 0. With an empty message all has been said.
struct Failure: Error {
  var exitCode: Int32
  var message: String

  init(_ exitCode: Int32, _ message: String = "") {
    self.exitCode = exitCode
    self.message = message
  }

  /// sysexits.h: what is wrong on the command line.
  static func usage(_ message: String) -> Failure { Failure(EX_USAGE, message) }
}

/// One line on standard error.
func complain(_ message: String) { Output.toStandardError("jobq: \(message)\n") }

/// What the daemon said of a job. Its words often name the job already.
func complain(about id: JobID, _ error: ClientError) {
  let text = "\(error)"
  complain(text.hasPrefix("job \(id) ") ? text : "job \(id): \(text)")
}
