// The limit of every durable acknowledgement: append a record of 200 bytes to a file, fdatasync it, again.
#include "bench.h"

#include <fcntl.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int main(int argc, char **argv) {
  long seconds = 2;
  const struct option options[] = {{"seconds", required_argument, NULL, 's'}, {0}};
  for (int option; (option = getopt_long(argc, argv, "", options, NULL)) != -1;) {
    if (option != 's') return 64;
    seconds = bench_number(optarg, "--seconds");
  }
  if (optind + 1 != argc) bench_refuse("usage: bench-append [--seconds N] FILE");
  const char *path = argv[optind];

  char record[200];
  memset(record, 'j', sizeof record);
  int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_APPEND | O_CLOEXEC, 0600);
  if (fd < 0) bench_fail(path);
  size_t room = 1 << 16, count = 0;
  uint64_t *took = malloc(room * sizeof *took);
  uint64_t start = bench_now(), end = start + (uint64_t)seconds * 1000000000u, now = start;
  while (now < end) {
    bench_write(fd, record, sizeof record);
    if (fdatasync(fd) < 0) bench_fail("fdatasync");
    uint64_t after = bench_now();
    if (count == room) took = realloc(took, (room *= 2) * sizeof *took);
    if (!took) bench_fail("realloc");
    took[count++] = after - now;
    now = after;
  }
  printf("{\"done\":%zu,\"per_second\":%.3f,", count, (double)count / ((double)(now - start) / 1e9));
  bench_print_percentiles(took, count);
  printf("}\n");
  close(fd);
  unlink(path);
}
