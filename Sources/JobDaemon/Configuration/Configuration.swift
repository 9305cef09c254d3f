package import JobModel
package import Logging
package import Supervisor

/// What `jobq.yaml` says, with the built-in value of each key that it leaves out: jobq.yaml(5).
package struct Configuration: Sendable, Hashable {
  /// Workers, limits, defaults of jobs and retention: what the supervisor takes over, also at a reload.
  package var supervisor: SupervisorConfiguration
  package var socket = SocketSettings()
  /// The least level that is logged.
  package var logLevel = Logger.Level.info
  package var schedules: [String: ScheduleSettings] = [:]

  /// The built-in values.
  /// - Parameter cores: the processors that this process may use; as many attempts run at once.
  package init(cores: Int) {
    supervisor = SupervisorConfiguration(workers: max(cores, 1), shutdownGrace: .seconds(30))
  }

  /// Keys that are read and checked but whose feature this version does not have. A file that has one is
  /// refused: a limit or a schedule that
  /// is silently not kept is worse than none.
  static let notYet: Set<String> = ["schedules"]
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

package struct ScheduleSettings: Sendable, Hashable {
  /// What becomes of due times that passed while the daemon was down or the host slept.
  package enum Missed: String, CaseIterable, Sendable { case skip, once, all }
  /// What a due time does while the job of the one before has not ended.
  package enum Overlap: String, CaseIterable, Sendable {
    case skip, queue
    case cancelPrevious = "cancel-previous"
  }

  package var cron: CronExpression
  /// A name of the tz database; nil is the host's zone.
  package var timezone: String?
  package var missed = Missed.once
  package var overlap = Overlap.skip
  package var queue: String?
  package var command: [String]
}
