#ifndef CJOBPROCESS_H
#define CJOBPROCESS_H

/// What Swift cannot do: the code between clone and exec, which may call only async-signal-safe functions, and
/// system calls for which glibc has no wrapper or Swift's Glibc module no header.

#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/timerfd.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <sys/xattr.h>

/// The step at which a spawn failed. Up to and with `jobq_step_clone` there is no child.
enum jobq_step {
  jobq_step_none,
  jobq_step_clone,
  jobq_step_session,
  jobq_step_cgroup,
  jobq_step_oom_score,
  jobq_step_open_files,
  jobq_step_directory,
  jobq_step_descriptors,
  jobq_step_gate,
  jobq_step_exec,
};

/// What a child that is ready to run its program looks at, in memory that it shares until then: whether it may. 0 is shut.
/// May be called from any thread, while a child looks.
void jobq_gate_open(uint32_t *gate);
bool jobq_gate_is_open(const uint32_t *gate);

/// A child to be made. Everything that is pointed to must stay as it is until `jobq_spawn` returns.
struct jobq_spawn {
  /// The files to try, in this order, ended by a null pointer: one, or the program in each directory of PATH.
  char *const *programs;
  char *const *arguments;
  char *const *environment;
  /// Entered after the umask is set; relative programs are relative to it.
  const char *directory;
  mode_t umask;
  /// What becomes 0, 1 and 2. Each must be 3 or greater.
  int descriptors[3];
  /// The directory of the cgroup v2 to be born in; -1 for the parent's.
  int cgroup;
  /// Whether to try clone3 first. Cleared where the kernel has none, or forbids it.
  bool try_clone3;
  /// What to write to oom_score_adj; null to leave it as inherited.
  const char *oom_score_adj;
  /// The soft RLIMIT_NOFILE; RLIM_INFINITY to leave it as inherited.
  rlim_t open_files;
  /// Null, or what must be open before the program runs. Where it is not, `gate_patience_ns` after the child has come
  /// to it, the child goes away, and `jobq_step_gate` says so: nobody who has died meanwhile is waited for. So it does of a
  /// child that was killed while it looked.
  const uint32_t *gate;
  uint64_t gate_patience_ns;

  /// Out: the child, and a descriptor for it (pidfd, close-on-exec).
  pid_t pid;
  int pidfd;
  /// Out: CLOCK_BOOTTIME just before it was made, and when it first ran.
  uint64_t started_after_ns;
  uint64_t started_by_ns;
  /// Out: what the child had used when it had seen the gate open: none of it is the program's. exec(2) does not reset it.
  struct rusage waited;
  /// Out: what failed, or `jobq_step_none`, and its errno.
  enum jobq_step failed_step;
  int failed_errno;
};

/// What one spawning thread needs: a stack for its children, and the place where the kernel announces their numbers
/// before they run. Answers a number, or -1 with errno. At most 256 are open at once.
int jobq_spawner_open(void);
void jobq_spawner_close(int spawner);

/// Starts a child in a session of its own, with every signal at its default, an empty signal mask and no other
/// descriptors than 0, 1 and 2. Returns 0 once the program runs; else -1, no child is left, and `failed_step` and
/// `failed_errno` say why. The calling thread waits until the child has called exec or is gone. The child's number
/// stays announced until `jobq_spawner_settle`.
int jobq_spawn(int spawner, struct jobq_spawn *request);

/// The caller now keeps the number of its last child itself.
void jobq_spawner_settle(int spawner);

/// Sends the signal to the child that this spawner is making, or has made and not yet settled; nothing where there is none. May be
/// called from any thread: the number is nobody else's, since `jobq_spawn` settles a child before it reaps it.
void jobq_spawner_signal(int spawner, int signal);

/// Whether `pid` is a child that some spawner has made and not yet settled. Who reaps children that it does not know
/// asks first.
bool jobq_is_spawning(pid_t pid);

/// Whether a child in this fresh cgroup can be ended by its `cgroup.kill`: tries it. 0, or -1 with errno. `clone3` says
/// whether children can be born in it; otherwise they must join it. Nothing may be born in the cgroup after this.
int jobq_try_cgroup(int cgroup, bool *clone3);

int jobq_pidfd_open(pid_t pid);
int jobq_pidfd_send_signal(int pidfd, int signal);

/// waitid(2) as the kernel has it, with the resource usage of the child and of the children it has waited for.
/// 1: `code` (CLD_…) and `status` say how the child ended; 0: it runs; -1 with errno.
int jobq_wait(int pidfd, bool reap, int *code, int *status, struct rusage *usage);

/// Reaps any child that has ended; see waitid(2), P_ALL. The pid, 0 where none has ended, or -1 with errno.
/// With `reap` false the child is only named.
pid_t jobq_wait_any(bool reap);
/// Reaps this child if it has ended: true if it did.
bool jobq_reap(pid_t pid);

/// Makes this process the one that takes in the orphans among its descendants: PR_SET_CHILD_SUBREAPER. From then on the
/// end of any child adds one to the eventfd `counter`: SIGCHLD is handled, with SA_RESTART. 0, or -1 with errno.
int jobq_adopt_orphans(int counter);

/// pipe2(2), close-on-exec.
int jobq_pipe(int ends[2]);
/// splice(2) from a pipe to the file's position, not waiting for the pipe.
ssize_t jobq_splice(int pipe, int file, size_t most);
/// memfd_create(2), close-on-exec.
int jobq_memory_file(const char *name);
/// At most 15 bytes.
void jobq_name_thread(const char *name);

#endif
