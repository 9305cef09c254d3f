import JobModel
import SQLite
import Testing

@testable import JobStore

@Suite struct SQLitePlanTests {
  /// These read a whole table, or are not planned at all: the queues are few, and the others are no queries.
  private static let exempt: Set<Query> = [
    .begin, .beginRead, .commit, .rollback, .savepoint, .release, .rollbackTo, .queues, .standings, .keyLabels, .total,
    .freePages,
    .pages, .shrink, .schedules, .scheduleCount,
  ]

  @Test("no statement scans a table or sorts: its cost does not grow with what is stored", arguments: Query.allCases)
  private func plans(_ query: Query) throws {
    let connection = try Connection(":memory:", .memory)
    try Schema.migrate(connection)
    let steps = try connection.prepare("EXPLAIN QUERY PLAN " + query.sql).all { row throws(SQLiteError) in
      _ = try (row.read(Int.self), row.read(Int.self), row.read(Int.self))
      return try row.read(String.self)
    }
    if query == .queues || query == .total {
      #expect(steps == ["SCAN queues"])
    }
    // All of them, in the order of their key.
    if query == .schedules || query == .scheduleCount { #expect(steps == ["SCAN schedules"]) }
    guard !Self.exempt.contains(query) else { return }
    for step in steps {
      // The rows of a query's own JSON argument; the queues, which are few; what runs.
      let isSmall =
        step.contains("VIRTUAL TABLE") || step == "SCAN queues USING INDEX queues_pauses" || step.hasPrefix("SCAN w")
        || step == "SCAN q" || step.hasPrefix("SCAN a USING INDEX attempts_open")

      #expect(isSmall || !step.contains("SCAN"), "\(query): \(step)")
      #expect(!step.contains("TEMP B-TREE"), "\(query): \(step)")
    }
  }

  @Test("a database of every earlier version is brought to the present one with all that it holds")
  func migrations() async throws {
    for version in 1...Schema.version {
      try await withDirectory { directory in
        // Born with the present schema's file settings, at the old version.
        let place = try StateDirectory(directory)
        do {
          let connection = try Connection(place.database, .create)
          try connection.execute("PRAGMA auto_vacuum = INCREMENTAL; PRAGMA application_id = \(Schema.applicationID)")
          try Schema.migrate(connection, to: version)
          try connection.execute(Self.rows(of: version))
        }
        let store = try await SQLiteJobStore.open(directory: directory)
        #expect(store.identity == "0000")
        let job = try await store.found(JobID(7))
        #expect(job.command == ["/bin/true"] && job.queue == "old" && job.labels == ["a": "b"])
        #expect(try await store.overview().counts[.queued] == 1)
        #expect(try await store.claim().map(\.id) == [JobID(7)])
        // Number 9 was given out once, and is not given out again.
        #expect(try await store.enqueue([.command()], at: .start).map(\.id) == [JobID(version < 7 ? 10 : 8)])
        await store.close()
        let connection = try Connection(place.database, .readOnly)
        #expect(try connection.value("PRAGMA user_version", as: Int.self) == Schema.version)
        #expect(try Schema.flaw(in: connection, version: Schema.version) == nil)
      }
    }
  }

  /// One queued job, as that version kept it. A new version gets a case of its own; the old ones stay as they
  /// are.
  private static func rows(of version: Int) -> String {
    """
    UPDATE store SET identity = '0000';
    INSERT INTO queues (name, queued) VALUES ('old', 1);
    INSERT INTO jobs (id, state, queue, kind, priority, created_at, pending, attempt, max_attempts, on_interrupt)
    VALUES (7, 'queued', 'old', 'command', 0, 1, 0, 0, 1, 'retry');
    INSERT INTO specs (job_id, kill_grace, retries, backoff_kind, backoff_base, backoff_max, backoff_jitter,
    split_output, command) VALUES (7, 1, 0, 'fixed', 1, 1, 0, 0, '["/bin/true"]');
    INSERT INTO labels (job_id, key, value) VALUES (7, 'a', 'b');
    """ + (version < 7 ? "UPDATE sqlite_sequence SET seq = 9 WHERE name = 'jobs';" : "")
  }

  @Test("the schema itself refuses a state that the machine does not have")
  func checks() throws {
    let connection = try Connection(":memory:", .memory)
    try Schema.migrate(connection)
    func insert(_ state: String, pending: Int = 0, finished: String = "NULL", attempt: Int = 0, due: String = "NULL")
      throws
    {
      try connection.execute(
        """
        INSERT INTO jobs (state, queue, kind, priority, created_at, pending, attempt, max_attempts, on_interrupt,
        finished_at, started_at, due_wall) VALUES
        ('\(state)', 'q', 'command', 0, 1, \(pending), \(attempt), 1, 'retry', \(finished), 1, \(due))
        """)
    }
    try insert("queued")
    try insert("running", attempt: 1)
    for bad in [
      { try insert("idle") }, { try insert("queued", pending: 1) }, { try insert("blocked") },
      { try insert("scheduled") },
      { try insert("queued", due: "5") }, { try insert("succeeded") }, { try insert("queued", finished: "5") },
      { try insert("running") }, { try insert("queued", attempt: 1) }, { try insert("running", attempt: 2) },
    ] {
      #expect(throws: SQLiteError.self) { try bad() }
    }
  }

  @Test("what holds of each state is what has held since the first version, in every combination")
  func rules() throws {
    // What they speak of, with more than they can allow; each number is a row of its own.
    let rows = """
      WITH states (state) AS (VALUES ('queued'), ('running'), ('scheduled'), ('blocked'), ('held'), ('succeeded'),
        ('failed'), ('cancelled'), ('idle')),
        times (at) AS (VALUES (NULL), (1)), counts (n) AS (VALUES (-1), (0), (1), (2))
      INSERT OR IGNORE INTO jobs (id, queue, kind, priority, created_at, on_interrupt, state, pending, attempt, max_attempts,
        run_at, due_wall, due_boot, started_at, finished_at, cancelling, cancelled_by)
      SELECT row_number() OVER (), 'q', 'command', 0, 1, 'retry', state, pending.n, attempt.n, most.n, run.at, wall.at,
        boot.at, started.at, finished.at, cancelling.n, cancelled.at
      FROM states, counts pending, counts attempt, counts most, times run, times wall, times boot, times started,
        times finished, counts cancelling, times cancelled
      WHERE pending.n < 2 AND most.n > 0
      """
    let allowed = try [1, Schema.version].map { version in
      let connection = try Connection(":memory:", .memory)
      try Schema.migrate(connection, to: version)
      try connection.execute(rows)
      return try connection.prepare("SELECT id FROM jobs ORDER BY id").all { row throws(SQLiteError) in
        try row.read(Int.self)
      }
    }
    #expect(allowed[0].count == 212 && allowed[0] == allowed[1])
  }
}
