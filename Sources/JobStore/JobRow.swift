import JobModel
import SQLite

/// The part of a job that its life changes: a row of `jobs`. Its methods are the transitions, pure and free of
/// storage.
struct JobRow: Sendable, Hashable {
  enum Kind: String, CaseIterable, Sendable { case command, payload }

  var id: JobID
  var state: JobState
  var queue: String
  var kind: Kind
  var priority: Int
  var createdAt: Timestamp
  /// When it may start, or was to start: for people, and for the wall clock to go by after a reboot.
  var runAt: Timestamp?
  /// The time that is still waited for, by one clock or the other.
  var dueWall: Timestamp?
  var dueBoot: Int64?
  /// Dependencies that have not ended.
  var pending = 0
  var startedAt: Timestamp?
  var finishedAt: Timestamp?
  var attempt = 0
  var maxAttempts: Int
  /// Daemons that died under it, one after the other.
  var deaths = 0
  var cancelling = false
  /// The dependency whose end cancelled it.
  var cancelledBy: JobID?
  var onInterrupt: OnInterrupt
  var uniqueKey: String?
  /// The value of the label by which its queue is limited just now; nil where it has none, or the queue is not.
  var limitKey: String?
  var exitCode: Int?
  var signal: Int?
  var outcome: Outcome?
  var error: String?
  /// JSON.
  var result: String?
  /// Leases that expired, one after the other.
  var expiries = 0

  /// A new job, before its dependencies are known.
  init(_ spec: JobSpec, at moment: Moment) {
    id = JobID(0)
    state = .queued
    queue = spec.queue
    kind = if case .command = spec.work { .command } else { .payload }
    priority = spec.priority
    createdAt = moment.wall
    maxAttempts = 1 + spec.retries
    onInterrupt = spec.onInterrupt
    uniqueKey = spec.uniqueKey
    waitFor(spec.start, from: moment)
  }

  // MARK: Waiting

  /// Takes the state of a waiting job: the first that applies of held, blocked, scheduled, queued.
  mutating func wait(held: Bool, at moment: Moment) {
    let isDue =
      if let dueBoot { dueBoot <= moment.boot } else if let dueWall { dueWall <= moment.wall } else { true }
    state = .waiting(held: held, pendingDependencies: pending, isDue: isDue)
    // What came stays come: a wall clock that is set back later does not ask for it again.
    if isDue { (dueWall, dueBoot) = (nil, nil) }
  }

  /// One dependency fewer is waited for.
  mutating func resolveOne(at moment: Moment) {
    pending -= 1
    wait(held: state == .held, at: moment)
  }

  /// Waits for another time than before; what else it waits for stays.
  mutating func reschedule(_ start: JobSpec.Start, at moment: Moment) {
    (runAt, dueWall, dueBoot) = (nil, nil, nil)
    waitFor(start, from: moment)
    wait(held: state == .held, at: moment)
  }

  private mutating func waitFor(_ start: JobSpec.Start, from moment: Moment) {
    switch start {
    case .now: break
    case .delay(let delay): waitFor(delay, from: moment)
    case .at(let time): (runAt, dueWall) = (time, time)
    }
  }

  private mutating func waitFor(_ delay: TimeSpan, from moment: Moment) {
    runAt = moment.wall + delay
    dueBoot = moment.boot + delay.milliseconds
  }

  /// From when on it waits, where nothing but its own time is waited for.
  var mayStartAt: Timestamp { max(runAt ?? createdAt, createdAt) }

  // MARK: Running

  mutating func start(at moment: Moment) {
    state = .running
    attempt += 1
    startedAt = moment.wall
  }

