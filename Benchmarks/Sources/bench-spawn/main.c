// The limit of every run: posix_spawn and waitpid in a loop, N at once. One at a time it gives a program's whole life, start to end.
#include "bench.h"

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

extern char **environ;

int main(int argc, char **argv) {
  long parallel = 1, count = 100;
  const struct option options[] = {
      {"parallel", required_argument, NULL, 'p'}, {"count", required_argument, NULL, 'n'}, {0}};
  for (int option; (option = getopt_long(argc, argv, "+", options, NULL)) != -1;) switch (option) {
      case 'p': parallel = bench_number(optarg, "--parallel"); break;
      case 'n': count = bench_number(optarg, "--count"); break;
      default: return 64;
    }
  if (optind == argc) bench_refuse("usage: bench-spawn [--parallel N] [--count N] [--] PROGRAM [ARG...]");

  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
  posix_spawn_file_actions_addopen(&actions, 1, "/dev/null", O_WRONLY, 0);

  uint64_t *took = calloc((size_t)count, sizeof *took);
  uint64_t start = bench_now();
  long begun = 0, ended = 0;
  while (ended < count) {
    uint64_t before = bench_now();
    while (begun < count && begun - ended < parallel) {
      pid_t pid;
      int code = posix_spawn(&pid, argv[optind], &actions, NULL, argv + optind, environ);
      if (code) bench_refuse("%s: %s", argv[optind], strerror(code));
      begun++;
    }
    int status;
    if (waitpid(-1, &status, 0) < 0) bench_fail("waitpid");
    if (status) bench_refuse("%s ended with status %#x", argv[optind], status);
    took[ended++] = bench_now() - before;
  }
  double elapsed = (double)(bench_now() - start) / 1e9;
  printf("{\"done\":%ld,\"seconds\":%.6f,\"per_second\":%.3f,", count, elapsed, (double)count / elapsed);
  bench_print_percentiles(took, (size_t)count);  // A process's life where `parallel` is 1.
  printf("}\n");
}
