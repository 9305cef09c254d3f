#ifndef CSYNCCOUNT_H
#define CSYNCCOUNT_H

#include <stdint.h>

/// How many syncs of files in this directory the process has asked the kernel for, since the start.
int64_t sync_count(const char *directory);

#endif
