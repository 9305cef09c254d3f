extension Schema {
  /// Jobs by name; ended jobs of a queue by their end, for retention by queue; and what an ending still has to tell.
  static let selection = """
    CREATE INDEX specs_name ON specs (name) WHERE name IS NOT NULL;

    DROP INDEX jobs_ended;
    CREATE INDEX jobs_ended ON jobs (queue, state, finished_at) WHERE finished_at IS NOT NULL;

    -- Jobs of which some that depend on them have not been told yet that they ended, or (revives) have not been put back
    -- after a retry with dependents: those with numbers beyond `past`. And when that was, on the wall and since the boot.
    CREATE TABLE untold (
      job_id  INTEGER NOT NULL REFERENCES jobs ON DELETE CASCADE,
      revives INTEGER NOT NULL CHECK (revives IN (0, 1)),
      past    INTEGER NOT NULL,
      wall    INTEGER NOT NULL,
      boot    INTEGER NOT NULL,
      PRIMARY KEY (job_id, revives)
    ) STRICT, WITHOUT ROWID;
    """
}
