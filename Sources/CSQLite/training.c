// training FILE: a small day of jobq's on the database FILE, in SQL that has the shape of the store's own, for the compiler to
// see which of SQLite's code is at work (`build` compiles twice). What it leaves behind is of no use. Should the store's
// statements change shape, this may be out of date without harm: it tells what is frequent, nothing of what is right.

#include <sqlite3.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { groups = 250, group_size = 16, jobs = groups * group_size, batch = 10 };

static const char *const schema =
    "PRAGMA auto_vacuum = INCREMENTAL; PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL; PRAGMA foreign_keys = 1;"
    "CREATE TABLE queues (name TEXT PRIMARY KEY, queued INTEGER NOT NULL DEFAULT 0 CHECK (queued >= 0),"
    " running INTEGER NOT NULL DEFAULT 0 CHECK (running >= 0), succeeded INTEGER NOT NULL DEFAULT 0) STRICT, WITHOUT ROWID;"
    "CREATE TABLE jobs (id INTEGER PRIMARY KEY, state TEXT NOT NULL, queue TEXT NOT NULL, kind TEXT NOT NULL,"
    " priority INTEGER NOT NULL, created_at INTEGER NOT NULL, due_wall INTEGER, due_boot INTEGER, pending INTEGER NOT NULL,"
    " started_at INTEGER, finished_at INTEGER, attempt INTEGER NOT NULL CHECK (attempt >= 0),"
    " max_attempts INTEGER NOT NULL, unique_key TEXT, exit_code INTEGER, outcome TEXT, error TEXT, limit_key TEXT,"
    " CHECK (CASE state WHEN 'queued' THEN pending = 0 AND due_wall IS NULL AND due_boot IS NULL AND finished_at IS NULL"
    " AND attempt < max_attempts WHEN 'running' THEN pending = 0 AND due_wall IS NULL AND due_boot IS NULL"
    " AND started_at IS NOT NULL AND attempt > 0 AND finished_at IS NULL AND attempt <= max_attempts"
    " WHEN 'succeeded' THEN pending = 0 AND due_wall IS NULL AND due_boot IS NULL AND finished_at IS NOT NULL"
    " AND attempt <= max_attempts WHEN 'failed' THEN finished_at IS NOT NULL ELSE 0 END)) STRICT;"
    "CREATE INDEX jobs_claim ON jobs (queue, kind, priority DESC, id) WHERE state = 'queued' AND limit_key IS NULL;"
    "CREATE INDEX jobs_lane ON jobs (queue, limit_key, state, kind, priority DESC, id)"
    " WHERE limit_key IS NOT NULL AND (state = 'queued' OR state = 'running');"
    "CREATE INDEX jobs_due ON jobs (due_wall, due_boot) WHERE state = 'scheduled';"
    "CREATE UNIQUE INDEX jobs_unique ON jobs (unique_key) WHERE unique_key IS NOT NULL AND finished_at IS NULL;"
    "CREATE INDEX jobs_queue ON jobs (queue, state, id) WHERE state <> 'running' AND state <> 'queued';"
    "CREATE INDEX jobs_ended ON jobs (queue, state, finished_at) WHERE finished_at IS NOT NULL;"
    "CREATE TABLE specs (job_id INTEGER PRIMARY KEY REFERENCES jobs ON DELETE CASCADE, name TEXT, cwd TEXT, timeout INTEGER,"
    " kill_grace INTEGER NOT NULL, retries INTEGER NOT NULL, backoff_kind TEXT NOT NULL, jitter REAL NOT NULL, uid INTEGER,"
    " pid INTEGER, command TEXT, env TEXT, payload TEXT, CHECK ((command IS NULL) <> (payload IS NULL))) STRICT;"
    "CREATE TABLE attempts (job_id INTEGER NOT NULL REFERENCES jobs ON DELETE CASCADE, attempt INTEGER NOT NULL,"
    " run INTEGER NOT NULL, started_at INTEGER NOT NULL, finished_at INTEGER, outcome TEXT, exit_code INTEGER, seconds REAL,"
    " worker TEXT, lease TEXT, lease_boot INTEGER, PRIMARY KEY (job_id, attempt),"
    " CHECK ((finished_at IS NULL) = (outcome IS NULL))) STRICT, WITHOUT ROWID;"
    "CREATE INDEX attempts_open ON attempts (lease_boot) WHERE finished_at IS NULL;"
    "INSERT INTO queues (name) VALUES ('default');";

