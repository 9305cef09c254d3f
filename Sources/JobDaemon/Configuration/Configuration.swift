package import JobModel
package import Supervisor

/// What `jobq.yaml` says, with the built-in value of each key that it leaves out: jobq.yaml(5).
package struct Configuration: Sendable, Hashable {
  /// Workers, limits, defaults of jobs, schedules and retention: what the supervisor takes over, also at a reload.
  package var supervisor: SupervisorConfiguration
  package var socket = SocketSettings()
  /// How many jobs of a queue may start in a time.
  package var rates: [String: Rate] = [:]
  /// How many jobs of a queue with the same value of a label may run at once.
  package var keyLimits: [String: KeyLimit] = [:]
  /// A command for each outcome, which gets the job as one line of JSON.
  package var hooks: [Outcome: [String]] = [:]

  /// The built-in values.
  /// - Parameter cores: the processors that this process may use; as many attempts run at once.
  package init(cores: Int) {
    supervisor = SupervisorConfiguration(workers: max(cores, 1), shutdownGrace: .seconds(30))
  }

  /// Keys that are read and checked but whose feature this version does not have. A file that has one is
  /// refused: a limit that is silently not kept is
  /// worse than none.
  static let notYet: Set<String> = ["queues.*.rate", "queues.*.per_key", "hooks"]
}

/// Where the daemon listens, and who may connect.
package struct SocketSettings: Sendable, Hashable {
  /// Nil: the default place.
  package var path: String?
  /// Permission bits, 0…0o777.
  package var mode: UInt16 = 0o660
  /// Nil: `jobq` where there is such a group, else the daemon's own.
  package var group: String?
}

/// So many starts in so much time, evenly spread: `30/m`.
package struct Rate: Sendable, Hashable, CustomStringConvertible {
  package var count: Int
  package var period: TimeSpan

  /// Reads `COUNT/s`, `COUNT/m`, `COUNT/h` or `COUNT/d`, the count from 1 to 1,000,000. Nil for anything else.
  package init?(_ text: some StringProtocol) {
    let parts = text.split(separator: "/", omittingEmptySubsequences: false)
    guard parts.count == 2, parts[0].utf8.allSatisfy({ (0x30...0x39).contains($0) }), let count = Int(parts[0]),
      (1...1_000_000).contains(count), ["s", "m", "h", "d"].contains(parts[1]), let period = TimeSpan("1" + parts[1])
    else { return nil }
    self.count = count
    self.period = period
  }

  package var description: String { "\(count)/\(period.description.drop { $0.isNumber })" }
}

package struct KeyLimit: Sendable, Hashable {
  package var label: String
  package var concurrency: Int
}
