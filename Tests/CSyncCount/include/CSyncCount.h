#ifndef CSYNCCOUNT_H
#define CSYNCCOUNT_H

#include <stdint.h>

/// How many syncs of files in this directory the process has asked the kernel for, since the start.
int64_t sync_count(const char *directory);

/// Fails the next syncs of files in this directory with EIO, this many of them.
void sync_fail(const char *directory, int64_t times);

/// Lets no sync of files in this directory begin, until it is held no more.
void sync_hold(const char *directory, int isHeld);

/// Blocks until one waits there.
void sync_wait_held(const char *directory);

#endif
