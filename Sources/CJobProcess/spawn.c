// The way from clone to exec.
//
// The child shares the parent's memory until it calls exec (CLONE_VM), while the calling thread waits (CLONE_VFORK): no
// page table is copied, and what fails in the child is told through plain memory. In return it runs on a stack of its
// own, calls only async-signal-safe functions (signal-safety(7)), and blocks every signal until all handlers are gone,
// so that no handler of the parent ever runs on the parent's memory in a child. (SIGCHLD is left out where the parent has it
// unblocked: there it has no handler.)

#define _GNU_SOURCE
#include "CJobProcess.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/close_range.h>
#include <linux/sched.h>
#include <sched.h>
#include <stdatomic.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#ifndef CLONE_INTO_CGROUP
#define CLONE_INTO_CGROUP 0x200000000ULL
#endif

// A daemon has one runner with a few of these; tests that run side by side have hundreds.
enum { spawner_count = 2048, stack_size = 64 << 10, kernel_signals = 64 };

static struct {
  atomic_bool used;
  /// Set by the kernel before the child can run or be waited for (CLONE_PARENT_SETTID).
  _Atomic pid_t child;
  /// Held while the child is signalled, and while it is settled, for one system call at most.
  atomic_flag signalling;
  char *stack;
} spawners[spawner_count];

int jobq_spawner_open(void) {
  for (int i = 0; i < spawner_count; i++) {
    if (atomic_exchange(&spawners[i].used, true)) continue;
    // A page without access below the stack: an overflow is a fault, not a corruption.
    const long guard = sysconf(_SC_PAGESIZE);
    char *memory = mmap(NULL, guard + stack_size, PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_ANONYMOUS | MAP_STACK, -1, 0);
    if (memory == MAP_FAILED || mprotect(memory, guard, PROT_NONE) != 0) {
      const int error = errno;
      if (memory != MAP_FAILED) munmap(memory, guard + stack_size);
      atomic_store(&spawners[i].used, false);
      errno = error;
      return -1;
    }
    spawners[i].stack = memory + guard;
    return i;
  }
  errno = EAGAIN;
  return -1;
}

void jobq_spawner_close(int spawner) {
  const long guard = sysconf(_SC_PAGESIZE);
  munmap(spawners[spawner].stack - guard, guard + stack_size);
  atomic_store(&spawners[spawner].child, 0);
  atomic_store(&spawners[spawner].used, false);
}

void jobq_spawner_settle(int spawner) {
  while (atomic_flag_test_and_set(&spawners[spawner].signalling)) sched_yield();
  atomic_store(&spawners[spawner].child, 0);
  atomic_flag_clear(&spawners[spawner].signalling);
}

void jobq_spawner_signal(int spawner, int signal) {
  while (atomic_flag_test_and_set(&spawners[spawner].signalling)) sched_yield();
  const pid_t child = atomic_load(&spawners[spawner].child);
  if (child > 0) kill(child, signal);
  atomic_flag_clear(&spawners[spawner].signalling);
}

bool jobq_is_spawning(pid_t pid) {
  for (int i = 0; i < spawner_count; i++)
    if (atomic_load(&spawners[i].child) == pid) return true;
  return false;
}

void jobq_gate_open(uint32_t *gate) { __atomic_store_n(gate, 1, __ATOMIC_RELEASE); }

bool jobq_gate_is_open(const uint32_t *gate) { return __atomic_load_n(gate, __ATOMIC_ACQUIRE) != 0; }

// MARK: The child

/// The kernel's own struct, not glibc's: rt_sigaction(2) with SIG_DFL needs nothing else of it.
struct kernel_sigaction {
  void (*handler)(int);
  unsigned long flags;
  void (*restorer)(void);
  uint64_t mask;
};

