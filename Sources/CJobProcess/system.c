// System calls that Swift's Glibc module does not show, or glibc does not wrap.

#define _GNU_SOURCE
#include "CJobProcess.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#ifndef P_PIDFD
#define P_PIDFD 3
#endif

int jobq_pidfd_open(pid_t pid) { return (int)syscall(SYS_pidfd_open, pid, 0); }

int jobq_pidfd_send_signal(int pidfd, int signal) {
  return (int)syscall(SYS_pidfd_send_signal, pidfd, signal, NULL, 0);
}

int jobq_wait(int pidfd, bool reap, int *code, int *status, struct rusage *usage) {
  siginfo_t info = {0};
  // glibc's waitid has no place for the usage.
  while (syscall(SYS_waitid, P_PIDFD, pidfd, &info, WEXITED | WNOHANG | (reap ? 0 : WNOWAIT), usage) < 0)
    if (errno != EINTR) return -1;
  if (info.si_pid == 0) return 0;
  *code = info.si_code;
  *status = info.si_status;
  return 1;
}

pid_t jobq_wait_any(bool reap) {
  siginfo_t info = {0};
  while (waitid(P_ALL, 0, &info, WEXITED | WNOHANG | (reap ? 0 : WNOWAIT)) < 0)
    if (errno != EINTR) return -1;
  return info.si_pid;
}

bool jobq_reap(pid_t pid) {
  siginfo_t info = {0};
  while (waitid(P_PID, (id_t)pid, &info, WEXITED | WNOHANG) < 0)
    if (errno != EINTR) return false;
  return info.si_pid == pid;
}

static int death_counter = -1;

static void count_death(int signal) {
  (void)signal;
  const int error = errno;
  const uint64_t one = 1;
  // It fails only where the counter is full, and so readable.
  if (write(death_counter, &one, sizeof one) < 0) {}
  errno = error;
}

int jobq_adopt_orphans(int counter) {
  death_counter = counter;
  struct sigaction action = {.sa_handler = count_death, .sa_flags = SA_RESTART | SA_NOCLDSTOP};
  if (sigaction(SIGCHLD, &action, NULL) != 0) return -1;
  return prctl(PR_SET_CHILD_SUBREAPER, 1);
}

int jobq_pipe(int ends[2]) { return pipe2(ends, O_CLOEXEC); }

ssize_t jobq_splice(int pipe, int file, size_t most) {
  return splice(pipe, NULL, file, NULL, most, SPLICE_F_NONBLOCK | SPLICE_F_MOVE);
}

int jobq_memory_file(const char *name) { return memfd_create(name, MFD_CLOEXEC); }

void jobq_name_thread(const char *name) { pthread_setname_np(pthread_self(), name); }
