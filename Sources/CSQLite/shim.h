#ifndef CSQLITE_SHIM_H
#define CSQLITE_SHIM_H

#include <sqlite3.h>

/* Swift cannot call variadic functions: sqlite3_config and sqlite3_db_config, for the options that take one switch. */

static inline int csqlite_config(int option, int on) { return sqlite3_config(option, on); }

static inline int csqlite_db_config(sqlite3 *db, int option, int on) {
  return sqlite3_db_config(db, option, on, (int *)0);
}

/* The write-ahead log of a connection that has used it, else NULL. Lives as long as the connection does.
   https://www.sqlite.org/c3ref/c_fcntl_begin_atomic_write.html */
static inline sqlite3_file *csqlite_log_file(sqlite3 *db) {
  sqlite3_file *log = 0;
  if (sqlite3_file_control(db, "main", SQLITE_FCNTL_JOURNAL_POINTER, &log) != SQLITE_OK) return 0;
  return log && log->pMethods ? log : 0;
}

/* errno of the last system call on a file that failed, or 0. A COMMIT or a sync that fails leaves sqlite3_system_errno as
   it was. */
static inline int csqlite_file_errno(sqlite3_file *file) {
  int found = 0;
  return file->pMethods->xFileControl(file, SQLITE_FCNTL_LAST_ERRNO, &found) == SQLITE_OK ? found : 0;
}

static inline int csqlite_log_errno(sqlite3 *db) {
  sqlite3_file *log = csqlite_log_file(db);
  return log ? csqlite_file_errno(log) : 0;
}

/* Makes a log of CSQLiteLog at least so long; of another VFS it is left as it is. */
static inline int csqlite_lengthen(sqlite3_file *file, sqlite3_int64 size) {
  return file->pMethods->xFileControl(file, SQLITE_FCNTL_SIZE_HINT, &size);
}

/* What COMMIT does with PRAGMA synchronous = FULL. https://www.sqlite.org/c3ref/io_methods.html */
static inline int csqlite_sync(sqlite3_file *file) { return file->pMethods->xSync(file, SQLITE_SYNC_NORMAL); }

#endif
