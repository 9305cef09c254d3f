import Glibc
package import JobModel
import JobProcess
package import JobStore

/// What an administrator asks: how the daemon is, and a copy of all that it holds.
extension JobService {
  /// Looks at everything from inside; nobody else waits for it. Reading the disk, it may take some seconds.
  package func doctor() async -> Diagnosis {
    var findings = [Diagnosis.Finding(.ok, "jobqd", "\(JobQVersion.current), process \(pid)")]
    findings += await surroundings()
    findings += await supervisor.store.examine()
    if let trouble = await supervisor.storageTrouble {
      findings.append(
        .init(.bad, "storage", trouble.message, advice: "new jobs are refused until it is back; running jobs run on"))
    }
    let runner = supervisor.runner
    switch runner.containment {
    case .cgroup: findings.append(.init(.ok, "containment", "cgroup: \(runner.containmentNote)"))
    case .session:
      findings.append(
        .init(
          .warn, "containment", "session: \(runner.containmentNote)",
          advice: "run jobqd as a service with Delegate=yes, or as root: a child that leaves its session is looked for "
            + "by its environment"))
    }
    let stuck = await supervisor.unkillable.sorted()
    if !stuck.isEmpty {
      findings.append(
        .init(
          .bad, "unkillable",
          "KILL did not end every process of job \(stuck.map(\.description).joined(separator: ", "))",
          advice: "the kernel holds them, mostly for a disk or a network file system that does not answer"))
    }
    return Diagnosis(findings)
  }

  /// A copy of the whole store, for root and for the daemon's own user: it holds the environment of every job.
  package func backup(by user: UInt32) async throws(Problem) -> StoreCopy {
    let own = getuid()
    guard user == 0 || user == own else {
      throw Problem(
        .notPermitted,
        "a backup holds the environment of every job, so only root and user \(own), as whom jobqd runs, may make one")
    }
    // Not by `asking`: where there is no room for a copy there may be plenty for jobs.
    do throws(StoreError) { return try await supervisor.store.copy() } catch { throw Problem(error) }
  }
}
