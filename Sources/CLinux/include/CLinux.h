#ifndef CLINUX_H
#define CLINUX_H

#ifndef _GNU_SOURCE
#define _GNU_SOURCE  // memfd_create
#endif
/// Linux headers that Swift's Glibc module leaves out.
#include <fcntl.h>
#include <link.h>
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

static inline int clinux_forget_segments(struct dl_phdr_info *program, size_t size, void *context) {
  (void)size, (void)context;
  for (int i = 0; i < program->dlpi_phnum; i++) {
    const ElfW(Phdr) *segment = &program->dlpi_phdr[i];
    if (segment->p_type != PT_LOAD || segment->p_flags & PF_W) continue;
    uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE), start = program->dlpi_addr + segment->p_vaddr;
    uintptr_t first = start & ~(page - 1), end = (start + segment->p_memsz + page - 1) & ~(page - 1);
    madvise((void *)first, end - first, MADV_DONTNEED);
  }
  // The first is the program itself.
  return 1;
}

/// Lets go of the program's own code and constants: what is used again is mapped again from the page cache. Only of
/// segments that are never written, so that nothing is lost (madvise(2), MADV_DONTNEED of a mapped file).
static inline void clinux_forget_code(void) { dl_iterate_phdr(clinux_forget_segments, NULL); }

/// Names the calling thread, for `ps -L`: at most 15 bytes. prctl(2) is variadic, which Swift cannot call.
static inline int clinux_name_thread(const char *name) { return prctl(PR_SET_NAME, name, 0, 0, 0); }

#endif
