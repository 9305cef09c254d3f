// A log file that gathers what SQLite appends to it.
//
// SQLite writes the 24 bytes of a frame's head and the page behind it one by one
// (https://www.sqlite.org/fileformat2.html#walformat): a dozen system calls for a small transaction, for which the disk then
// has one answer. Here they wait in memory until the page has come whose head ends the transaction, and are written with it.
// Whoever is to find a frame finds it in the file all the same: SQLite tells others of a transaction only after the write
// of its last page has succeeded, and whatever else is asked of the file is done after what waits. So nothing has changed for a
// process that dies: what has been committed is with the kernel.
//
// Only what is appended waits. A frame that is written again, as a transaction does that has outgrown its cache, is written as
// it comes; and so is the head of a log.

#define _GNU_SOURCE
#include "CSQLiteLog.h"

#include <pthread.h>
#include <sqlite3.h>
#include <stdbool.h>
#include <string.h>

enum { head_size = 24, room = 128 << 10 };

struct log_file {
  sqlite3_file base;
  /// The file of SQLite's VFS, which lies behind this struct.
  sqlite3_file *real;
  char *waiting;
  int count;
  /// Where `waiting` belongs.
  sqlite3_int64 start;
  /// Behind all that has been written since the head of the log.
  sqlite3_int64 end;
  /// The last frame's head says that its page ends the transaction.
  bool is_ending;
};

static int put(struct log_file *file) {
  if (file->count == 0) return SQLITE_OK;
  const int count = file->count;
  // Where it fails the transaction has failed, and SQLite writes all of it again or none.
  file->count = 0;
  return file->real->pMethods->xWrite(file->real, file->waiting, count, file->start);
}

static int log_write(sqlite3_file *base, const void *data, int count, sqlite3_int64 offset) {
  struct log_file *file = (struct log_file *)base;
  const bool is_append = offset != 0 && offset >= file->end && count <= room;
  if (!is_append || offset != file->start + file->count || file->count + count > room) {
    const int code = put(file);
    if (code != SQLITE_OK) return code;
    file->start = offset;
  }
  if (offset == 0) file->end = 0;
  if (offset + count > file->end) file->end = offset + count;
  const bool is_head = count == head_size;
  const bool is_last = !is_head && file->is_ending;
  // The size of the database, in the head of the last frame of a transaction alone.
  file->is_ending = is_head && memcmp((const char *)data + 4, "\0\0\0\0", 4) != 0;
  if (!is_append) return file->real->pMethods->xWrite(file->real, data, count, offset);
  memcpy(file->waiting + file->count, data, count);
  file->count += count;
  return is_last ? put(file) : SQLITE_OK;
}

// MARK: All else, after what waits

static int log_close(sqlite3_file *base) {
  struct log_file *file = (struct log_file *)base;
  // Of a transaction that never ended.
  put(file);
  sqlite3_free(file->waiting);
  return file->real->pMethods->xClose(file->real);
}

static int log_read(sqlite3_file *base, void *data, int count, sqlite3_int64 offset) {
  struct log_file *file = (struct log_file *)base;
  const int code = put(file);
  return code != SQLITE_OK ? code : file->real->pMethods->xRead(file->real, data, count, offset);
}

static int log_truncate(sqlite3_file *base, sqlite3_int64 size) {
  struct log_file *file = (struct log_file *)base;
  const int code = put(file);
  if (size < file->end) file->end = size;
  return code != SQLITE_OK ? code : file->real->pMethods->xTruncate(file->real, size);
}

static int log_sync(sqlite3_file *base, int flags) {
  // Not `put`: the log may be synced by another thread, while the writer fills it with its next transaction. What is
  // to be safe by this sync has been committed, and so has been written.
  struct log_file *file = (struct log_file *)base;
  return file->real->pMethods->xSync(file->real, flags);
}

static int log_file_size(sqlite3_file *base, sqlite3_int64 *size) {
  struct log_file *file = (struct log_file *)base;
  const int code = put(file);
  return code != SQLITE_OK ? code : file->real->pMethods->xFileSize(file->real, size);
}

static int log_lock(sqlite3_file *base, int level) {
  sqlite3_file *real = ((struct log_file *)base)->real;
  return real->pMethods->xLock(real, level);
}

