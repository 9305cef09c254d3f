extension Schema {
  /// Fewer pages that each added job writes: its number is counted by the writer and no longer by AUTOINCREMENT, which
  /// queues have work is known to the writer, and one index instead of three has what is queued: jobs by their state
  /// are merged from the orders of the queues. See decision 0013.
  ///
  /// The table is made anew, since AUTOINCREMENT cannot be taken back.
  static let fewerPages = """
    -- The newest number that was given out, as far as no job shows it.
    ALTER TABLE store ADD COLUMN last_job INTEGER NOT NULL DEFAULT 0;
    UPDATE store SET last_job = coalesce((SELECT seq FROM sqlite_sequence WHERE name = 'jobs'), 0);
    DROP INDEX queues_ready;

    CREATE TABLE new_jobs (
      id           INTEGER PRIMARY KEY,
      state        TEXT    NOT NULL,
      queue        TEXT    NOT NULL,
      kind         TEXT    NOT NULL CHECK (kind IN ('command', 'payload')),
      priority     INTEGER NOT NULL,
      created_at   INTEGER NOT NULL,
      run_at       INTEGER,
      -- What is still waited for: a time on the wall, or a time since this boot. Both NULL once it came.
      due_wall     INTEGER,
      due_boot     INTEGER,
      -- Dependencies that have not ended.
      pending      INTEGER NOT NULL CHECK (pending >= 0),
      started_at   INTEGER,
      finished_at  INTEGER,
      attempt      INTEGER NOT NULL CHECK (attempt >= 0),
      max_attempts INTEGER NOT NULL,
      -- Daemons that died under it, one after the other.
      deaths       INTEGER NOT NULL DEFAULT 0,
      cancelling   INTEGER NOT NULL DEFAULT 0,
      -- The dependency whose end cancelled it.
      cancelled_by INTEGER,
      on_interrupt TEXT    NOT NULL CHECK (on_interrupt = 'retry' OR on_interrupt = 'fail' OR on_interrupt = 'hold'),
      unique_key   TEXT,
      exit_code    INTEGER,
      signal       INTEGER,
      outcome      TEXT,
      error        TEXT,
      result       TEXT,
      limit_key    TEXT,
      -- Leases that expired, one after the other.
      expiries     INTEGER NOT NULL DEFAULT 0,
      CHECK (state = 'queued' OR state = 'running' OR state = 'scheduled' OR state = 'blocked' OR state = 'held' OR
             state = 'succeeded' OR state = 'failed' OR state = 'cancelled'),
      CHECK ((finished_at IS NOT NULL) = (state = 'succeeded' OR state = 'failed' OR state = 'cancelled')),
      CHECK (pending = 0 OR state = 'blocked' OR state = 'held'),
      CHECK (pending > 0 OR state <> 'blocked'),
      CHECK (due_wall IS NULL OR due_boot IS NULL),
      CHECK (due_boot IS NULL OR run_at IS NOT NULL),
      CHECK ((due_wall IS NULL AND due_boot IS NULL) OR state = 'scheduled' OR state = 'blocked' OR state = 'held'),
      CHECK (due_wall IS NOT NULL OR due_boot IS NOT NULL OR state <> 'scheduled'),
      CHECK (attempt < max_attempts OR (attempt = max_attempts AND (state = 'running' OR finished_at IS NOT NULL))),
      CHECK (state <> 'running' OR (attempt > 0 AND started_at IS NOT NULL)),
      CHECK (cancelling = 0 OR (cancelling = 1 AND state = 'running')),
      CHECK (cancelled_by IS NULL OR state = 'cancelled')
    ) STRICT;
    INSERT INTO new_jobs (id, state, queue, kind, priority, created_at, run_at, due_wall, due_boot, pending, started_at,
      finished_at, attempt, max_attempts, deaths, cancelling, cancelled_by, on_interrupt, unique_key,
      exit_code, signal, outcome, error, result, limit_key, expiries)
    SELECT id, state, queue, kind, priority, created_at, run_at, due_wall, due_boot, pending, started_at,
      finished_at, attempt, max_attempts, deaths, cancelling, cancelled_by, on_interrupt, unique_key,
      exit_code, signal, outcome, error, result, limit_key, expiries FROM jobs;
    DROP TABLE jobs;
    ALTER TABLE new_jobs RENAME TO jobs;
    CREATE INDEX jobs_claim ON jobs (queue, kind, priority DESC, id) WHERE state = 'queued' AND limit_key IS NULL;
    CREATE INDEX jobs_lane ON jobs (queue, kind, limit_key, priority DESC, id)
      WHERE state = 'queued' AND limit_key IS NOT NULL;
    CREATE INDEX jobs_key_running ON jobs (queue, limit_key) WHERE state = 'running' AND limit_key IS NOT NULL;
    CREATE INDEX jobs_due_wall ON jobs (due_wall) WHERE state = 'scheduled' AND due_wall IS NOT NULL;
    CREATE INDEX jobs_due_boot ON jobs (due_boot) WHERE state = 'scheduled' AND due_boot IS NOT NULL;
    CREATE UNIQUE INDEX jobs_unique ON jobs (unique_key) WHERE unique_key IS NOT NULL AND finished_at IS NULL;
    -- Those that jobs_claim has are not in it: what is listed of them is merged from its priorities. Nor those that run:
    -- they have an open attempt.
    CREATE INDEX jobs_queue ON jobs (queue, state, id)
      WHERE state <> 'running' AND (state <> 'queued' OR limit_key IS NOT NULL);
    CREATE INDEX jobs_ended ON jobs (queue, state, finished_at) WHERE finished_at IS NOT NULL;

    -- The attempts that are under way, in the order in which their leases end.
    DROP INDEX attempts_lease_boot;
    CREATE INDEX attempts_open ON attempts (lease_boot) WHERE finished_at IS NULL;
    """
}
