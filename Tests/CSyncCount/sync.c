#define _GNU_SOURCE
#include "CSyncCount.h"

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

static void note(int fd) {
  char link[32], path[4096];
  snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
  ssize_t length = readlink(link, path, sizeof path - 1);
  if (length <= 0) return;
  path[length] = 0;
  char *slash = strrchr(path, '/');
  if (!slash) return;
  *slash = 0;
  pthread_mutex_lock(&lock);
  if (count < ROOM) strncpy(directories[count++], path, sizeof directories[0] - 1);
  pthread_mutex_unlock(&lock);
}

__attribute__((visibility("default"))) int fdatasync(int fd) {
  note(fd);
  return (int)syscall(SYS_fdatasync, fd);
}

int64_t sync_count(const char *directory) {
  int64_t found = 0;
  pthread_mutex_lock(&lock);
  for (int i = 0; i < count; i++) found += strcmp(directories[i], directory) == 0;
  pthread_mutex_unlock(&lock);
  return found;
}
