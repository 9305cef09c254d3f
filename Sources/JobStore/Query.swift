import JobModel
import SQLite

/// Every statement that runs while the store is open, in one place: the tests hold the plan of each against an
/// index.
enum Query: Int, CaseIterable {
  // Transactions
  case begin, beginRead, commit, rollback, savepoint, release, rollbackTo
  // The store
  case identity, pause, setPause, probe, noteStopping
  // Jobs
  case numbers, keepNumber
  case findJob, insertJob, saveJob, removeJob
  case findSpec, findPolicy, findStdin, insertSpec
  case findLabels, findLabel, insertLabel, removeLabel
  case findQueue, editJob, editSpec
  case findUnique, findRequest, insertRequest, forgetRequests
  // Dependencies
  case findState, findDependencies, findPending, insertDependency, anyDependency, anyLabel, findWaiting,
    findCancelledBy,
    findLiveDependent
  case resolveDependency, resolveDependencies, reopenDependency
  case noteUntold, nextUntold, forgetUntold
  case findDependents
  // Attempts
  case findAttempts, insertAttempt, endAttempt, noteProcess, noteUnkillable, findLeftovers, findStart
  // Leases
  case insertLease, findLeased, extendLease, removeAttempt, findAttemptStart, findLeases
  case leasesDueByWall, leasesDueByBoot, nextLeaseWall, nextLeaseBoot
  // Claims and time
  case standings, standing, nextInQueue, aheadByPriority, aheadByArrival, startTimes, setStartTimes, dueByWall,
    dueByBoot,
    nextWall, nextBoot
  // Hooks
  case insertDelivery, dueDeliveries, nextDelivery, delayDelivery, removeDelivery
  // Queues
  case queues, queue, addToQueue, addQueue, setLimits, setQueuePause, pauses
  // Keys
  case keyLabels, setKeyLabel, dropKeyLabel, setKeys, setKeysOfQueued, setKeysOfRunning, clearKeys,
    clearKeysOfRunning
  case headOfLane, setLane, dropLane, dropLanes, keysInQueue, lanesInOrder, runningWithKey
  // Listings
  case listAll, listQueue, nextPriority, listPriority, listRunning, listLabel, listName, listNames
  // Retention
  case total, oldestEnded, allEnded, freePages, pages, shrink
  // Schedules
  case schedules, schedule, scheduleCount, putSchedule, advanceSchedule, removeSchedule, nextScheduleRevision
  case scheduleRuns, findScheduleRun, insertScheduleRun, openScheduleRuns, closeScheduleRun, closeScheduleRuns
  case pruneScheduleRuns
}

extension Query {
  private static let jobColumns = """
    j.id, j.state, j.queue, j.kind, j.priority, j.created_at, j.run_at, j.due_wall, j.due_boot, j.pending, \
    j.started_at, j.finished_at, j.attempt, j.max_attempts, j.deaths, j.cancelling, j.cancelled_by, j.on_interrupt, \
    j.unique_key, j.limit_key, j.exit_code, j.signal, j.outcome, j.error, j.result, j.expiries
    """
  private static let specColumns = """
    name, cwd, umask, timeout, kill_grace, retries, backoff_kind, backoff_base, backoff_max, backoff_jitter, retry_on, \
    no_retry_on, split_output, uid, pid, command, env, payload
    """
  private static let queueColumns = """
    name, paused, pause_reason, paused_until, priority, concurrency, rate, key_label, key_concurrency, held, blocked, scheduled, queued, running, succeeded, failed, cancelled
    """
  private static let scheduleColumns = """
    name, source, revision, expression, timezone, jitter, missed, overlap, paused, created_at, anchor, last_due, \
    next_due, uid, pid, job
    """
  private static let waiting = "('held', 'blocked', 'scheduled', 'queued')"
  /// What the index `jobs_queue` holds, in its own words: SQLite takes it for nothing less.
  private static func isListed(_ job: String = "jobs") -> String {
    "(\(job).state <> 'running' AND (\(job).state <> 'queued' OR \(job).limit_key IS NOT NULL))"
  }
  /// The jobs `j` that are in one of these states, `queued` and `running` aside: an index has them by queue, and the
  /// queues are few.
  static func jobs(in states: JobState...) -> String {
    let words = states.map { "'\($0.rawValue)'" }.joined(separator: ", ")
    return "queues q CROSS JOIN jobs j INDEXED BY jobs_queue ON j.queue = q.name AND \(isListed("j")) "
      + "AND j.state IN (\(words))"
  }
  /// The running jobs `j` with their attempts `a`: an index has the attempts that are under way, and no others.
  static let running = """
    attempts a INDEXED BY attempts_open CROSS JOIN jobs j ON a.finished_at IS NULL AND j.id = a.job_id \
    AND j.attempt = a.attempt AND j.state = 'running'
    """
  private static let labelValue = "(SELECT value FROM labels WHERE job_id = jobs.id AND key = ?)"
  /// What is asked of a job `j` beside the index that leads to it: a queue (parameter `first`), states as a JSON array,
  /// and the times between which it was added.
  private static func conditions(from first: Int) -> String {
    """
    (?\(first) IS NULL OR j.queue = ?\(first)) AND (?\(first + 1) IS NULL OR \
    instr(?\(first + 1), '"' || j.state || '"')) AND j.created_at >= ?\(first + 2) AND j.created_at < ?\(first + 3)
    """
  }
  /// No live job depends on it.
  private static let isFree = """
    NOT EXISTS (SELECT 1 FROM dependencies d CROSS JOIN jobs l WHERE d.depends_on = jobs.id AND l.id = d.job_id AND \
    l.finished_at IS NULL)
    """

