import JobModel
import SQLite

/// The database's shape, and how it came to be.
///
/// A version is never edited once it has been released: a change is one more migration at the end, and the
/// tests open a database of every version that there was.
enum Schema {
  /// "jobq" in ASCII, at byte 68 of the file (https://www.sqlite.org/fileformat.html#application_id).
  static let applicationID: Int64 = 0x6A6F_6271

  static let migrations = [
    version1, limits, hooks, selection, schedules, leases, fewerPages, requestsByTime, rulesByState,
  ]
  static var version: Int { migrations.count }

  /// Brings a database from its `user_version` to `target`, each step in a transaction of its own, and says so
  /// in `user_version`. Foreign keys are not enforced meanwhile: a table that is made anew would take along what refers to
  /// it (https://www.sqlite.org/lang_altertable.html#otheralter).
  static func migrate(_ connection: Connection, to target: Int = version) throws(SQLiteError) {
    let current = try connection.value("PRAGMA user_version", as: Int.self) ?? 0
    guard current < target else { return }
    let areKeysEnforced = try connection.value("PRAGMA foreign_keys", as: Int.self) ?? 0
    try connection.execute("PRAGMA foreign_keys = 0")
    for next in current..<target {
      try connection.execute("BEGIN IMMEDIATE")
      do throws(SQLiteError) {
        try connection.execute(migrations[next])
        try connection.execute("PRAGMA user_version = \(next + 1)")
        try connection.execute("COMMIT")
      } catch {
        if !connection.isAutocommit { try? connection.execute("ROLLBACK") }
        throw error
      }
    }
    try connection.execute("PRAGMA foreign_keys = \(areKeysEnforced)")
  }

  /// What is there but should not be, or is not as it should be, in words; nil where all is well. Tables of
  /// SQLite's own (`sqlite_…`, such as ANALYZE makes) are not looked at.
  static func flaw(in connection: Connection, version: Int) throws(SQLiteError) -> String? {
    let model = try Connection(":memory:", .memory)
    try migrate(model, to: version)
    let expected = try objects(of: model)
    let found = try objects(of: connection)
    for (name, sql) in expected.sorted(by: { $0.key < $1.key }) {
      guard let other = found[name] else { return "\(name) is missing" }
      if other != sql { return "\(name) is not as jobqd made it" }
    }
    if let stranger = found.keys.filter({ expected[$0] == nil }).min() { return "\(stranger) is not jobqd's" }
    return nil
  }

  private static func objects(of connection: Connection) throws(SQLiteError) -> [String: String] {
    let rows = try connection.prepare(
      "SELECT type || ' ' || name, coalesce(sql, '') FROM sqlite_schema WHERE name NOT LIKE 'sqlite\\_%' ESCAPE '\\'"
    )
    .all { row throws(SQLiteError) in (try row.read(String.self), try row.read(String.self)) }
    return Dictionary(rows) { first, _ in first }
  }

