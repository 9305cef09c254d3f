#ifndef CSYNCCOUNT_H
#define CSYNCCOUNT_H

#include <stdint.h>

/// How many syncs of files in this directory the process has asked the kernel for, since the start.
int64_t sync_count(const char *directory);

/// Fails the next syncs of files in this directory with EIO, this many of them; one directory at a time.
void sync_fail(const char *directory, int64_t times);

#endif
