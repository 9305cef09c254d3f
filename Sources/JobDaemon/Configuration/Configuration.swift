package import JobModel
package import Logging
package import Supervisor

/// What `jobq.yaml` says, with the built-in value of each key that it leaves out: jobq.yaml(5).
package struct Configuration: Sendable, Hashable {
  /// Workers, limits, defaults of jobs, schedules and retention: what the supervisor takes over, also at a reload.
  package var supervisor: SupervisorConfiguration
  package var socket = SocketSettings()
  /// The least level that is logged.
  package var logLevel = Logger.Level.info

  /// The built-in values.
  /// - Parameter cores: the processors that this process may use; as many attempts run at once.
  package init(cores: Int) {
    supervisor = SupervisorConfiguration(workers: max(cores, 1), shutdownGrace: .seconds(30))
  }
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
