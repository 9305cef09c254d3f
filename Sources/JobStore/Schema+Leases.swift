extension Schema {
  /// On an attempt the worker that has it, the token that it
  /// shows and the time at which the lease ends; on a job how many leases in a row expired.
  static let leases = """
    ALTER TABLE jobs ADD COLUMN expiries INTEGER NOT NULL DEFAULT 0;
    ALTER TABLE attempts ADD COLUMN worker TEXT;
    ALTER TABLE attempts ADD COLUMN lease TEXT;
    -- The end: on the wall, for people, and to go by after a reboot; since this boot, where there was none.
    ALTER TABLE attempts ADD COLUMN lease_wall INTEGER;
    ALTER TABLE attempts ADD COLUMN lease_boot INTEGER;
    CREATE INDEX attempts_lease_wall ON attempts (lease_wall)
      WHERE finished_at IS NULL AND lease_wall IS NOT NULL AND lease_boot IS NULL;
    CREATE INDEX attempts_lease_boot ON attempts (lease_boot) WHERE finished_at IS NULL AND lease_boot IS NOT NULL;
    """
}
