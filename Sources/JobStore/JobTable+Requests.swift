import JobModel
import SQLite

/// What requests were answered with, so that whoever asks again after a lost reply gets no second job. Kept for 24 hours, though
/// the job may go before.
extension JobTable {
  /// How many are let go of in one transaction.
  private static let batch = 1000

  func remember(_ request: String?, _ id: JobID, at moment: Moment) throws(SQLiteError) {
    guard let request else { return }
    try statements[.insertRequest].bind(request).bind(id).bind(moment.wall).run()
  }

  /// Lets go of the oldest that are over. True where there may be more.
  func forgetRequests(at moment: Moment) throws(SQLiteError) -> Bool {
    let (start, end) = JobReader.remembered(at: moment)
    let gone = try statements[.forgetRequests].bind(Self.batch).bind(start).bind(end).all { row throws(SQLiteError) in
      try row.read(Int64.self)
    }
    return gone.count == Self.batch
  }
}

extension JobReader {
  /// How long a request id answers with the job that it was answered with before.
  private static let memory = TimeSpan.hours(24)

  /// The job that this request made or met, which may have been removed since.
  func answer(to request: String, at moment: Moment) throws(SQLiteError) -> JobID? {
    let (start, end) = Self.remembered(at: moment)
    return try statements[.findRequest].bind(request).bind(start).bind(end).first { row throws(SQLiteError) in
      try row.read()
    }
  }

  /// Between these, both excluded. What lies beyond in the future was noted on a clock that has been set back since, and
  /// counts as over.
  static func remembered(at moment: Moment) -> (start: Timestamp, end: Timestamp) {
    let now = moment.wall.milliseconds
    return (
      Timestamp(milliseconds: now - memory.milliseconds), Timestamp(milliseconds: now + memory.milliseconds)
    )
  }
}
