extension Schema {
  /// Limits of queues beside their concurrency, and pauses that say why and end by themselves.
  ///
  /// A job of a queue that is limited by a label carries that label's value in `limit_key`. `lanes` holds, for each such
  /// value, the job that is next, so that a claim need not walk over all that waits behind a value that is at its limit:
  /// it is an index over groups, which SQLite has no word for, and says nothing of what runs.
  static let limits = """
    ALTER TABLE queues ADD COLUMN priority        INTEGER CHECK (priority BETWEEN -1000 AND 1000);
    ALTER TABLE queues ADD COLUMN rate            TEXT;
    ALTER TABLE queues ADD COLUMN key_label       TEXT;
    ALTER TABLE queues ADD COLUMN key_concurrency INTEGER CHECK (key_concurrency > 0);
    -- A pause's end, by the wall clock and, within this boot, by the time since boot.
    ALTER TABLE queues ADD COLUMN pause_reason    TEXT;
    ALTER TABLE queues ADD COLUMN paused_until    INTEGER;
    ALTER TABLE queues ADD COLUMN pause_boot      INTEGER;
    -- When the rate lets the next job start, by both clocks: in nanoseconds.
    ALTER TABLE queues ADD COLUMN start_wall      INTEGER;
    ALTER TABLE queues ADD COLUMN start_boot      INTEGER;
    CREATE INDEX queues_pauses ON queues (name) WHERE paused_until IS NOT NULL;

    ALTER TABLE store ADD COLUMN pause_reason TEXT;
    ALTER TABLE store ADD COLUMN paused_until INTEGER;
    ALTER TABLE store ADD COLUMN pause_boot   INTEGER;

    -- By which label the jobs of a queue are counted just now: the file's or the one that was set.
    CREATE TABLE keys (
      queue TEXT PRIMARY KEY,
      label TEXT NOT NULL
    ) STRICT, WITHOUT ROWID;

    ALTER TABLE jobs ADD COLUMN limit_key TEXT;
    DROP INDEX jobs_claim;
    CREATE INDEX jobs_claim ON jobs (queue, kind, priority DESC, id) WHERE state = 'queued' AND limit_key IS NULL;
    CREATE INDEX jobs_lane ON jobs (queue, kind, limit_key, priority DESC, id)
      WHERE state = 'queued' AND limit_key IS NOT NULL;

    CREATE TABLE lanes (
      queue    TEXT    NOT NULL,
      kind     TEXT    NOT NULL,
      key      TEXT    NOT NULL,
      priority INTEGER NOT NULL,
      job_id   INTEGER NOT NULL,
      PRIMARY KEY (queue, kind, key)
    ) STRICT, WITHOUT ROWID;
    CREATE INDEX lanes_order ON lanes (queue, kind, priority DESC, job_id);
    """
}
