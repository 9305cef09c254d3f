import Glibc
import JobModel
import Supervisor

/// What `jobqd --doctor` prints: what is in force here, a line for each.
enum Doctor {
  static func report(_ launch: Launch) async -> String {
    let places = launch.places
    let rows = [
      ("version", "jobqd \(JobQVersion.current)"),
      ("user", Account(uid: getuid())?.user ?? "uid \(getuid())"),
      ("configuration", places.configuration.path + (launch.isConfigured ? "" : " (absent: built-in values)")),
      ("state directory", places.stateDirectory),
      ("socket", launch.socket),
      ("workers", "\(launch.configuration.supervisor.workers)"),
    ]
    let facts = await Daemon.facts(launch)
    let width = (rows + facts).map(\.0.count).max() ?? 0
    return (rows + facts).map { name, value in
      "\(name):\(String(repeating: " ", count: width - name.count)) \(value)\n"
    }
    .joined()
  }
}