  /// What changes with every step of a job (`jobs`) is kept apart from what it is (`specs`), so that no update
  /// rewrites a payload. The CHECKs hold the state machine: a bug fails its own request instead of becoming
  /// data. (`=` and OR, since SQLite builds a table for each longer IN each time: a third of an insert's cost.)
  /// Times are in milliseconds.
  private static let version1 = """
    -- One row.
    CREATE TABLE store (
      id       INTEGER PRIMARY KEY CHECK (id = 1),
      identity TEXT    NOT NULL,
      paused   INTEGER NOT NULL DEFAULT 0 CHECK (paused IN (0, 1)),
      probes   INTEGER NOT NULL DEFAULT 0
    ) STRICT;

    -- The lives of daemons: the present one, the one before, and those of which attempts are left.
    CREATE TABLE runs (
      run      INTEGER PRIMARY KEY AUTOINCREMENT,
      boot_id  TEXT    NOT NULL,
      stopping INTEGER NOT NULL DEFAULT 0 CHECK (stopping IN (0, 1)),
      clean    INTEGER NOT NULL DEFAULT 0 CHECK (clean IN (0, 1))
    ) STRICT;

    -- What a person set, and how many jobs are in each state: kept in the transaction that moves them.
    CREATE TABLE queues (
      name        TEXT    PRIMARY KEY,
      paused      INTEGER NOT NULL DEFAULT 0 CHECK (paused IN (0, 1)),
      concurrency INTEGER CHECK (concurrency > 0),
      held        INTEGER NOT NULL DEFAULT 0 CHECK (held >= 0),
      blocked     INTEGER NOT NULL DEFAULT 0 CHECK (blocked >= 0),
      scheduled   INTEGER NOT NULL DEFAULT 0 CHECK (scheduled >= 0),
      queued      INTEGER NOT NULL DEFAULT 0 CHECK (queued >= 0),
      running     INTEGER NOT NULL DEFAULT 0 CHECK (running >= 0),
      succeeded   INTEGER NOT NULL DEFAULT 0 CHECK (succeeded >= 0),
      failed      INTEGER NOT NULL DEFAULT 0 CHECK (failed >= 0),
      cancelled   INTEGER NOT NULL DEFAULT 0 CHECK (cancelled >= 0)
    ) STRICT, WITHOUT ROWID;
    CREATE INDEX queues_ready ON queues (name) WHERE queued > 0 AND paused = 0;

    CREATE TABLE jobs (
      id           INTEGER PRIMARY KEY AUTOINCREMENT,
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
    CREATE INDEX jobs_claim ON jobs (queue, priority DESC, id) WHERE state = 'queued' AND kind = 'command';
    CREATE INDEX jobs_due_wall ON jobs (due_wall) WHERE state = 'scheduled' AND due_wall IS NOT NULL;
    CREATE INDEX jobs_due_boot ON jobs (due_boot) WHERE state = 'scheduled' AND due_boot IS NOT NULL;
    CREATE UNIQUE INDEX jobs_unique ON jobs (unique_key) WHERE unique_key IS NOT NULL AND finished_at IS NULL;
    CREATE INDEX jobs_state ON jobs (state, id);
    CREATE INDEX jobs_queue ON jobs (queue, state, id);
    CREATE INDEX jobs_ended ON jobs (state, finished_at) WHERE finished_at IS NOT NULL;

    -- What a job is: written once. The large ones last, so that reading the others does not touch their pages.
    CREATE TABLE specs (
      job_id         INTEGER PRIMARY KEY REFERENCES jobs ON DELETE CASCADE,
      name           TEXT,
      cwd            TEXT,
      umask          INTEGER CHECK (umask BETWEEN 0 AND 511),
      timeout        INTEGER,
      kill_grace     INTEGER NOT NULL,
      retries        INTEGER NOT NULL,
      backoff_kind   TEXT    NOT NULL,
      backoff_base   INTEGER NOT NULL,
      backoff_max    INTEGER NOT NULL,
      backoff_jitter REAL    NOT NULL,
      retry_on       TEXT,
      no_retry_on    TEXT,
      split_output   INTEGER NOT NULL,
      uid            INTEGER,
      pid            INTEGER,
      -- JSON: an array of strings, any value, an object of strings.
      command        TEXT,
      env            TEXT,
      payload        TEXT,
      stdin          BLOB,
      CHECK ((command IS NULL) <> (payload IS NULL))
    ) STRICT;

    CREATE TABLE labels (
      job_id INTEGER NOT NULL REFERENCES jobs ON DELETE CASCADE,
      key    TEXT    NOT NULL,
      value  TEXT    NOT NULL,
      PRIMARY KEY (job_id, key)
    ) STRICT, WITHOUT ROWID;
    CREATE INDEX labels_value ON labels (key, value, job_id);

    -- A job that is depended on may be gone; the line stays, for people.
    CREATE TABLE dependencies (
      job_id     INTEGER NOT NULL REFERENCES jobs ON DELETE CASCADE,
      depends_on INTEGER NOT NULL,
      kind       TEXT    NOT NULL CHECK (kind IN ('after', 'after_any')),
      resolved   INTEGER NOT NULL CHECK (resolved IN (0, 1)),
      PRIMARY KEY (job_id, depends_on)
    ) STRICT, WITHOUT ROWID;
    CREATE INDEX dependencies_of ON dependencies (depends_on, job_id);

    -- Which job a request id was answered with, and when.
    CREATE TABLE requests (
      request_id TEXT    PRIMARY KEY,
      job_id     INTEGER NOT NULL REFERENCES jobs ON DELETE CASCADE,
      at         INTEGER NOT NULL
    ) STRICT, WITHOUT ROWID;
    CREATE INDEX requests_job ON requests (job_id);

    CREATE TABLE attempts (
      job_id         INTEGER NOT NULL REFERENCES jobs ON DELETE CASCADE,
      attempt        INTEGER NOT NULL,
      -- The life of a daemon in which it started, and the time since boot then.
      run            INTEGER NOT NULL,
      started_at     INTEGER NOT NULL,
      started_boot   INTEGER NOT NULL,
      finished_at    INTEGER,
      outcome        TEXT,
      exit_code      INTEGER,
      signal         INTEGER,
      error          TEXT,
      user_seconds   REAL,
      system_seconds REAL,
      max_rss_bytes  INTEGER,
      unkillable     INTEGER NOT NULL DEFAULT 0,
      -- The leader of its processes.
      pid            INTEGER,
      start_time     INTEGER,
      boot_id        TEXT,
      PRIMARY KEY (job_id, attempt),
      CHECK ((finished_at IS NULL) = (outcome IS NULL))
    ) STRICT, WITHOUT ROWID;

    INSERT INTO store (id, identity) VALUES (1, '');
    """
}
