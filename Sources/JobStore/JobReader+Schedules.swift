import FoundationEssentials
import JobModel
import SQLite

extension JobReader {
  func schedules() throws(SQLiteError) -> [StoredSchedule] {
    try statements[.schedules].all { row throws(SQLiteError) in try StoredSchedule(row) }
  }

  func schedule(_ name: String) throws(SQLiteError) -> StoredSchedule? {
    try statements[.schedule].bind(name).first { row throws(SQLiteError) in try StoredSchedule(row) }
  }

  func scheduleCount() throws(SQLiteError) -> Int {
    try statements[.scheduleCount].first { row throws(SQLiteError) in try row.read() } ?? 0
  }

  func runs(ofSchedule name: String, limit: Int) throws(SQLiteError) -> [ScheduleRun] {
    try statements[.scheduleRuns].bind(name).bind(limit).all { row throws(SQLiteError) in try ScheduleRun(row) }
  }
}

extension StoredSchedule {
  /// Reads `Query.schedule`.
  fileprivate init(_ row: Statement) throws(SQLiteError) {
    let name = try row.read(String.self)
    let source = try row.read(ScheduleSource.self)
    let revision = try row.read(Int64.self)
    let expression = try row.read(CronExpression.self)
    let timezone = try row.read(String.self)
    let (jitter, missed, overlap) = (
      try row.read(TimeSpan.self), try row.read(MissedPolicy.self), try row.read(OverlapPolicy.self)
    )
    self.init(
      definition: ScheduleDefinition(
        name: name, source: source, expression: expression, timezone: timezone, job: JobRequest()),
      revision: revision, paused: try row.read(), createdAt: try row.read(), anchor: try row.read(),
      lastDue: try row.read(), nextDue: try row.read())
    definition.jitter = jitter
    definition.missed = missed
    definition.overlap = overlap
    let uid = try row.read(Int?.self)
    let pid = try row.read(Int?.self)
    if let uid, let pid {
      definition.submittedBy = Submitter(
        uid: UInt32(truncatingIfNeeded: uid), pid: Int32(truncatingIfNeeded: pid))
    }
    definition.job = try JobRequest(template: try row.read())
  }
}

extension ScheduleRun {
  /// Reads `Query.scheduleRuns`.
  fileprivate init(_ row: Statement) throws(SQLiteError) {
    self.init(dueAt: try row.read(), result: try row.read(), jobID: try row.read(), at: try row.read())
  }
}

extension JobRequest {
  /// Reads what `template()` wrote.
  fileprivate init(template text: String) throws(SQLiteError) {
    if let plain = JobRequest.plain(text.utf8.span) {
      self = plain
      return
    }
    do {
      self = try JSONDecoder().decode(JobRequest.self, from: Data(text.utf8))
    } catch {
      throw .corrupt("the job of a schedule cannot be read: \(error)", doing: Query.schedule.sql)
    }
  }

  /// As JSON.
  func template() throws(StoreError) -> String {
    do {
      return String(decoding: try JSONEncoder().encode(self), as: UTF8.self)
    } catch {
      throw StoreError(.storage(.failed), "the job of a schedule cannot be written as JSON: \(error)")
    }
  }
}

extension ScheduleSource: SQLiteValue {}
extension MissedPolicy: SQLiteValue {}
extension OverlapPolicy: SQLiteValue {}
extension ScheduleRun.Result: SQLiteValue {}

extension CronExpression: SQLiteValue {
  func bind(to statement: Statement) { description.bind(to: statement) }
  static func read(from statement: Statement) throws(SQLiteError) -> CronExpression {
    let text = try String.read(from: statement)
    do throws(CronError) { return try CronExpression(text) } catch {
      throw .corrupt("\(text) is no cron expression: \(error)", doing: statement.sql)
    }
  }
}
