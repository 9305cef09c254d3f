#include "CStorageShim.h"

#include <pthread.h>
#include <sqlite3.h>
#include <stdlib.h>
#include <string.h>

typedef struct {
  sqlite3_file base;
  char name[64];
  /// Whether it lies in the watched directory: tests run side by side in one process.
  int watched;
  /// The real file follows in the same allocation.
} shim_file;

#define REAL(file) ((sqlite3_file *)((shim_file *)(file) + 1))

static sqlite3_vfs *real_vfs;
static sqlite3_vfs shim_vfs;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static char watched_directory[1024];
static int recording;
static shim_operation *log_entries;
static size_t log_count, log_room;
static int fail_how;
static int64_t fail_skip, fail_times, fail_seen;

static void note(int kind, const char *name, int64_t offset, const void *data, size_t length) {
  pthread_mutex_lock(&lock);
  if (recording) {
    if (log_count == log_room) {
      log_room = log_room ? log_room * 2 : 1024;
      log_entries = realloc(log_entries, log_room * sizeof *log_entries);
    }
    shim_operation *entry = &log_entries[log_count++];
    memset(entry, 0, sizeof *entry);
    entry->kind = kind;
    strncpy(entry->name, name, sizeof entry->name - 1);
    entry->offset = offset;
    entry->length = length;
    if (data) {
      unsigned char *copy = malloc(length ? length : 1);
      memcpy(copy, data, length);
      entry->data = copy;
    }
  }
  pthread_mutex_unlock(&lock);
}

static void note_file(int kind, sqlite3_file *file, int64_t offset, const void *data, size_t length) {
  shim_file *shim = (shim_file *)file;
  if (shim->watched) note(kind, shim->name, offset, data, length);
}

/// SQLite's code if this operation is to fail, else SQLITE_OK.
static int fault(sqlite3_file *file, int kind) {
  if (!((shim_file *)file)->watched) return SQLITE_OK;
  int code = SQLITE_OK;
  pthread_mutex_lock(&lock);
  int fits = 0;
  switch (fail_how) {
    case SHIM_FAIL_FULL: fits = kind == SHIM_WRITE; code = SQLITE_FULL; break;
    case SHIM_FAIL_IO:
      fits = 1;
      code = kind == SHIM_WRITE      ? SQLITE_IOERR_WRITE
             : kind == SHIM_TRUNCATE ? SQLITE_IOERR_TRUNCATE
             : kind == SHIM_SYNC     ? SQLITE_IOERR_FSYNC
                                     : SQLITE_IOERR_READ;
      break;
    case SHIM_FAIL_SYNC: fits = kind == SHIM_SYNC; code = SQLITE_IOERR_FSYNC; break;
    default: break;
  }
  int fails = 0;
  if (fits) {
    int64_t index = fail_seen++;
    fails = index >= fail_skip && (fail_times < 0 || index < fail_skip + fail_times);
  }
  pthread_mutex_unlock(&lock);
  return fails ? code : SQLITE_OK;
}

static int file_close(sqlite3_file *file) { return REAL(file)->pMethods->xClose(REAL(file)); }

static int file_read(sqlite3_file *file, void *into, int count, sqlite3_int64 offset) {
  int code = fault(file, 0);
  return code != SQLITE_OK ? code : REAL(file)->pMethods->xRead(REAL(file), into, count, offset);
}

static int file_write(sqlite3_file *file, const void *from, int count, sqlite3_int64 offset) {
  int code = fault(file, SHIM_WRITE);
  if (code != SQLITE_OK) return code;
  code = REAL(file)->pMethods->xWrite(REAL(file), from, count, offset);
  if (code == SQLITE_OK) note_file(SHIM_WRITE, file, offset, from, (size_t)count);
  return code;
}

static int file_truncate(sqlite3_file *file, sqlite3_int64 size) {
  int code = fault(file, SHIM_TRUNCATE);
  if (code != SQLITE_OK) return code;
  code = REAL(file)->pMethods->xTruncate(REAL(file), size);
  if (code == SQLITE_OK) note_file(SHIM_TRUNCATE, file, size, NULL, 0);
  return code;
}

static int file_sync(sqlite3_file *file, int flags) {
  int code = fault(file, SHIM_SYNC);
  if (code != SQLITE_OK) return code;
  code = REAL(file)->pMethods->xSync(REAL(file), flags);
  if (code == SQLITE_OK) note_file(SHIM_SYNC, file, 0, NULL, 0);
  return code;
}

static int file_size(sqlite3_file *file, sqlite3_int64 *size) { return REAL(file)->pMethods->xFileSize(REAL(file), size); }
static int file_lock(sqlite3_file *file, int level) { return REAL(file)->pMethods->xLock(REAL(file), level); }
static int file_unlock(sqlite3_file *file, int level) { return REAL(file)->pMethods->xUnlock(REAL(file), level); }
static int file_reserved(sqlite3_file *file, int *out) { return REAL(file)->pMethods->xCheckReservedLock(REAL(file), out); }
static int file_control(sqlite3_file *file, int op, void *arg) { return REAL(file)->pMethods->xFileControl(REAL(file), op, arg); }
static int file_sector(sqlite3_file *file) { return REAL(file)->pMethods->xSectorSize(REAL(file)); }

