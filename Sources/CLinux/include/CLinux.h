#ifndef CLINUX_H
#define CLINUX_H

#ifndef _GNU_SOURCE
#define _GNU_SOURCE  // memfd_create
#endif
/// Linux headers that Swift's Glibc module leaves out.
#include <fcntl.h>
#include <malloc.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <sys/timerfd.h>
#include <unistd.h>

/// A file in memory, closed at exec (memfd_create(2)); -1 and errno where that fails.
static inline int clinux_memory_file(const char *name) { return memfd_create(name, MFD_CLOEXEC); }

/// A pipe, read end first, closed at exec (pipe2(2)); -1 and errno where that fails.
static inline int clinux_pipe(int *ends) { return pipe2(ends, O_CLOEXEC); }

/// Names the calling thread, for `ps -L`: at most 15 bytes. prctl(2) is variadic, which Swift cannot call.
static inline int clinux_name_thread(const char *name) { return prctl(PR_SET_NAME, name, 0, 0, 0); }

#endif