  var sql: String {
    switch self {
    case .begin: "BEGIN IMMEDIATE"
    case .beginRead: "BEGIN"
    case .commit: "COMMIT"
    case .rollback: "ROLLBACK"
    case .savepoint: "SAVEPOINT request"
    case .release: "RELEASE request"
    case .rollbackTo: "ROLLBACK TO request"

    case .identity: "SELECT identity FROM store WHERE id = 1"
    case .pause: "SELECT paused, pause_reason, paused_until, pause_boot FROM store WHERE id = 1"
    case .setPause: "UPDATE store SET paused = ?, pause_reason = ?, paused_until = ?, pause_boot = ? WHERE id = 1"
    case .probe: "UPDATE store SET probes = probes + 1 WHERE id = 1"
    case .noteStopping: "UPDATE runs SET stopping = 1 WHERE run = ?"

    case .numbers: "SELECT coalesce((SELECT max(id) FROM jobs), 0), last_job FROM store WHERE id = 1"
    case .keepNumber: "UPDATE store SET last_job = ? WHERE id = 1"
    case .findJob: "SELECT \(Self.jobColumns) FROM jobs j WHERE j.id = ?"
    case .insertJob:
      """
      INSERT INTO jobs (id, state, queue, kind, priority, created_at, run_at, due_wall, due_boot, pending, \
      finished_at, attempt, max_attempts, cancelled_by, on_interrupt, unique_key, limit_key, error) VALUES \
      (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
      """
    case .saveJob:
      """
      UPDATE jobs SET state = ?, run_at = ?, due_wall = ?, due_boot = ?, pending = ?, started_at = ?, finished_at = ?, \
      attempt = ?, max_attempts = ?, deaths = ?, cancelling = ?, cancelled_by = ?, limit_key = ?, \
      exit_code = ?, signal = ?, outcome = ?, error = ?, result = ?, expiries = ? WHERE id = ?
      """
    // What hangs on it goes with it: ON DELETE CASCADE.
    case .removeJob: "DELETE FROM jobs WHERE id = ?"

    case .findSpec: "SELECT \(Self.specColumns) FROM specs WHERE job_id = ?"
    case .findPolicy:
      """
      SELECT retries, backoff_kind, backoff_base, backoff_max, backoff_jitter, retry_on, no_retry_on FROM specs \
      WHERE job_id = ?
      """
    case .findStdin: "SELECT stdin FROM specs WHERE job_id = ?"
    case .insertSpec:
      """
      INSERT INTO specs (job_id, \(Self.specColumns), stdin) VALUES \
      (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
      """

    case .findLabels: "SELECT key, value FROM labels WHERE job_id = ?"
    case .findLabel: "SELECT value FROM labels WHERE job_id = ? AND key = ?"
    case .insertLabel: "INSERT INTO labels (job_id, key, value) VALUES (?, ?, ?)"
    case .removeLabel: "DELETE FROM labels WHERE job_id = ? AND key = ?"

    case .findQueue: "SELECT queue FROM jobs WHERE id = ?"
    case .editJob: "UPDATE jobs SET queue = ?, priority = ? WHERE id = ?"
    case .editSpec: "UPDATE specs SET name = ?, timeout = ?, retries = ? WHERE job_id = ?"

    case .findUnique:
      "SELECT id FROM jobs WHERE unique_key = ? AND unique_key IS NOT NULL AND finished_at IS NULL"
    case .findRequest: "SELECT job_id FROM requests WHERE request_id = ? AND at > ? AND at < ?"
    // Replaced and not updated: it goes to the end of their order.
    case .insertRequest: "INSERT OR REPLACE INTO requests (request_id, job_id, at) VALUES (?, ?, ?)"
    case .forgetRequests:
      """
      DELETE FROM requests WHERE (at <= ?2 OR at >= ?3) \
      AND number IN (SELECT number FROM requests WHERE number > 0 ORDER BY number LIMIT ?1) RETURNING number
      """

    case .findState: "SELECT state FROM jobs WHERE id = ?"
    case .findDependencies: "SELECT depends_on, kind FROM dependencies WHERE job_id = ?"
    // What it waits for still.
    case .findPending:
      """
      SELECT d.depends_on, o.state FROM dependencies d CROSS JOIN jobs o \
      WHERE d.job_id = ? AND d.resolved = 0 AND o.id = d.depends_on AND o.finished_at IS NULL ORDER BY d.depends_on
      """
    case .insertDependency: "INSERT INTO dependencies (job_id, depends_on, kind, resolved) VALUES (?, ?, ?, ?)"
    case .anyLabel: "SELECT 1 FROM labels WHERE job_id > 0 LIMIT 1"
    case .anyDependency: "SELECT 1 FROM dependencies WHERE job_id > 0 LIMIT 1"
    // The live jobs that wait for it, the first of them.
    case .findWaiting:
      """
      SELECT d.job_id, d.kind FROM dependencies d CROSS JOIN jobs l \
      WHERE d.depends_on = ? AND d.resolved = 0 AND l.id = d.job_id AND l.finished_at IS NULL ORDER BY d.job_id \
      LIMIT ?
      """
    case .noteUntold: "INSERT OR REPLACE INTO untold (job_id, revives, past, wall, boot) VALUES (?, ?, ?, ?, ?)"
    case .nextUntold:
      """
      SELECT u.job_id, u.revives, u.past, j.state, u.wall, u.boot FROM untold u CROSS JOIN jobs j WHERE u.job_id > 0 AND j.id = u.job_id \
      LIMIT 1
      """
    case .forgetUntold: "DELETE FROM untold WHERE job_id = ? AND revives = ?"
    case .findDependents: "SELECT job_id, kind FROM dependencies WHERE depends_on = ? ORDER BY job_id LIMIT ?"
    case .findCancelledBy:
      """
      SELECT d.job_id FROM dependencies d CROSS JOIN jobs l \
      WHERE d.depends_on = ?1 AND d.job_id > ?2 AND l.id = d.job_id AND l.cancelled_by = ?1 ORDER BY d.job_id LIMIT ?3
      """
    case .findLiveDependent:
      """
      SELECT d.job_id FROM dependencies d CROSS JOIN jobs l \
      WHERE d.depends_on = ? AND l.id = d.job_id AND l.finished_at IS NULL LIMIT 1
      """
    case .resolveDependency: "UPDATE dependencies SET resolved = 1 WHERE job_id = ? AND depends_on = ?"
    case .resolveDependencies: "UPDATE dependencies SET resolved = 1 WHERE job_id = ?"
    case .reopenDependency: "UPDATE dependencies SET resolved = 0 WHERE job_id = ? AND depends_on = ?"

    case .findAttempts:
      """
      SELECT attempt, started_at, finished_at, outcome, exit_code, signal, error, user_seconds, system_seconds, \
      max_rss_bytes, unkillable, worker, lease_wall FROM attempts WHERE job_id = ? ORDER BY attempt
      """
    case .insertAttempt:
      "INSERT INTO attempts (job_id, attempt, run, started_at, started_boot) VALUES (?, ?, ?, ?, ?)"
    case .endAttempt:
      """
      UPDATE attempts SET finished_at = ?, outcome = ?, exit_code = ?, signal = ?, error = ?, user_seconds = ?, \
      system_seconds = ?, max_rss_bytes = ? WHERE job_id = ? AND attempt = ?
      """
    case .noteProcess:
      """
      UPDATE attempts SET pid = ?, start_time = ?, boot_id = ? WHERE job_id = ? AND attempt = ? AND finished_at IS NULL
      """
    case .noteUnkillable:
      "UPDATE attempts SET unkillable = 1 WHERE job_id = ? AND attempt = ? AND finished_at IS NULL"
    case .findLeftovers:
      """
      SELECT j.id, j.attempt, j.queue, a.started_at, a.pid, a.start_time, a.boot_id FROM \(Self.running) \
      WHERE j.kind = 'command'
      """
    // Where and when an attempt started, for a death to be judged.
    case .findStart:
      """
      SELECT a.run, a.started_boot, r.boot_id, r.stopping FROM attempts a LEFT JOIN runs r ON r.run = a.run \
      WHERE a.job_id = ? AND a.attempt = ?
      """

    case .insertLease:
      """
      INSERT INTO attempts (job_id, attempt, run, started_at, started_boot, worker, lease, lease_wall, lease_boot) \
      VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)
      """
    // A job and, of its attempts, that of a token.
    case .findLeased:
      """
      SELECT \(Self.jobColumns), a.attempt, a.outcome, a.lease_wall, a.lease_boot \
      FROM jobs j LEFT JOIN attempts a ON a.job_id = j.id AND a.lease = ? WHERE j.id = ?
      """
    case .extendLease: "UPDATE attempts SET lease_wall = ?, lease_boot = ? WHERE job_id = ? AND attempt = ?"
    case .removeAttempt: "DELETE FROM attempts WHERE job_id = ? AND attempt = ?"
    case .findAttemptStart: "SELECT started_at FROM attempts WHERE job_id = ? AND attempt = ?"
    case .findLeases:
      "SELECT j.id, j.attempt, j.queue FROM \(Self.running) WHERE j.kind = 'payload'"
    case .leasesDueByWall:
      """
      SELECT job_id, worker FROM attempts INDEXED BY attempts_lease_wall \
      WHERE finished_at IS NULL AND lease_boot IS NULL AND lease_wall <= ? ORDER BY lease_wall LIMIT ?
      """
    case .leasesDueByBoot:
      """
      SELECT job_id, worker FROM attempts INDEXED BY attempts_open \
      WHERE finished_at IS NULL AND lease_boot <= ? ORDER BY lease_boot LIMIT ?
      """
    case .nextLeaseWall:
      """
      SELECT lease_wall FROM attempts INDEXED BY attempts_lease_wall \
      WHERE finished_at IS NULL AND lease_boot IS NULL AND lease_wall IS NOT NULL ORDER BY lease_wall LIMIT 1
      """
    case .nextLeaseBoot:
      """
      SELECT lease_boot FROM attempts INDEXED BY attempts_open \
      WHERE finished_at IS NULL AND lease_boot IS NOT NULL ORDER BY lease_boot LIMIT 1
      """

    // INDEXED BY where SQLite might take another index, and sort: it then refuses the statement if the index is not
    // there.
    case .standings: "SELECT name, queued, paused FROM queues"
    case .standing: "SELECT queued, paused FROM queues WHERE name = ?"
    case .nextInQueue:
      """
      SELECT \(Self.jobColumns) FROM jobs j INDEXED BY jobs_claim \
      WHERE state = 'queued' AND limit_key IS NULL AND queue = ? AND kind = ? ORDER BY priority DESC, id LIMIT ?
      """
    // Those of its queue that go before a job, no more than so many.
    case .aheadByPriority:
      """
      SELECT id FROM jobs INDEXED BY jobs_claim \
      WHERE state = 'queued' AND limit_key IS NULL AND queue = ? AND kind = ? AND priority > ? LIMIT ?
      """
    case .aheadByArrival:
      """
      SELECT id FROM jobs INDEXED BY jobs_claim \
      WHERE state = 'queued' AND limit_key IS NULL AND queue = ? AND kind = ? AND priority = ? AND id < ? LIMIT ?
      """
    case .startTimes: "SELECT start_wall, start_boot FROM queues WHERE name = ?"
    case .setStartTimes: "UPDATE queues SET start_wall = ?, start_boot = ? WHERE name = ?"
    case .dueByWall:
      """
      SELECT id FROM jobs INDEXED BY jobs_due WHERE state = 'scheduled' AND due_wall <= ? \
      ORDER BY due_wall LIMIT ?
      """
    case .dueByBoot:
      """
      SELECT id FROM jobs INDEXED BY jobs_due WHERE state = 'scheduled' AND due_wall IS NULL AND due_boot <= ? \
      ORDER BY due_boot LIMIT ?
      """
    case .nextWall:
      """
      SELECT due_wall FROM jobs INDEXED BY jobs_due WHERE state = 'scheduled' AND due_wall IS NOT NULL \
      ORDER BY due_wall LIMIT 1
      """
    case .nextBoot:
      """
      SELECT due_boot FROM jobs INDEXED BY jobs_due WHERE state = 'scheduled' AND due_wall IS NULL \
      AND due_boot IS NOT NULL ORDER BY due_boot LIMIT 1
      """

    case .insertDelivery:
      "INSERT INTO hook_deliveries (job_id, queue, state, outcome, due, job) VALUES (?, ?, ?, ?, ?, ?)"
    case .dueDeliveries:
      """
      SELECT id, job_id, queue, state, outcome, tries, job FROM hook_deliveries WHERE due <= ? ORDER BY due, id LIMIT ?
      """
    case .nextDelivery: "SELECT due FROM hook_deliveries WHERE due > ? ORDER BY due LIMIT 1"
    case .delayDelivery: "UPDATE hook_deliveries SET tries = tries + 1, due = ? WHERE id = ?"
    case .removeDelivery: "DELETE FROM hook_deliveries WHERE id = ?"

    case .queues: "SELECT \(Self.queueColumns) FROM queues ORDER BY name"
    case .queue: "SELECT \(Self.queueColumns) FROM queues WHERE name = ?"
    case .addToQueue:
      """
      UPDATE queues SET held = held + ?, blocked = blocked + ?, scheduled = scheduled + ?, queued = queued + ?, \
      running = running + ?, succeeded = succeeded + ?, failed = failed + ?, cancelled = cancelled + ? WHERE name = ?
      """
    case .addQueue: "INSERT INTO queues (name) VALUES (?) ON CONFLICT DO NOTHING"
    case .setLimits:
      """
      UPDATE queues SET priority = ?, concurrency = ?, rate = ?, key_label = ?, key_concurrency = ? WHERE name = ?
      """
    case .setQueuePause:
      "UPDATE queues SET paused = ?, pause_reason = ?, paused_until = ?, pause_boot = ? WHERE name = ?"
    // Those with an end.
    case .pauses:
      "SELECT name, paused_until, pause_boot FROM queues INDEXED BY queues_pauses WHERE paused_until IS NOT NULL"

    case .keyLabels: "SELECT queue, label FROM keys"
    case .setKeyLabel:
      "INSERT INTO keys (queue, label) VALUES (?, ?) ON CONFLICT (queue) DO UPDATE SET label = excluded.label"
    case .dropKeyLabel: "DELETE FROM keys WHERE queue = ?"
    // Of the jobs that have not ended; each state is a range of its own in the index.
    case .setKeys:
      """
      UPDATE jobs INDEXED BY jobs_queue SET limit_key = \(Self.labelValue) \
      WHERE \(Self.isListed()) AND queue = ? AND state IN \(Self.waiting)
      """
    case .setKeysOfQueued:
      """
      UPDATE jobs INDEXED BY jobs_claim SET limit_key = \(Self.labelValue) \
      WHERE state = 'queued' AND limit_key IS NULL AND queue = ?
      """
    case .setKeysOfRunning:
      """
      UPDATE jobs SET limit_key = \(Self.labelValue) \
      WHERE id IN (SELECT j.id FROM \(Self.running)) AND queue = ?
      """
    case .clearKeysOfRunning:
      "UPDATE jobs SET limit_key = NULL WHERE id IN (SELECT j.id FROM \(Self.running)) AND queue = ?"
    case .clearKeys:
      """
      UPDATE jobs INDEXED BY jobs_queue SET limit_key = NULL \
      WHERE \(Self.isListed()) AND queue = ? AND state IN \(Self.waiting)
      """
    case .headOfLane:
      """
      SELECT id, priority FROM jobs INDEXED BY jobs_lane WHERE state = 'queued' AND limit_key IS NOT NULL \
      AND queue = ? AND kind = ? AND limit_key = ? ORDER BY priority DESC, id LIMIT 1
      """
    case .setLane:
      """
      INSERT INTO lanes (queue, kind, key, priority, job_id) VALUES (?, ?, ?, ?, ?) \
      ON CONFLICT (queue, kind, key) DO UPDATE SET priority = excluded.priority, job_id = excluded.job_id \
      WHERE job_id <> excluded.job_id OR priority <> excluded.priority
      """
    case .dropLane: "DELETE FROM lanes WHERE queue = ? AND kind = ? AND key = ?"
    case .dropLanes: "DELETE FROM lanes WHERE queue = ?"
    // Of what is queued and of what runs, as the index has them: in its order they are distinct.
    case .keysInQueue:
      """
      SELECT DISTINCT limit_key, state, kind FROM jobs INDEXED BY jobs_lane WHERE limit_key IS NOT NULL \
      AND (state = 'queued' OR state = 'running') AND queue = ?
      """
    case .runningWithKey:
      """
      SELECT id FROM jobs INDEXED BY jobs_lane WHERE state = 'running' AND limit_key IS NOT NULL \
      AND queue = ? AND limit_key = ? LIMIT ?
      """
    case .lanesInOrder:
      """
      SELECT job_id, priority, key FROM lanes INDEXED BY lanes_order WHERE queue = ? AND kind = ? \
      ORDER BY priority DESC, job_id
      """

    case .listAll:
      "SELECT id FROM jobs WHERE id < ? AND created_at >= ? AND created_at < ? ORDER BY id DESC LIMIT ?"
    case .listQueue:
      """
      SELECT id FROM jobs INDEXED BY jobs_queue WHERE \(Self.isListed()) AND id < ? AND created_at >= ? \
      AND created_at < ? AND queue = ? AND state = ? ORDER BY id DESC LIMIT ?
      """
    case .nextPriority:
      """
      SELECT priority FROM jobs INDEXED BY jobs_claim WHERE state = 'queued' AND limit_key IS NULL \
      AND queue = ? AND kind = ? AND priority < ? ORDER BY priority DESC LIMIT 1
      """
    case .listPriority:
      """
      SELECT id FROM jobs INDEXED BY jobs_claim WHERE state = 'queued' AND limit_key IS NULL \
      AND id < ? AND created_at >= ? AND created_at < ? AND queue = ? AND kind = ? AND priority = ? \
      ORDER BY id DESC LIMIT ?
      """
    case .listRunning:
      """
      SELECT j.id FROM \(Self.running) WHERE j.id < ?1 AND j.created_at >= ?2 AND j.created_at < ?3 \
      AND (?4 IS NULL OR j.queue = ?4)
      """
    // By one label; what else is asked for is looked at on the way: further labels as an object (8), a range of
    // names (9, 10).
    case .listLabel:
      """
      SELECT l.job_id FROM labels l CROSS JOIN jobs j WHERE l.job_id < ?1 AND l.key = ?2 AND l.value = ?3 \
      AND j.id = l.job_id AND \(Self.conditions(from: 4)) AND NOT EXISTS \
      (SELECT 1 FROM json_each(?8) w WHERE NOT EXISTS \
      (SELECT 1 FROM labels m WHERE m.job_id = l.job_id AND m.key = w.key AND m.value = w.value)) \
      AND (?9 IS NULL OR EXISTS (SELECT 1 FROM specs s WHERE s.job_id = l.job_id AND s.name BETWEEN ?9 AND ?10)) \
      ORDER BY l.job_id DESC LIMIT ?11
      """
    case .listName:
      """
      SELECT s.job_id FROM specs s INDEXED BY specs_name CROSS JOIN jobs j WHERE s.job_id < ?1 AND s.name = ?2 \
      AND j.id = s.job_id AND \(Self.conditions(from: 3)) ORDER BY s.job_id DESC LIMIT ?7
      """
    // In the order of the names: whoever asks sorts.
    case .listNames:
      """
      SELECT s.job_id FROM specs s INDEXED BY specs_name CROSS JOIN jobs j WHERE s.job_id < ?1 \
      AND s.name BETWEEN ?2 AND ?3 AND j.id = s.job_id AND \(Self.conditions(from: 4))
      """

    case .total:
      "SELECT sum(held + blocked + scheduled + queued + running + succeeded + failed + cancelled) FROM queues"
    case .oldestEnded:
      """
      SELECT id, finished_at FROM jobs INDEXED BY jobs_ended WHERE queue = ? AND state = ? \
      AND finished_at IS NOT NULL AND finished_at <= ? AND \(Self.isFree) ORDER BY finished_at LIMIT ?
      """
    case .allEnded:
      """
      SELECT id, finished_at FROM jobs INDEXED BY jobs_ended WHERE queue = ? AND state = ? \
      AND finished_at IS NOT NULL AND finished_at <= ?
      """
    case .freePages: "PRAGMA freelist_count"
    case .pages: "PRAGMA page_count"
    case .shrink: "PRAGMA incremental_vacuum(256)"

    case .schedules: "SELECT \(Self.scheduleColumns) FROM schedules ORDER BY name"
    case .schedule: "SELECT \(Self.scheduleColumns) FROM schedules WHERE name = ?"
    case .scheduleCount: "SELECT count(*) FROM schedules"
    // Not INSERT OR REPLACE, which would take the facts with the row.
    case .putSchedule:
      """
      INSERT INTO schedules (\(Self.scheduleColumns)) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) \
      ON CONFLICT (name) DO UPDATE SET source = excluded.source, revision = excluded.revision, \
      expression = excluded.expression, timezone = excluded.timezone, jitter = excluded.jitter, \
      missed = excluded.missed, overlap = excluded.overlap, paused = excluded.paused, anchor = excluded.anchor, \
      last_due = excluded.last_due, next_due = excluded.next_due, uid = excluded.uid, pid = excluded.pid, \
      job = excluded.job
      """
    case .advanceSchedule:
      "UPDATE schedules SET revision = ?, paused = ?, last_due = ?, next_due = ? WHERE name = ?"
    case .removeSchedule: "DELETE FROM schedules WHERE name = ?"
    case .nextScheduleRevision:
      "UPDATE store SET schedule_revision = schedule_revision + 1 WHERE id = 1 RETURNING schedule_revision"
    case .scheduleRuns:
      "SELECT due, result, job_id, at FROM schedule_runs WHERE schedule = ? ORDER BY id DESC LIMIT ?"
    case .findScheduleRun: "SELECT id FROM schedule_runs WHERE schedule = ? AND due = ?"
    case .insertScheduleRun:
      "INSERT INTO schedule_runs (schedule, due, result, job_id, at, open) VALUES (?, ?, ?, ?, ?, ?)"
    case .openScheduleRuns:
      "SELECT id, job_id FROM schedule_runs INDEXED BY schedule_runs_open WHERE schedule = ? AND open = 1 ORDER BY id"
    case .closeScheduleRun: "UPDATE schedule_runs SET open = 0 WHERE id = ?"
    case .closeScheduleRuns:
      "UPDATE schedule_runs INDEXED BY schedule_runs_open SET open = 0 WHERE schedule = ? AND open = 1"
    case .pruneScheduleRuns:
      """
      DELETE FROM schedule_runs WHERE schedule = ?1 AND open = 0 AND id <= \
      (SELECT id FROM schedule_runs WHERE schedule = ?1 ORDER BY id DESC LIMIT 1 OFFSET ?2)
      """
    }
  }
}
