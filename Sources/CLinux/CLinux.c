#define _GNU_SOURCE
#include "CLinux.h"

#include <errno.h>
#include <fcntl.h>
#include <link.h>
#include <sched.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

int clinux_memory_file(const char *name) { return memfd_create(name, MFD_CLOEXEC); }

int clinux_pipe(int *ends) { return pipe2(ends, O_CLOEXEC); }

bool clinux_set_patient(bool is_patient) {
  const struct sched_param parameters = {.sched_priority = 0};
  const int before = is_patient ? SCHED_OTHER : SCHED_BATCH;
  return sched_getscheduler(0) == before &&
         sched_setscheduler(0, is_patient ? SCHED_BATCH : SCHED_OTHER, &parameters) == 0;
}

static int forget_segments(struct dl_phdr_info *program, size_t size, void *context) {
  (void)size, (void)context;
  for (int i = 0; i < program->dlpi_phnum; i++) {
    const ElfW(Phdr) *segment = &program->dlpi_phdr[i];
    if (segment->p_type != PT_LOAD || segment->p_flags & PF_W) continue;
    uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE), start = program->dlpi_addr + segment->p_vaddr;
    uintptr_t first = start & ~(page - 1), end = (start + segment->p_memsz + page - 1) & ~(page - 1);
    madvise((void *)first, end - first, MADV_DONTNEED);
  }
  return 0;
}

void clinux_forget_code(void) { dl_iterate_phdr(forget_segments, NULL); }

int clinux_identify(const char *path, struct clinux_identity *identity) {
  struct statx status;
  if (statx(AT_FDCWD, path, AT_SYMLINK_NOFOLLOW, STATX_INO, &status) != 0) {
    // A filter of system calls that does not know statx(2) refuses it with an error of its own.
    struct stat known;
    if (errno == ENOENT || errno == ENOTDIR || lstat(path, &known) != 0) return -1;
    identity->device = (uint64_t)major(known.st_dev) << 32 | minor(known.st_dev);
    identity->inode = known.st_ino;
    return 0;
  }
  identity->device = (uint64_t)status.stx_dev_major << 32 | status.stx_dev_minor;
  identity->inode = status.stx_ino;
  return 0;
}

void clinux_fill_standard_descriptors(void) {
  for (int descriptor = 0; descriptor < 3; descriptor++) {
    // The lowest that is free is the one that is given.
    if (fcntl(descriptor, F_GETFD) < 0 && errno == EBADF) open("/dev/null", descriptor == 0 ? O_WRONLY : O_RDONLY);
  }
}
