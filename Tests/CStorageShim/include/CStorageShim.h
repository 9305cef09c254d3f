#ifndef CSTORAGESHIM_H
#define CSTORAGESHIM_H

#include <stddef.h>
#include <stdint.h>

/// A SQLite VFS (https://www.sqlite.org/vfs.html) between SQLite and the real one, for tests. It sees every write, truncation, sync and
/// deletion of database and WAL. It can write them down, so that a test can build what a disk would hold after a power cut at any of them, and it
/// can fail any of them. The shared memory file is left alone: it does not outlive a power cut.

enum {
  SHIM_WRITE = 1,
  SHIM_TRUNCATE = 2,
  SHIM_SYNC = 3,
  SHIM_DELETE = 4,
  SHIM_OPEN = 5,
};

/// One operation, as it was written down.
typedef struct {
  int kind;
  /// The file's name without its directory.
  char name[64];
  /// Of a write: where. Of a truncation: the new size.
  int64_t offset;
  /// Of a write.
  size_t length;
  const unsigned char *data;
} shim_operation;

/// Registers the shim as SQLite's default VFS; once a process. Returns SQLite's code.
int shim_register(void);

/// From now on only files opened in this directory are written down and failed; NULL for none. Absolute, without a last slash.
void shim_watch(const char *directory);

/// Forgets what was written down and begins to write down (1), or stops and keeps it (0).
void shim_record(int on);

/// How many operations have been written down.
size_t shim_count(void);

/// Operation `index`; its data is valid until the next `shim_record(1)`.
shim_operation shim_get(size_t index);

enum {
  SHIM_FAIL_NONE = 0,
  /// A write finds the disk full.
  SHIM_FAIL_FULL = 1,
  /// A read, write, truncation or sync fails with EIO.
  SHIM_FAIL_IO = 2,
  /// Only syncs fail.
  SHIM_FAIL_SYNC = 3,
};

/// Fails operations from the `skip`-th that fits on, `times` of them (-1: until told otherwise). `SHIM_FAIL_NONE` ends it.
void shim_fail(int how, int64_t skip, int64_t times);

/// How many operations that fit the current failure have been seen since `shim_fail`, failed or not.
int64_t shim_seen(void);

#endif