/// No promise about what a power cut leaves of a write: the shim tears them.
static int file_characteristics(sqlite3_file *file) {
  (void)file;
  return 0;
}

static int file_shm_map(sqlite3_file *file, int region, int size, int extend, void volatile **out) {
  return REAL(file)->pMethods->xShmMap(REAL(file), region, size, extend, out);
}
static int file_shm_lock(sqlite3_file *file, int offset, int n, int flags) {
  return REAL(file)->pMethods->xShmLock(REAL(file), offset, n, flags);
}
static void file_shm_barrier(sqlite3_file *file) { REAL(file)->pMethods->xShmBarrier(REAL(file)); }
static int file_shm_unmap(sqlite3_file *file, int remove) { return REAL(file)->pMethods->xShmUnmap(REAL(file), remove); }

static const sqlite3_io_methods methods = {
    .iVersion = 2,
    .xClose = file_close,
    .xRead = file_read,
    .xWrite = file_write,
    .xTruncate = file_truncate,
    .xSync = file_sync,
    .xFileSize = file_size,
    .xLock = file_lock,
    .xUnlock = file_unlock,
    .xCheckReservedLock = file_reserved,
    .xFileControl = file_control,
    .xSectorSize = file_sector,
    .xDeviceCharacteristics = file_characteristics,
    .xShmMap = file_shm_map,
    .xShmLock = file_shm_lock,
    .xShmBarrier = file_shm_barrier,
    .xShmUnmap = file_shm_unmap,
};

static const char *last_part(const char *path) {
  const char *slash = strrchr(path, '/');
  return slash ? slash + 1 : path;
}

static int is_watched(const char *path) {
  pthread_mutex_lock(&lock);
  size_t length = strlen(watched_directory);
  int watched = length > 0 && strncmp(path, watched_directory, length) == 0 && path[length] == '/';
  pthread_mutex_unlock(&lock);
  return watched;
}

static int vfs_open(sqlite3_vfs *vfs, sqlite3_filename name, sqlite3_file *file, int flags, int *out) {
  (void)vfs;
  shim_file *shim = (shim_file *)file;
  memset(shim, 0, sizeof *shim);
  int code = real_vfs->xOpen(real_vfs, name, REAL(file), flags, out);
  if (code != SQLITE_OK) return code;
  shim->base.pMethods = &methods;
  // Temporary files have no name, and nothing of them is kept.
  strncpy(shim->name, name ? last_part(name) : "", sizeof shim->name - 1);
  shim->watched = name && is_watched(name);
  note_file(SHIM_OPEN, file, 0, NULL, 0);
  return code;
}

static int vfs_delete(sqlite3_vfs *vfs, const char *name, int sync) {
  (void)vfs;
  int code = real_vfs->xDelete(real_vfs, name, sync);
  if (code == SQLITE_OK && is_watched(name)) note(SHIM_DELETE, last_part(name), 0, NULL, 0);
  return code;
}

int shim_register(void) {
  pthread_mutex_lock(&lock);
  int code = SQLITE_OK;
  if (!real_vfs) {
    real_vfs = sqlite3_vfs_find(NULL);
    shim_vfs = *real_vfs;
    shim_vfs.zName = "jobq-shim";
    shim_vfs.pNext = NULL;
    shim_vfs.szOsFile = (int)sizeof(shim_file) + real_vfs->szOsFile;
    shim_vfs.xOpen = vfs_open;
    shim_vfs.xDelete = vfs_delete;
    code = sqlite3_vfs_register(&shim_vfs, 1);
  }
  pthread_mutex_unlock(&lock);
  return code;
}

void shim_watch(const char *directory) {
  pthread_mutex_lock(&lock);
  watched_directory[0] = 0;
  if (directory && strlen(directory) < sizeof watched_directory) strcpy(watched_directory, directory);
  pthread_mutex_unlock(&lock);
}

void shim_record(int on) {
  pthread_mutex_lock(&lock);
  if (on) {
    for (size_t index = 0; index < log_count; index++) free((void *)log_entries[index].data);
    log_count = 0;
  }
  recording = on;
  pthread_mutex_unlock(&lock);
}

size_t shim_count(void) {
  pthread_mutex_lock(&lock);
  size_t count = log_count;
  pthread_mutex_unlock(&lock);
  return count;
}

shim_operation shim_get(size_t index) {
  pthread_mutex_lock(&lock);
  shim_operation operation = log_entries[index];
  pthread_mutex_unlock(&lock);
  return operation;
}

void shim_fail(int how, int64_t skip, int64_t times) {
  pthread_mutex_lock(&lock);
  fail_how = how;
  fail_skip = skip;
  fail_times = times;
  fail_seen = 0;
  pthread_mutex_unlock(&lock);
}

int64_t shim_seen(void) {
  pthread_mutex_lock(&lock);
  int64_t seen = fail_seen;
  pthread_mutex_unlock(&lock);
  return seen;
}