  /// Takes the step that follows its running attempt.
  mutating func conclude(_ ending: AttemptEnding, _ step: NextStep, result: String?, at moment: Moment) {
    outcome = ending.outcome
    // A failure to start keeps the shell's code for it, by which `jobq wait` tells 127 from 126.
    exitCode = ending.exitCode ?? (ending.outcome == .spawnFailed ? ending.exitStatus : nil)
    signal = ending.signal
    error = ending.error
    self.result = result
    // Each costs no retry.
    if ending.outcome == .interrupted || ending.outcome == .leaseExpired { maxAttempts += 1 }
    cancelling = false
    switch step {
    case .end(let state, let reason):
      if let reason { error = [ending.error, reason].compactMap { $0 }.joined(separator: "; ") }
      end(state, at: moment)
    case .retry(let delay):
      waitFor(delay, from: moment)
      wait(held: false, at: moment)
    case .again: wait(held: false, at: moment)
    case .hold: wait(held: true, at: moment)
    }
  }

  // MARK: Ending and coming back

  mutating func end(_ state: JobState, at moment: Moment) {
    self.state = state
    finishedAt = moment.wall
    pending = 0
    (dueWall, dueBoot) = (nil, nil)
  }

  /// Ends it because a job that it runs after did not succeed.
  mutating func cancel(because dependency: JobID, ended state: JobState, at moment: Moment) {
    cancelledBy = dependency
    error = "job \(dependency), after which it was to run, ended \(state.rawValue)"
    end(.cancelled, at: moment)
  }

  /// Puts an ended job back, to run as soon as may be.
  mutating func retry(retries: Int, at moment: Moment) {
    runAt = nil
    comeBack(retries: retries)
    wait(held: false, at: moment)
  }

  /// Puts a job that a dependency cancelled back to wait for that, and for its time where that has not come.
  mutating func waitAgain(for pending: Int, retries: Int, at moment: Moment) {
    self.pending = pending
    dueWall = runAt
    comeBack(retries: retries)
    wait(held: false, at: moment)
  }

  /// With as many attempts as it had at first.
  private mutating func comeBack(retries: Int) {
    maxAttempts = attempt + 1 + retries
    (deaths, expiries) = (0, 0)
    finishedAt = nil
    cancelledBy = nil
    (exitCode, signal, outcome, error, result) = (nil, nil, nil, nil, nil)
  }
}

// MARK: In the database

extension JobRow {
  /// Reads `Query.findJob`.
  init(_ row: Statement) throws(SQLiteError) {
    id = try row.read()
    state = try row.read()
    queue = try row.read()
    kind = try row.read()
    priority = try row.read()
    createdAt = try row.read()
    runAt = try row.read()
    dueWall = try row.read()
    dueBoot = try row.read()
    pending = try row.read()
    startedAt = try row.read()
    finishedAt = try row.read()
    attempt = try row.read()
    maxAttempts = try row.read()
    deaths = try row.read()
    cancelling = try row.read()
    cancelledBy = try row.read()
    onInterrupt = try row.read()
    uniqueKey = try row.read()
    limitKey = try row.read()
    exitCode = try row.read()
    signal = try row.read()
    outcome = try row.read()
    error = try row.read()
    result = try row.read()
    expiries = try row.read()
  }

  /// Runs `Query.insertJob`.
  func insert(by statement: Statement) throws(SQLiteError) {
    statement.bind(id).bind(state).bind(queue).bind(kind).bind(priority).bind(createdAt).bind(runAt).bind(dueWall)
      .bind(dueBoot).bind(pending).bind(finishedAt).bind(attempt).bind(maxAttempts).bind(cancelledBy).bind(onInterrupt)
      .bind(uniqueKey).bind(limitKey).bind(error)
    try statement.run()
  }

  /// Runs `Query.saveJob`.
  func save(by statement: Statement) throws(SQLiteError) {
    statement.bind(state).bind(runAt).bind(dueWall).bind(dueBoot).bind(pending).bind(startedAt).bind(finishedAt)
      .bind(attempt).bind(maxAttempts).bind(deaths).bind(cancelling).bind(cancelledBy).bind(limitKey).bind(exitCode)
      .bind(signal).bind(outcome).bind(error).bind(result).bind(expiries).bind(id)
    try statement.run()
  }
}
