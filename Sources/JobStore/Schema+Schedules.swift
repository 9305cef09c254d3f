extension Schema {
  /// What recurs, and what became of each due time. Times are in milliseconds.
  static let schedules = """
    -- Grows with every change of a schedule, so that no two states of one ever have the same number.
    ALTER TABLE store ADD COLUMN schedule_revision INTEGER NOT NULL DEFAULT 0;

    CREATE TABLE schedules (
      name       TEXT    PRIMARY KEY,
      source     TEXT    NOT NULL CHECK (source IN ('file', 'api')),
      revision   INTEGER NOT NULL,
      expression TEXT    NOT NULL,
      timezone   TEXT    NOT NULL,
      jitter     INTEGER NOT NULL CHECK (jitter >= 0),
      missed     TEXT    NOT NULL CHECK (missed IN ('skip', 'once', 'all')),
      overlap    TEXT    NOT NULL CHECK (overlap IN ('skip', 'queue', 'cancel-previous')),
      paused     INTEGER NOT NULL CHECK (paused IN (0, 1)),
      created_at INTEGER NOT NULL,
      -- What @every is counted from.
      anchor     INTEGER NOT NULL,
      -- The newest due time that has been dealt with, and the first that has not.
      last_due   INTEGER,
      next_due   INTEGER,
      uid        INTEGER,
      pid        INTEGER,
      -- JSON: the request that each due time makes.
      job        TEXT    NOT NULL,
      CHECK (paused = 0 OR next_due IS NULL),
      CHECK (next_due IS NULL OR last_due IS NULL OR next_due > last_due)
    ) STRICT, WITHOUT ROWID;

    -- Written in the transaction that enqueues the job and moves `next_due` on. A due time has one row, ever: this is
    -- why none is run twice.
    CREATE TABLE schedule_runs (
      id       INTEGER PRIMARY KEY,
      schedule TEXT    NOT NULL REFERENCES schedules ON DELETE CASCADE,
      -- NULL where a person asked for the run.
      due      INTEGER,
      result   TEXT    NOT NULL CHECK (result IN ('enqueued', 'skipped', 'missed')),
      job_id   INTEGER,
      at       INTEGER NOT NULL,
      -- Its job had not ended when it was last looked at.
      open     INTEGER NOT NULL CHECK (open IN (0, 1)),
      UNIQUE (schedule, due),
      CHECK (job_id IS NOT NULL OR result <> 'enqueued'),
      CHECK (due IS NOT NULL OR result = 'enqueued'),
      CHECK (open = 0 OR result = 'enqueued')
    ) STRICT;
    CREATE INDEX schedule_runs_of ON schedule_runs (schedule, id);
    CREATE INDEX schedule_runs_open ON schedule_runs (schedule, id) WHERE open = 1;
    """
}
