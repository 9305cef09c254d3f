extension Schema {
  /// What holds of a job, by its state: one CASE that asks only for the rules of the state that the row has, where there were
  /// twelve CHECKs of which most asked for several; and two indices of what few jobs are, where there were four. All of them
  /// are looked at in each step of each job. See decision 0025.
  ///
  /// The rules are those that there were. The table is made anew, since a CHECK cannot be altered.
  static let rulesByState = """
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
      pending      INTEGER NOT NULL,
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
      CONSTRAINT "what holds of its state" CHECK (CASE state
        WHEN 'queued' THEN
          pending = 0 AND due_wall IS NULL AND due_boot IS NULL
          AND finished_at IS NULL AND attempt < max_attempts AND cancelling = 0 AND cancelled_by IS NULL
        WHEN 'running' THEN
          pending = 0 AND due_wall IS NULL AND due_boot IS NULL AND started_at IS NOT NULL AND attempt > 0
          AND finished_at IS NULL AND attempt <= max_attempts AND (cancelling = 0 OR cancelling = 1)
          AND cancelled_by IS NULL
        WHEN 'succeeded' THEN
          pending = 0 AND due_wall IS NULL AND due_boot IS NULL
          AND finished_at IS NOT NULL AND attempt <= max_attempts AND cancelling = 0 AND cancelled_by IS NULL
        WHEN 'failed' THEN
          pending = 0 AND due_wall IS NULL AND due_boot IS NULL
          AND finished_at IS NOT NULL AND attempt <= max_attempts AND cancelling = 0 AND cancelled_by IS NULL
        WHEN 'cancelled' THEN
          pending = 0 AND due_wall IS NULL AND due_boot IS NULL
          AND finished_at IS NOT NULL AND attempt <= max_attempts AND cancelling = 0
        WHEN 'scheduled' THEN
          pending = 0 AND (due_wall IS NULL) <> (due_boot IS NULL) AND (due_boot IS NULL OR run_at IS NOT NULL)
          AND finished_at IS NULL AND attempt < max_attempts AND cancelling = 0 AND cancelled_by IS NULL
        WHEN 'blocked' THEN
          pending > 0 AND (due_wall IS NULL OR due_boot IS NULL) AND (due_boot IS NULL OR run_at IS NOT NULL)
          AND finished_at IS NULL AND attempt < max_attempts AND cancelling = 0 AND cancelled_by IS NULL
        WHEN 'held' THEN
          pending >= 0 AND (due_wall IS NULL OR due_boot IS NULL) AND (due_boot IS NULL OR run_at IS NOT NULL)
          AND finished_at IS NULL AND attempt < max_attempts AND cancelling = 0 AND cancelled_by IS NULL
        ELSE 0
      END)
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
    -- Those that count against a key: what is next of each, and what runs.
    CREATE INDEX jobs_lane ON jobs (queue, limit_key, state, kind, priority DESC, id)
      WHERE limit_key IS NOT NULL AND (state = 'queued' OR state = 'running');
    -- By the wall clock; where that is NULL, by the time since this boot.
    CREATE INDEX jobs_due ON jobs (due_wall, due_boot) WHERE state = 'scheduled';
    CREATE UNIQUE INDEX jobs_unique ON jobs (unique_key) WHERE unique_key IS NOT NULL AND finished_at IS NULL;
    -- Those that jobs_claim has are not in it: what is listed of them is merged from its priorities. Nor those that run:
    -- they have an open attempt.
    CREATE INDEX jobs_queue ON jobs (queue, state, id)
      WHERE state <> 'running' AND (state <> 'queued' OR limit_key IS NOT NULL);
    CREATE INDEX jobs_ended ON jobs (queue, state, finished_at) WHERE finished_at IS NOT NULL;
    """
}
