// From the enqueue's first byte to the job's first instruction, on an idle queue: p50 over many.
//
// The job is bench-stamp; it writes the time of its own start to a FIFO. With `--spawn` a plain posix_spawn of the same job, the limit; with
// `--client` a command line is spawned that enqueues it.
#include "bench.h"

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <poll.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

extern char **environ;

enum { gap_ms = 20, patience_ms = 10000 };

static uint64_t stamp(int fifo) {
  struct pollfd polled = {.fd = fifo, .events = POLLIN};
  if (poll(&polled, 1, patience_ms) != 1) bench_refuse("the job did not start within %d s", patience_ms / 1000);
  uint64_t value;
  if (read(fifo, &value, sizeof value) != sizeof value) bench_fail("read the stamp");
  return value;
}

static pid_t start(char **command) {
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_addopen(&actions, 1, "/dev/null", O_WRONLY, 0);
  pid_t pid;
  int code = posix_spawn(&pid, command[0], &actions, NULL, command, environ);
  if (code) bench_refuse("%s: %s", command[0], strerror(code));
  posix_spawn_file_actions_destroy(&actions);
  return pid;
}

int main(int argc, char **argv) {
  const struct protocol *protocol = NULL;
  const char *address = NULL, *fifo = NULL, *job = NULL, *queue = "default";
  long count = 200;
  const struct option options[] = {
      {"protocol", required_argument, NULL, 'p'}, {"address", required_argument, NULL, 'a'},
      {"fifo", required_argument, NULL, 'f'},     {"job", required_argument, NULL, 'j'},
      {"queue", required_argument, NULL, 'q'},    {"count", required_argument, NULL, 'n'},
      {0}};
  for (int option; (option = getopt_long(argc, argv, "+", options, NULL)) != -1;) switch (option) {
      case 'p': protocol = bench_protocol(optarg); break;
      case 'a': address = optarg; break;
      case 'f': fifo = optarg; break;
      case 'j': job = optarg; break;
      case 'q': queue = optarg; break;
      case 'n': count = bench_number(optarg, "--count"); break;
      default: return 64;
    }
  bool spawns = optind < argc;
  if (!fifo || (!spawns && (!protocol || !address || !job)))
    bench_refuse(
        "usage: bench-latency --fifo PATH [--count N] (--protocol NAME --address A --job TEXT | -- COMMAND [ARG...])");

  if (mkfifo(fifo, 0622) < 0 && errno != EEXIST) bench_fail(fifo);
  int stamps = open(fifo, O_RDWR | O_CLOEXEC);
  if (stamps < 0) bench_fail(fifo);
  int fd = spawns ? -1 : bench_connect(address);

  uint64_t *took = calloc((size_t)count, sizeof *took);
  struct bytes out = {0};
  for (long i = 0; i < count; i++) {
    // Time for the queue to come to rest: what is measured is a job that finds it idle.
    nanosleep(&(struct timespec){.tv_nsec = gap_ms * 1000000}, NULL);
    uint64_t before = bench_now();
    if (spawns) {
      pid_t pid = start(argv + optind);
      took[i] = stamp(stamps) - before;
      int status;
      if (waitpid(pid, &status, 0) < 0) bench_fail("waitpid");
      if (status) bench_refuse("%s ended with status %#x", argv[optind], status);
    } else {
      size_t replies = protocol->enqueue(&out, queue, job);
      bench_exchange(fd, protocol, &out, replies);
      took[i] = stamp(stamps) - before;
    }
  }
  printf("{\"done\":%ld,", count);
  bench_print_percentiles(took, (size_t)count);
  printf("}\n");
  unlink(fifo);
}