static uint64_t now_ns(clockid_t clock) {
  struct timespec now = {0};
  clock_gettime(clock, &now);
  return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

static _Noreturn void fail(struct jobq_spawn *request, enum jobq_step step) {
  request->failed_errno = errno;
  request->failed_step = step;
  _exit(127);
}

static void put(struct jobq_spawn *request, enum jobq_step step, int directory, const char *path, const char *text) {
  const int file = openat(directory, path, O_WRONLY | O_CLOEXEC);
  if (file < 0 || write(file, text, strlen(text)) < 0) fail(request, step);
  close(file);
}

/// Closes every descriptor from 3 on. Linux has close_range(2) since 5.9, and filters of system calls may not know it.
static void close_others(void) {
  if (syscall(SYS_close_range, 3, ~0U, 0) == 0) return;
  struct rlimit limit;
  const rlim_t most = 1 << 20;
  const rlim_t end = getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_max < most ? limit.rlim_max : most;
  for (rlim_t i = 3; i < end; i++) close((int)i);
}

/// Looks on, and lets everyone else run who can: to be woken takes longer.
static bool is_opened(const uint32_t *gate, uint64_t patience) {
  const uint64_t began = now_ns(CLOCK_MONOTONIC);
  while (!jobq_gate_is_open(gate)) {
    if (now_ns(CLOCK_MONOTONIC) - began >= patience) return false;
    sched_yield();
  }
  return true;
}

/// Tries the candidates by the rules of execvp(3): a file that may not be run is passed over, but remembered. A
/// file that is no program is not given to a shell.
static _Noreturn void execute(struct jobq_spawn *request) {
  bool denied = false;
  for (char *const *program = request->programs; *program; program++) {
    execve(*program, request->arguments, request->environment);
    switch (errno) {
    // Where there is nothing to be seen there is no such command for this user: the PATH may be another's.
    case EACCES: if (access(*program, F_OK) == 0) denied = true; break;
    case ENOENT: case ENOTDIR: case ESTALE: case ENODEV: case ETIMEDOUT: break;
    default: fail(request, jobq_step_exec);
    }
  }
  // The last candidate's ENOTDIR or ESTALE says nothing where there were several.
  if (denied) errno = EACCES;
  else if (!request->programs[0] || request->programs[1]) errno = ENOENT;
  fail(request, jobq_step_exec);
}

struct child {
  struct jobq_spawn *request;
  bool joins_cgroup;
};

static int run_child(void *argument) {
  const struct child child = *(struct child *)argument;
  struct jobq_spawn *request = child.request;
  request->started_by_ns = now_ns(CLOCK_BOOTTIME);

  // exec keeps what is ignored, and SIG_IGN of the daemon (SIGPIPE) is not the job's. KILL and STOP answer EINVAL.
  const struct kernel_sigaction standard = {.handler = SIG_DFL};
  for (int signal = 1; signal <= kernel_signals; signal++)
    syscall(SYS_rt_sigaction, signal, &standard, NULL, sizeof standard.mask);

  if (setsid() < 0) fail(request, jobq_step_session);
  if (child.joins_cgroup) put(request, jobq_step_cgroup, request->cgroup, "cgroup.procs", "0");
  // The kernel gives a vfork child a value of its own: fs/proc/base.c, __set_oom_adj.
  if (request->oom_score_adj)
    put(request, jobq_step_oom_score, AT_FDCWD, "/proc/self/oom_score_adj", request->oom_score_adj);
  umask(request->umask);
  if (chdir(request->directory) != 0) fail(request, jobq_step_directory);
  for (int i = 0; i < 3; i++)
    if (dup2(request->descriptors[i], i) < 0) fail(request, jobq_step_descriptors);
  close_others();
  if (request->open_files != RLIM_INFINITY) {
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0) fail(request, jobq_step_open_files);
    limit.rlim_cur = request->open_files < limit.rlim_max ? request->open_files : limit.rlim_max;
    if (setrlimit(RLIMIT_NOFILE, &limit) != 0) fail(request, jobq_step_open_files);
  }

  if (request->gate) {
    if (!is_opened(request->gate, request->gate_patience_ns)) fail(request, jobq_step_gate);
    syscall(SYS_getrusage, RUSAGE_SELF, &request->waited);
  }

  const uint64_t none = 0;
  syscall(SYS_rt_sigprocmask, SIG_SETMASK, &none, NULL, sizeof none);
  execute(request);
}

// MARK: The parent

/// clone3(2) with a stack and a function for the child, which glibc does not offer. -ENOSYS on machines for which this
/// is not written.
static long clone3_call(struct clone_args *arguments, int (*function)(void *), void *argument) {
#if defined(__x86_64__)
  long result;
  __asm__ volatile(
      "syscall\n\t"
      "test %%rax, %%rax\n\t"
      "jnz 1f\n\t"
      "mov %[argument], %%rdi\n\t"
      "call *%[function]\n\t"
      "hlt\n"
      "1:"
      : "=a"(result)
      : "0"((long)SYS_clone3), "D"(arguments), "S"(sizeof *arguments),
        [function] "r"(function), [argument] "r"(argument)
      : "rcx", "r11", "memory", "cc");
  return result;
#elif defined(__aarch64__)
  register long number __asm__("x8") = SYS_clone3;
  register long result __asm__("x0") = (long)arguments;
  register long size __asm__("x1") = sizeof *arguments;
  register long function_ __asm__("x2") = (long)function;
  register long argument_ __asm__("x3") = (long)argument;
  __asm__ volatile(
      "svc #0\n\t"
      "cbnz x0, 1f\n\t"
      "mov x0, x3\n\t"
      "blr x2\n\t"
      "brk #0\n"
      "1:"
      : "+r"(result)
      : "r"(number), "r"(size), "r"(function_), "r"(argument_)
      : "memory", "cc");
  return result;
#else
  (void)arguments, (void)function, (void)argument;
  return -ENOSYS;
#endif
}

