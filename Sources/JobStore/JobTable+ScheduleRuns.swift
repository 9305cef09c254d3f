import JobModel
import SQLite

/// What falls due.
extension JobTable {
  /// Facts that are kept of each schedule.
  static let runsKept = SchedulePlan.limit

  func runDue(
    _ name: String, revision: Int64, _ timing: Schedule, _ spec: JobSpec, since: Timestamp, random: () -> Double,
    at moment: Moment
  ) throws -> ScheduleReport? {
    guard var schedule = try reader.schedule(name), schedule.revision == revision, let due = schedule.nextDue,
      due <= moment.wall
    else { return nil }
    let definition = schedule.definition
    // Where jobs may queue up nobody asks which have ended, however many there are.
    var live = definition.overlap == .queue ? [] : try liveJobs(ofSchedule: name)
    let plan = SchedulePlan(
      timing, missed: definition.missed, overlap: definition.overlap, firstDue: due, since: since,
      isBusy: !live.isEmpty, now: moment.wall)
    if plan.cancelsPrevious {
      for id in live { _ = try cancel(id, at: moment) }
      live = []
    }
    var runs: [ScheduleRun] = []
    for step in plan.steps where try !isRecorded(step.due, ofSchedule: name) {
      var run = ScheduleRun(dueAt: step.due, result: .missed, jobID: nil, at: moment.wall)
      switch step {
      case .miss: break
      case .skip: (run.result, run.jobID) = (.skipped, live.last)
      case .enqueue:
        let delay = TimeSpan.milliseconds(Int64(Double(definition.jitter.milliseconds) * random()))
        let added = try enqueue([EncodedSpec(spec.forDue(at: step.due, delay: delay))], at: moment)[0]
        // Where a live job has the unique key, that one is in the way.
        (run.result, run.jobID) = (added.isNew ? .enqueued : .skipped, added.id)
        live.append(added.id)
      }
      try record(run, of: definition)
      runs.append(run)
    }
    schedule.lastDue = plan.lastDue
    schedule.nextDue = plan.nextDue
    try advance(&schedule)
    try statements[.pruneScheduleRuns].bind(name).bind(Self.runsKept).run()
    return ScheduleReport(schedule: schedule, runs: runs, isCut: plan.isCut)
  }

  func runSchedule(_ name: String, _ spec: JobSpec, at moment: Moment) throws -> EnqueuedJob {
    let definition = try findSchedule(name).definition
    let added = try enqueueOne(try EncodedSpec(spec), at: moment)
    if added.isNew {
      try record(ScheduleRun(dueAt: nil, result: .enqueued, jobID: added.job.id, at: moment.wall), of: definition)
    }
    return added
  }

  // MARK: Parts

  private func isRecorded(_ due: Timestamp, ofSchedule name: String) throws(SQLiteError) -> Bool {
    try statements[.findScheduleRun].bind(name).bind(due).first { _ in true } ?? false
  }

  private func record(_ run: ScheduleRun, of definition: ScheduleDefinition) throws(SQLiteError) {
    let isOpen = run.result == .enqueued
    // Then only the newest is of interest, should the policy become another.
    if isOpen, definition.overlap != .skip { try statements[.closeScheduleRuns].bind(definition.name).run() }
    try statements[.insertScheduleRun].bind(definition.name).bind(run.dueAt).bind(run.result).bind(run.jobID)
      .bind(run.at).bind(isOpen).run()
  }

  /// The schedule's jobs that have not ended, in the order in which they were added. Those that have are remembered,
  /// and not looked at again.
  private func liveJobs(ofSchedule name: String) throws(SQLiteError) -> [JobID] {
    let open = try statements[.openScheduleRuns].bind(name).all { row throws(SQLiteError) in
      (id: try row.read(Int64.self), job: try row.read(JobID.self))
    }
    var live: [JobID] = []
    for run in open {
      if let state = try reader.state(of: run.job), !state.hasEnded {
        live.append(run.job)
      } else {
        try statements[.closeScheduleRun].bind(run.id).run()
      }
    }
    return live
  }
}
