#include "bench.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

uint64_t bench_now(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

void bench_fail(const char *what) {
  fprintf(stderr, "%s: %s\n", what, strerror(errno));
  exit(1);
}

void bench_refuse(const char *format, ...) {
  va_list arguments;
  va_start(arguments, format);
  vfprintf(stderr, format, arguments);
  va_end(arguments);
  fputc('\n', stderr);
  exit(1);
}

long bench_number(const char *text, const char *option) {
  char *end;
  errno = 0;
  long number = strtol(text, &end, 10);
  if (errno || *end || end == text || number <= 0) bench_refuse("%s: \"%s\" is no number above zero", option, text);
  return number;
}

static int ascending(const void *a, const void *b) {
  uint64_t left = *(const uint64_t *)a, right = *(const uint64_t *)b;
  return (left > right) - (left < right);
}

void bench_print_percentiles(uint64_t *values, size_t count) {
  if (count == 0) bench_refuse("nothing was measured");
  qsort(values, count, sizeof *values, ascending);
  printf(
      "\"p50_ns\":%llu,\"p90_ns\":%llu,\"p99_ns\":%llu", (unsigned long long)values[count / 2],
      (unsigned long long)values[count * 9 / 10], (unsigned long long)values[count * 99 / 100]);
}

static void make_room(struct bytes *bytes, size_t length) {
  if (bytes->capacity - bytes->length >= length) return;
  size_t capacity = (bytes->length + length) * 2;
  char *at = realloc(bytes->at, capacity);
  if (!at) bench_fail("realloc");
  bytes->at = at;
  bytes->capacity = capacity;
}

void bytes_add(struct bytes *bytes, const char *data, size_t length) {
  make_room(bytes, length);
  memcpy(bytes->at + bytes->length, data, length);
  bytes->length += length;
}

void bytes_format(struct bytes *bytes, const char *format, ...) {
  va_list arguments, again;
  va_start(arguments, format);
  va_copy(again, arguments);
  int length = vsnprintf(NULL, 0, format, arguments);
  make_room(bytes, (size_t)length + 1);
  vsnprintf(bytes->at + bytes->length, (size_t)length + 1, format, again);
  bytes->length += (size_t)length;
  va_end(again);
  va_end(arguments);
}

void bytes_drop(struct bytes *bytes, size_t length) {
  bytes->length -= length;
  memmove(bytes->at, bytes->at + length, bytes->length);
}