static int log_unlock(sqlite3_file *base, int level) {
  sqlite3_file *real = ((struct log_file *)base)->real;
  return real->pMethods->xUnlock(real, level);
}

static int log_check_reserved_lock(sqlite3_file *base, int *result) {
  sqlite3_file *real = ((struct log_file *)base)->real;
  return real->pMethods->xCheckReservedLock(real, result);
}

/// Makes the file at least so long, with zeros. What is there stays.
///
/// In pieces that end on multiples of 64 KiB: the kernel takes each into its page cache as one folio, where it can. Whatever is
/// written over it later is written, and synced, as a few folios instead of many pages.
static int lengthen(sqlite3_file *real, sqlite3_int64 size) {
  static const char zeros[64 << 10];
  sqlite3_int64 end = 0;
  int code = real->pMethods->xFileSize(real, &end);
  while (code == SQLITE_OK && end < size) {
    const sqlite3_int64 whole = (sqlite3_int64)sizeof zeros - end % (sqlite3_int64)sizeof zeros;
    const int count = (int)(size - end < whole ? size - end : whole);
    code = real->pMethods->xWrite(real, zeros, count, end);
    end += count;
  }
  return code;
}

static int log_file_control(sqlite3_file *base, int operation, void *argument) {
  sqlite3_file *real = ((struct log_file *)base)->real;
  // SQLite gives this hint of databases alone, and its own VFS makes nothing of it for a log.
  if (operation == SQLITE_FCNTL_SIZE_HINT) return lengthen(real, *(sqlite3_int64 *)argument);
  return real->pMethods->xFileControl(real, operation, argument);
}

static int log_sector_size(sqlite3_file *base) {
  sqlite3_file *real = ((struct log_file *)base)->real;
  return real->pMethods->xSectorSize(real);
}

static int log_characteristics(sqlite3_file *base) {
  sqlite3_file *real = ((struct log_file *)base)->real;
  return real->pMethods->xDeviceCharacteristics(real);
}

static const sqlite3_io_methods log_methods = {
  .iVersion = 1,
  .xClose = log_close,
  .xRead = log_read,
  .xWrite = log_write,
  .xTruncate = log_truncate,
  .xSync = log_sync,
  .xFileSize = log_file_size,
  .xLock = log_lock,
  .xUnlock = log_unlock,
  .xCheckReservedLock = log_check_reserved_lock,
  .xFileControl = log_file_control,
  .xSectorSize = log_sector_size,
  .xDeviceCharacteristics = log_characteristics,
};

// MARK: The VFS

static sqlite3_vfs *system_vfs;
static sqlite3_vfs vfs;
static const char *name;

static int open_file(sqlite3_vfs *self, const char *path, sqlite3_file *base, int flags, int *out_flags) {
  (void)self;
  if (!(flags & SQLITE_OPEN_WAL)) return system_vfs->xOpen(system_vfs, path, base, flags, out_flags);
  struct log_file *file = (struct log_file *)base;
  *file = (struct log_file){.real = (sqlite3_file *)(file + 1)};
  memset(file->real, 0, system_vfs->szOsFile);
  file->waiting = sqlite3_malloc(room);
  if (!file->waiting) return SQLITE_NOMEM;
  const int code = system_vfs->xOpen(system_vfs, path, file->real, flags, out_flags);
  if (code == SQLITE_OK) {
    file->base.pMethods = &log_methods;
  } else {
    // Without methods it is not closed.
    sqlite3_free(file->waiting);
  }
  return code;
}

static void make(void) {
  system_vfs = sqlite3_vfs_find(NULL);
  if (!system_vfs) return;
  vfs = *system_vfs;
  vfs.zName = "jobq";
  vfs.pNext = NULL;
  vfs.szOsFile = (int)sizeof(struct log_file) + system_vfs->szOsFile;
  vfs.xOpen = open_file;
  if (sqlite3_vfs_register(&vfs, 0) == SQLITE_OK) name = vfs.zName;
}

const char *csqlitelog_vfs(void) {
  static pthread_once_t once = PTHREAD_ONCE_INIT;
  pthread_once(&once, make);
  return name;
}
