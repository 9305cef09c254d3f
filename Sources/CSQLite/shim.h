#ifndef CSQLITE_SHIM_H
#define CSQLITE_SHIM_H

#include <sqlite3.h>

/* Swift cannot call variadic functions: sqlite3_config and sqlite3_db_config, for the options that take one switch. */

static inline int csqlite_config(int option, int on) { return sqlite3_config(option, on); }

static inline int csqlite_db_config(sqlite3 *db, int option, int on) {
  return sqlite3_db_config(db, option, on, (int *)0);
}

#endif
