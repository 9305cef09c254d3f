package import JobModel

extension ProcessRunner {
  package struct Options: Sendable {
    /// How trees are to be kept together.
    package enum Preference: Sendable {
      /// In cgroups where they can be made.
      case automatic
      /// In sessions.
      case session
    }

    /// The store's UUID: it marks every process, so that two daemons on one host do not take each other's.
    package var storeIdentity: String
    package var logs: LogDirectory
    /// The directory of the cgroup v2 under which each attempt gets its own; nil looks for one.
    package var cgroupParent: String?
    package var preference = Preference.automatic
    /// Whether this process takes in the orphans of its jobs where there are no cgroups
    /// (PR_SET_CHILD_SUBREAPER) and reaps them. Then every child of this process that
    /// the runner did not start is taken for one: nothing else in it may start children.
    /// Without it a tree that forks faster than /proc can be read may escape where there are no cgroups.
    package var reapsOrphans = true
    /// What the jobs get of what the daemon changed for itself; nil as it is when the runner is made.
    package var inherited: HostSettings?
    /// How long what a leader left behind has between TERM and KILL.
    package var leftoverGrace = TimeSpan.seconds(2)
    /// How long after KILL a tree counts as unkillable.
    package var unkillableAfter = TimeSpan.seconds(30)
    /// The same from `abandonUnkillable` on, and for what an earlier daemon left.
    package var abandonAfter = TimeSpan.seconds(5)
    /// Threads that start processes: how many may be in exec at once.
    package var spawningThreads = 4

    package init(storeIdentity: String, logs: LogDirectory) {
      self.storeIdentity = storeIdentity
      self.logs = logs
    }
  }
}
