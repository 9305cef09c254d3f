import ArgumentParser
import ControlClient
import Glibc
import JobModel

struct DoctorCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "doctor", abstract: "Say how the daemon, its database and its host are, and what to do.",
    discussion: """
      Asks the daemon. Where none answers it runs `jobqd --doctor`, which looks without one, at the places that are the default for who runs \
      it. Nothing is changed. Each line says ok, warn or bad; the exit code is 1 where something is bad.
      """)

  @OptionGroup var common: CommonOptions

  func run() throws {
    let body: [UInt8]
    do throws(ClientError) {
      body = try common.client.doctor()
    } catch {
      guard error.code == .unreachable || error.code == .refused else { throw error }
      complain("\(error)")
      throw try look()
    }
    let diagnosis: Diagnosis = try ControlClient.decode(body)
    if common.json { try Output.write(json: body) } else { try Output.write(diagnosis.text) }
    if diagnosis.exitCode != 0 { throw Failure(diagnosis.exitCode) }
  }

  /// Becomes `jobqd --doctor`; where it cannot, says why.
  private func look() throws(Failure) -> Failure {
    guard let program = DaemonProgram.find() else {
      throw Failure(EX_UNAVAILABLE, "there is no jobqd beside jobq or in PATH that could look without a daemon")
    }
    complain("so \(program) --doctor looks:")
    var words = [program, "--doctor"] + (common.json ? ["--json"] : [])
    if let socket = common.socket { words += ["--socket", socket] }
    let arguments = words.map { strdup($0) } + [nil]
    execv(program, arguments)
    return Failure(EX_UNAVAILABLE, "\(program): \(String(cString: strerror(errno)))")
  }
}

/// The daemon's program: beside this one, or in PATH.
enum DaemonProgram {
  static func find() -> String? {
    var directories = (CallerEnvironment.variable("PATH") ?? "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin").split(
      separator: ":"
    ).map(String.init)
    if let own = realpath("/proc/self/exe", nil) {
      defer { free(own) }
      directories.insert(String(cString: own).split(separator: "/").dropLast().reduce("") { "\($0)/\($1)" }, at: 0)
    }
    // A relative entry would run what lies in whatever directory one happens to be in.
    return directories.filter { $0.hasPrefix("/") }.map { "\($0)/jobqd" }.first { access($0, X_OK) == 0 }
  }
}
