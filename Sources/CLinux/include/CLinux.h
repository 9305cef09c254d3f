#ifndef CLINUX_H
#define CLINUX_H

/// Linux headers that Swift's Glibc module leaves out. None that changes with _GNU_SOURCE: Glibc's own view of the
/// same types would be another. What needs that is a function of CLinux.c.
#include <malloc.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/eventfd.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <sys/timerfd.h>

/// A file in memory, closed at exec (memfd_create(2)); -1 and errno where that fails.
int clinux_memory_file(const char *name);

/// What the kernel knows a file by.
struct clinux_identity {
  uint64_t device;
  uint64_t inode;
};

/// The identity of what lies at a path, symbolic links not followed; -1 and errno where that fails. Unlike stat(2) it
/// asks for no times (statx(2)): since Linux 6.13 a file whose times have been asked for gets finer ones at its next
/// write, and has them written to the disk with its next fdatasync(2).
int clinux_identify(const char *path, struct clinux_identity *identity);

/// A pipe, read end first, closed at exec (pipe2(2)); -1 and errno where that fails.
int clinux_pipe(int *ends);

/// Fills those of the descriptors 0, 1 and 2 that are closed, so that nothing else that is opened becomes the standard
/// output of a program that was started without one: with /dev/null, opened the wrong way around, so that reading the
/// one and writing the others fail as they would have (EBADF). For the first line of a program.
void clinux_fill_standard_descriptors(void);

/// Lets go of the code and the constants of the program and its libraries: what is used again is mapped again from the
/// page cache. Only of segments that are never written, so that nothing is lost (madvise(2), MADV_DONTNEED of a mapped
/// file).
void clinux_forget_code(void);

/// Whether the calling thread leaves the processor to who wakes it: SCHED_BATCH or SCHED_OTHER, sched(7). False where it was
/// neither, or the kernel refuses: then nothing has changed.
bool clinux_set_patient(bool is_patient);

/// Names the calling thread, for `ps -L`: at most 15 bytes. prctl(2) is variadic, which Swift cannot call.
static inline int clinux_name_thread(const char *name) { return prctl(PR_SET_NAME, name, 0, 0, 0); }

#endif