static const char *const save =
    "UPDATE jobs SET state = ?, due_wall = ?, due_boot = ?, pending = ?, started_at = ?, finished_at = ?, attempt = ?,"
    " max_attempts = ?, limit_key = ?, exit_code = ?, outcome = ?, error = ? WHERE id = ?";

static void check(sqlite3 *db, int code) {
  if (code == SQLITE_OK || code == SQLITE_ROW || code == SQLITE_DONE) return;
  fprintf(stderr, "training: %s\n", sqlite3_errmsg(db));
  exit(1);
}

static sqlite3_stmt *prepare(sqlite3 *db, const char *sql) {
  sqlite3_stmt *made = 0;
  check(db, sqlite3_prepare_v3(db, sql, -1, SQLITE_PREPARE_PERSISTENT, &made, 0));
  return made;
}

// Binds by `types` (t for text, i for an integer, r for a real, - for NULL), steps to the end and reads every column.
static long long run(sqlite3_stmt *made, const char *types, ...) {
  sqlite3 *db = sqlite3_db_handle(made);
  const char *text;
  long long first = 0;
  va_list values;
  va_start(values, types);
  for (int place = 1; types[place - 1]; place++) switch (types[place - 1]) {
      case 't': text = va_arg(values, const char *), sqlite3_bind_text64(made, place, text, strlen(text), SQLITE_STATIC, SQLITE_UTF8); break;
      case 'i': sqlite3_bind_int64(made, place, va_arg(values, long long)); break;
      case 'r': sqlite3_bind_double(made, place, va_arg(values, double)); break;
      default: sqlite3_bind_null(made, place);
    }
  va_end(values);
  int code;
  while ((code = sqlite3_step(made)) == SQLITE_ROW) {
    first = sqlite3_column_int64(made, 0);
    for (int column = 0; column < sqlite3_column_count(made); column++) switch (sqlite3_column_type(made, column)) {
        case SQLITE_TEXT: sqlite3_column_text(made, column), sqlite3_column_bytes(made, column); break;
        case SQLITE_INTEGER: sqlite3_column_int64(made, column); break;
        case SQLITE_FLOAT: sqlite3_column_double(made, column); break;
      }
  }
  check(db, code);
  sqlite3_reset(made);
  return first;
}

