extension Schema {
  /// What a request was answered with is kept by its own time and no longer as long as its job: whoever asks again within 24
  /// hours gets no second job, though the first may have been removed meanwhile. In the order in which they came, so that
  /// the oldest are found at the front.
  static let requestsByTime = """
    CREATE TABLE new_requests (
      number     INTEGER PRIMARY KEY,
      request_id TEXT    NOT NULL UNIQUE,
      job_id     INTEGER NOT NULL,
      at         INTEGER NOT NULL
    ) STRICT;
    INSERT INTO new_requests (request_id, job_id, at) SELECT request_id, job_id, at FROM requests ORDER BY at;
    DROP TABLE requests;
    ALTER TABLE new_requests RENAME TO requests;
    """
}
