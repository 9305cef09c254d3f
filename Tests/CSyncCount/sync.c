#define _GNU_SOURCE
#include "CSyncCount.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

// A function of this name in the program comes before libc's for the libraries too (ld.so(8)): SQLite's syncs pass through here.

/// Tests run side by side, each in a directory of its own.
typedef struct {
  char path[96];
  int64_t count;
  int64_t failures;
  int held;
  int waiting;
} directory;

enum { ROOM = 4096 };
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t moved = PTHREAD_COND_INITIALIZER;
static directory directories[ROOM];
static int known;

/// With the lock. The last one takes what finds no room.
static directory *find(const char *path) {
  for (int i = 0; i < known; i++)
    if (strcmp(directories[i].path, path) == 0) return &directories[i];
  if (known < ROOM) known++;
  directory *added = &directories[known - 1];
  strncpy(added->path, path, sizeof added->path - 1);
  return added;
}

/// Whether this sync is to fail.
static int note(int fd) {
  char link[32], path[4096];
  snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
  ssize_t length = readlink(link, path, sizeof path - 1);
  if (length <= 0) return 0;
  path[length] = 0;
  char *slash = strrchr(path, '/');
  if (!slash) return 0;
  *slash = 0;
  pthread_mutex_lock(&lock);
  directory *found = find(path);
  found->count++;
  found->waiting++;
  pthread_cond_broadcast(&moved);
  while (found->held) pthread_cond_wait(&moved, &lock);
  found->waiting--;
  int fails = found->failures > 0;
  if (fails) found->failures--;
  pthread_mutex_unlock(&lock);
  return fails;
}

__attribute__((visibility("default"))) int fdatasync(int fd) {
  if (note(fd)) {
    errno = EIO;
    return -1;
  }
  return (int)syscall(SYS_fdatasync, fd);
}

void sync_fail(const char *path, int64_t times) {
  pthread_mutex_lock(&lock);
  find(path)->failures = times;
  pthread_mutex_unlock(&lock);
}

void sync_hold(const char *path, int isHeld) {
  pthread_mutex_lock(&lock);
  find(path)->held = isHeld;
  pthread_cond_broadcast(&moved);
  pthread_mutex_unlock(&lock);
}

void sync_wait_held(const char *path) {
  pthread_mutex_lock(&lock);
  while (!(find(path)->held && find(path)->waiting)) pthread_cond_wait(&moved, &lock);
  pthread_mutex_unlock(&lock);
}

int64_t sync_count(const char *path) {
  pthread_mutex_lock(&lock);
  int64_t count = find(path)->count;
  pthread_mutex_unlock(&lock);
  return count;
}