int main(int count, char **words) {
  if (count != 2) return 64;
  sqlite3 *db, *reader;
  check(0, sqlite3_open_v2(words[1], &db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, 0));
  check(db, sqlite3_exec(db, schema, 0, 0, 0));
  check(0, sqlite3_open_v2(words[1], &reader, SQLITE_OPEN_READONLY, 0));

  sqlite3_stmt *begin = prepare(db, "BEGIN IMMEDIATE"), *commit = prepare(db, "COMMIT");
  sqlite3_stmt *add = prepare(db,
      "INSERT INTO jobs (id, state, queue, kind, priority, created_at, due_wall, due_boot, pending, finished_at, attempt,"
      " max_attempts, unique_key, limit_key, error) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)");
  sqlite3_stmt *describe = prepare(db, "INSERT INTO specs VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)");
  sqlite3_stmt *counts = prepare(db,
      "UPDATE queues SET queued = queued + ?, running = running + ?, succeeded = succeeded + ? WHERE name = ?");
  sqlite3_stmt *next = prepare(db,
      "SELECT * FROM jobs INDEXED BY jobs_claim WHERE state = 'queued' AND limit_key IS NULL AND queue = ? AND kind = ?"
      " ORDER BY priority DESC, id LIMIT ?");
  sqlite3_stmt *find = prepare(db,
      "SELECT j.*, a.attempt, a.outcome, a.lease_boot FROM jobs j LEFT JOIN attempts a ON a.job_id = j.id AND a.lease = ?"
      " WHERE j.id = ?");
  sqlite3_stmt *spec = prepare(db, "SELECT * FROM specs WHERE job_id = ?");
  sqlite3_stmt *change = prepare(db, save);
  sqlite3_stmt *start = prepare(db,
      "INSERT INTO attempts (job_id, attempt, run, started_at, worker, lease, lease_boot) VALUES (?, ?, ?, ?, ?, ?, ?)");
  sqlite3_stmt *end = prepare(db,
      "UPDATE attempts SET finished_at = ?, outcome = ?, exit_code = ?, seconds = ? WHERE job_id = ? AND attempt = ?");
  sqlite3_stmt *drop = prepare(db, "DELETE FROM jobs WHERE id = ?");
  sqlite3_stmt *look = prepare(reader, "SELECT * FROM jobs JOIN specs ON job_id = id WHERE id = ?");
  sqlite3_stmt *list = prepare(reader,
      "SELECT id, state FROM jobs WHERE queue = ? AND state = 'succeeded' ORDER BY id DESC LIMIT 20");

  const long long now = 1795508080000;
  char token[40];
  for (long long group = 0; group < groups; group++) {
    run(begin, "");
    for (long long id = group * group_size + 1; id <= (group + 1) * group_size; id++) {
      run(add, "itttii--i-ii---", id, "queued", "default", id % 2 ? "payload" : "command", 0ll, now + id, 0ll, 0ll, 1ll);
      if (id % 2)
        run(describe, "i---iitrii--t", id, 10000ll, 0ll, "exponential", 0.2, 1000ll, 4242ll, "{\"n\":1,\"to\":\"a@b\"}");
      else
        run(describe, "i-t-iitriit--", id, "/srv", 10000ll, 0ll, "exponential", 0.2, 1000ll, 4242ll, "[\"make\",\"-j4\"]");
    }
    run(counts, "iiit", (long long)group_size, 0ll, 0ll, "default");
    run(commit, "");
    run(look, "i", group * group_size + 1);
  }
  for (long long from = 1; from + batch <= jobs; from += batch) {
    run(begin, "");
    run(next, "tti", "default", from % 20 > 10 ? "payload" : "command", (long long)batch);
    for (long long id = from; id < from + batch; id++) {
      snprintf(token, sizeof token, "%032llx", id * 0x9E3779B97F4A7C15ull);
      run(change, "t--ii-ii----i", "running", 0ll, now + id, 1ll, 1ll, id);
      run(start, "iiiitti", id, 1ll, 1ll, now + id, "worker", token, now + id);
      run(spec, "i", id);
    }
    run(counts, "iiit", (long long)-batch, (long long)batch, 0ll, "default");
    run(commit, "");
    run(begin, "");
    for (long long id = from; id < from + batch; id++) {
      snprintf(token, sizeof token, "%032llx", id * 0x9E3779B97F4A7C15ull);
      run(find, "ti", token, id);
      run(end, "itirii", now + 2 * id, "succeeded", 0ll, 0.01, id, 1ll);
      run(change, "t--iiiii-it-i", "succeeded", 0ll, now + id, now + 2 * id, 1ll, 1ll, 0ll, "succeeded", id);
    }
    run(counts, "iiit", 0ll, (long long)-batch, (long long)batch, "default");
    run(commit, "");
    run(list, "t", "default");
  }
  run(begin, "");
  for (long long id = 1; id <= jobs / 10; id++) run(drop, "i", id);
  run(commit, "");
  check(db, sqlite3_wal_checkpoint_v2(db, 0, SQLITE_CHECKPOINT_TRUNCATE, 0, 0));
  return 0;
}
