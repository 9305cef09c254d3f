#define _GNU_SOURCE
#include "CSyncCount.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

// A function of this name in the program comes before libc's for the libraries too (ld.so(8)): SQLite's syncs pass through here.

enum { ROOM = 65536 };
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static char directories[ROOM][96];
static int count;
static char failing[96];
static int64_t failures;

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
  if (count < ROOM) strncpy(directories[count++], path, sizeof directories[0] - 1);
  int fails = failures > 0 && strcmp(path, failing) == 0;
  if (fails) failures--;
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

void sync_fail(const char *directory, int64_t times) {
  pthread_mutex_lock(&lock);
  strncpy(failing, directory, sizeof failing - 1);
  failures = times;
  pthread_mutex_unlock(&lock);
}

int64_t sync_count(const char *directory) {
  int64_t found = 0;
  pthread_mutex_lock(&lock);
  for (int i = 0; i < count; i++) found += strcmp(directories[i], directory) == 0;
  pthread_mutex_unlock(&lock);
  return found;
}
