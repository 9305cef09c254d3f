import JobModel
import SQLite

/// What one transaction would take too long for: it is noted in the same transaction, and the writer goes on with it in the
/// next ones, after a restart too.
extension JobTable {
  /// A job of which some dependents have not been told of its end, or put back after its retry.
  struct PutOff {
    var id: JobID
    var revives: Bool
    /// Those up to this number have been.
    var past = JobID(0)
  }

  func putOff(_ jobs: [PutOff], at moment: Moment) throws(SQLiteError) {
    for job in jobs {
      try statements[.noteUntold].bind(job.id).bind(job.revives).bind(job.past).bind(moment.wall).bind(moment.boot)
        .run()
    }
    noteMoreToTell(true)
  }

  /// Goes on with what was put off. An ended job that was retried since is waited for again: it has no end to tell.
  func tellMore() throws {
    while told < mostTold {
      let next = try statements[.nextUntold].first { row throws(SQLiteError) in
        (
          job: PutOff(id: try row.read(), revives: try row.read(), past: try row.read()),
          state: try row.read(JobState.self), moment: Moment(wall: try row.read(), boot: try row.read())
        )
      }
      guard let next else { return noteMoreToTell(false) }
      try statements[.forgetUntold].bind(next.job.id).bind(next.job.revives).run()
      if next.job.revives {
        try reviveMore(of: next.job, at: next.moment)
      } else if next.state.hasEnded {
        try tellDependents(of: (next.job.id, next.state), at: next.moment)
      }
    }
    noteMoreToTell(true)
  }
}