/// One spawn by clone3, born in its cgroup; or by clone, joining it before exec. The pid, or a negative errno.
static long make_child(int spawner, struct jobq_spawn *request, bool clone3) {
  struct child child = {.request = request, .joins_cgroup = !clone3 && request->cgroup >= 0};
  char *stack = spawners[spawner].stack;
  request->started_after_ns = now_ns(CLOCK_BOOTTIME);
  if (clone3) {
    struct clone_args arguments = {
      .flags = CLONE_VM | CLONE_VFORK | CLONE_PIDFD | CLONE_PARENT_SETTID,
      .pidfd = (uintptr_t)&request->pidfd,
      .parent_tid = (uintptr_t)&spawners[spawner].child,
      .exit_signal = SIGCHLD,
      .stack = (uintptr_t)stack,
      .stack_size = stack_size,
    };
    if (request->cgroup >= 0) {
      arguments.flags |= CLONE_INTO_CGROUP;
      arguments.cgroup = (uint64_t)request->cgroup;
    }
    return clone3_call(&arguments, run_child, &child);
  }
  const int pid = clone(run_child, stack + stack_size, CLONE_VM | CLONE_VFORK | CLONE_PARENT_SETTID | SIGCHLD,
                        &child, (pid_t *)&spawners[spawner].child);
  if (pid < 0) return -errno;
  // The child cannot be reaped by anyone but us: the number is its own.
  request->pidfd = jobq_pidfd_open(pid);
  if (request->pidfd < 0 && request->failed_step == jobq_step_none) {
    request->failed_errno = errno;
    request->failed_step = jobq_step_clone;
    kill(pid, SIGKILL);
  }
  return pid;
}

int jobq_spawn(int spawner, struct jobq_spawn *request) {
  // SIGCHLD is left as the caller has it: see `Spawner`.
  const uint64_t all = ~((uint64_t)1 << (SIGCHLD - 1));
  uint64_t before;
  // Not glibc's function: that leaves its own two signals out.
  syscall(SYS_rt_sigprocmask, SIG_BLOCK, &all, &before, sizeof all);
  request->pidfd = -1;
  request->failed_step = jobq_step_none;
  request->failed_errno = 0;
  long pid = -ENOSYS;
  if (request->try_clone3) {
    pid = make_child(spawner, request, true);
    // EAGAIN and ENOMEM are the limits of any fork. All else may come from what clone3 adds; clone tells.
    if (pid == -ENOSYS || pid == -EPERM) request->try_clone3 = false;
  }
  if (pid < 0 && pid != -EAGAIN && pid != -ENOMEM) pid = make_child(spawner, request, false);
  syscall(SYS_rt_sigprocmask, SIG_SETMASK, &before, NULL, sizeof before);

  if (pid < 0) {
    request->failed_step = jobq_step_clone;
    request->failed_errno = (int)-pid;
    return -1;
  }
  request->pid = (pid_t)pid;
  // It ran its program only where it saw the gate open. Else it was killed before.
  if (request->failed_step == jobq_step_none && request->gate && !jobq_gate_is_open(request->gate))
    request->failed_step = jobq_step_gate;
  if (request->failed_step == jobq_step_none) return 0;
  // Before it is reaped: whoever finds the number announced may signal it.
  jobq_spawner_settle(spawner);
  while (waitpid(request->pid, NULL, __WALL) < 0 && errno == EINTR) {}
  if (request->pidfd >= 0) close(request->pidfd);
  request->pidfd = -1;
  return -1;
}

// MARK: A trial

/// A plain fork with memory of its own, born in the cgroup by clone3, or joining it. The child exits at once, or waits
/// for its end.
static pid_t make_trial_child(int cgroup, bool clone3, bool waits) {
  struct clone_args arguments = {
    .flags = CLONE_INTO_CGROUP, .exit_signal = SIGCHLD, .cgroup = (uint64_t)cgroup};
  const pid_t pid = clone3 ? (pid_t)syscall(SYS_clone3, &arguments, sizeof arguments) : fork();
  if (pid != 0) return pid;
  if (!clone3) {
    const int procs = openat(cgroup, "cgroup.procs", O_WRONLY | O_CLOEXEC);
    if (procs < 0 || write(procs, "0", 1) < 0) _exit(errno);
    // Tells the parent that the join is done.
    raise(SIGSTOP);
  }
  while (waits) pause();
  _exit(0);
}

static int wait_for(pid_t pid, int options) {
  int status = 0;
  while (waitpid(pid, &status, options) < 0 && errno == EINTR) {}
  return status;
}

int jobq_try_cgroup(int cgroup, bool *clone3) {
  // Linux (seen on 6.18) compares the kill counter of the parent's cgroup with that of the child's, so where the
  // daemon's own was once killed, every child that is born elsewhere dies at once.
  pid_t pid = make_trial_child(cgroup, true, false);
  *clone3 = pid > 0 && wait_for(pid, 0) == 0;

  pid = make_trial_child(cgroup, *clone3, true);
  if (pid < 0) return -1;
  if (!*clone3) {
    const int status = wait_for(pid, WUNTRACED);
    if (!WIFSTOPPED(status)) {
      errno = WIFEXITED(status) ? WEXITSTATUS(status) : EIO;
      return -1;
    }
  }
  const int file = openat(cgroup, "cgroup.kill", O_WRONLY | O_CLOEXEC);
  int error = 0;
  if (file < 0 || write(file, "1", 1) < 0) {
    error = errno;
    kill(pid, SIGKILL);
  }
  if (file >= 0) close(file);
  wait_for(pid, 0);
  errno = error;
  return error ? -1 : 0;
}
