extension Schema {
  /// What is left to be told to hooks: a line is written in the transaction that ends the job, and goes once the
  /// hook has succeeded or has been given up.
  static let hooks = """
    CREATE TABLE hook_deliveries (
      -- Never used again: it marks the hook's processes and names its log.
      id      INTEGER PRIMARY KEY AUTOINCREMENT,
      job_id  INTEGER NOT NULL,
      queue   TEXT    NOT NULL,
      state   TEXT    NOT NULL CHECK (state = 'succeeded' OR state = 'failed' OR state = 'cancelled'),
      outcome TEXT    NOT NULL,
      -- Runs of the hook that failed.
      tries   INTEGER NOT NULL DEFAULT 0 CHECK (tries >= 0),
      -- Not before this time since boot. A daemon that starts sets it to 0: it does not wait for an old backoff.
      due     INTEGER NOT NULL,
      -- The job as it was when it ended, as JSON: it may have been retried or removed since.
      job     TEXT    NOT NULL
    ) STRICT;
    CREATE INDEX hook_deliveries_due ON hook_deliveries (due, id);
    """
}
