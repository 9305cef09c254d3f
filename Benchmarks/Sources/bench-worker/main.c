// What a user of beanstalkd has to write: a worker that reserves a job, runs it with its output in a file, and deletes it. N at once, a thread for each.
#include "bench.h"

#include <fcntl.h>
#include <getopt.h>
#include <pthread.h>
#include <spawn.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

extern char **environ;

static const char *address, *logs;
/// 0: without end.
static long wanted;
static atomic_long finished;

/// The payload is a command, its words parted by spaces.
static void run_job(char *payload, const char *id) {
  char *words[16], log[4096];
  size_t count = 0;
  char *rest;
  for (char *word = strtok_r(payload, " ", &rest); word && count < 15; word = strtok_r(NULL, " ", &rest))
    words[count++] = word;
  words[count] = NULL;
  if (count == 0) bench_refuse("an empty job");
  snprintf(log, sizeof log, "%s/%s", logs, id);

  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_addopen(&actions, 1, log, O_WRONLY | O_CREAT | O_TRUNC, 0600);
  posix_spawn_file_actions_adddup2(&actions, 1, 2);
  pid_t pid;
  int status, code = posix_spawn(&pid, words[0], &actions, NULL, words, environ);
  if (code) bench_refuse("%s: %s", words[0], strerror(code));
  posix_spawn_file_actions_destroy(&actions);
  if (waitpid(pid, &status, 0) < 0) bench_fail("waitpid");
}

static void *work(void *unused) {
  (void)unused;
  int fd = bench_connect(address);
  struct bytes in = {0}, out = {0};
  struct held held;
  while (wanted == 0 || atomic_load(&finished) < wanted) {
    bytes_format(&out, wanted ? "reserve-with-timeout 0\r\n" : "reserve\r\n");
    bench_write(fd, out.at, out.length);
    out.length = 0;
    size_t length;
    while ((length = in.length ? bench_beanstalk.reply(in.at, in.length) : 0) == 0) bench_read(fd, &in);
    if (bench_beanstalk.leased(in.at, length, &held, 1) == 0) break;
    in.at[length - 2] = 0;
    run_job(in.at + bench_line(in.at, length), held.id);
    bytes_drop(&in, length);
    size_t replies = bench_beanstalk.complete(&out, NULL, &held, 1);
    bench_exchange(fd, &bench_beanstalk, &out, replies);
    atomic_fetch_add(&finished, 1);
  }
  return NULL;
}

int main(int argc, char **argv) {
  long parallel = 8;
  const struct option options[] = {
      {"address", required_argument, NULL, 'a'}, {"logs", required_argument, NULL, 'l'},
      {"parallel", required_argument, NULL, 'p'}, {"count", required_argument, NULL, 'n'}, {0}};
  for (int option; (option = getopt_long(argc, argv, "", options, NULL)) != -1;) switch (option) {
      case 'a': address = optarg; break;
      case 'l': logs = optarg; break;
      case 'p': parallel = bench_number(optarg, "--parallel"); break;
      case 'n': wanted = bench_number(optarg, "--count"); break;
      default: return 64;
    }
  if (!address || !logs) bench_refuse("usage: bench-worker --address A --logs DIRECTORY [--parallel N] [--count N]");

  pthread_t *threads = calloc((size_t)parallel, sizeof *threads);
  uint64_t start = bench_now();
  for (long i = 0; i < parallel; i++)
    if (pthread_create(&threads[i], NULL, work, NULL)) bench_refuse("pthread_create failed");
  for (long i = 0; i < parallel; i++) pthread_join(threads[i], NULL);
  double elapsed = (double)(bench_now() - start) / 1e9;
  long done = atomic_load(&finished);
  printf("{\"done\":%ld,\"seconds\":%.6f,\"per_second\":%.3f}\n", done, elapsed, (double)done / elapsed);
}
