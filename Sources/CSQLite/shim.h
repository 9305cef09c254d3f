#ifndef CSQLITE_SHIM_H
#define CSQLITE_SHIM_H

#include <sqlite3.h>

/* Swift cannot call variadic functions: sqlite3_config and sqlite3_db_config, for the options that take one switch. */

static inline int csqlite_config(int option, int on) { return sqlite3_config(option, on); }

static inline int csqlite_db_config(sqlite3 *db, int option, int on) {
  return sqlite3_db_config(db, option, on, (int *)0);
}

/* errno of the last system call on the write-ahead log that failed, or 0. A COMMIT that fails there leaves
   sqlite3_system_errno as it was. https://www.sqlite.org/c3ref/c_fcntl_begin_atomic_write.html */
static inline int csqlite_log_errno(sqlite3 *db) {
  sqlite3_file *log = 0;
  int found = 0;
  if (sqlite3_file_control(db, "main", SQLITE_FCNTL_JOURNAL_POINTER, &log) != SQLITE_OK) return 0;
  if (!log || !log->pMethods || log->pMethods->xFileControl(log, SQLITE_FCNTL_LAST_ERRNO, &found) != SQLITE_OK) return 0;
  return found;
}

#endif
