#ifndef CALLOCATIONCOUNT_H
#define CALLOCATIONCOUNT_H

#include <stdint.h>

/// How many blocks of memory the calling thread has asked for since its start; always 0 under a sanitizer, which has an
/// allocator of its own.
int64_t allocation_count(void);

#endif
