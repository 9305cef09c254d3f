extension Schema {
  /// Jobs by name; ended jobs of a queue by their end, for retention by queue; and what an ending still has to tell.
  static let selection = """
    CREATE INDEX specs_name ON specs (name) WHERE name IS NOT NULL;

    DROP INDEX jobs_ended;
    CREATE INDEX jobs_ended ON jobs (queue, state, finished_at) WHERE finished_at IS NOT NULL;

    -- Ended jobs of which some that wait for them have not been told yet, and when they ended: the time on the wall and
    -- since the boot.
    CREATE TABLE untold (
      job_id INTEGER PRIMARY KEY REFERENCES jobs ON DELETE CASCADE,
      wall   INTEGER NOT NULL,
      boot   INTEGER NOT NULL
    ) STRICT;
    """
}
