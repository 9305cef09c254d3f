// The job whose start is timed: writes CLOCK_MONOTONIC, in nanoseconds, to the FIFO that it is given, before anything else.
#include <fcntl.h>
#include <stdint.h>
#include <time.h>
#include <unistd.h>

int main(int argc, char **argv) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  uint64_t nanoseconds = (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
  if (argc != 2) return 64;
  int fd = open(argv[1], O_WRONLY);
  return fd < 0 || write(fd, &nanoseconds, sizeof nanoseconds) != sizeof nanoseconds;
}
