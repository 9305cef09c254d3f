// beanstalkd, doc/protocol.txt. The default tube; `queue` is not used.
#include "bench.h"

#include <stdlib.h>
#include <string.h>

static size_t enqueue(struct bytes *out, const char *queue, const char *job) {
  (void)queue;
  bytes_format(out, "put 1000 0 600 %zu\r\n%s\r\n", strlen(job), job);
  return 1;
}

static size_t bulk(struct bytes *out, const char *queue, const char *job, long count) {
  for (long i = 0; i < count; i++) enqueue(out, queue, job);
  return (size_t)count;
}

static size_t lease(struct bytes *out, const char *queue, const char *worker, int max) {
  (void)queue, (void)worker;
  for (int i = 0; i < max; i++) bytes_format(out, "reserve-with-timeout 0\r\n");
  return (size_t)max;
}

static size_t complete(struct bytes *out, const char *worker, const struct held *held, int count) {
  (void)worker;
  for (int i = 0; i < count; i++) bytes_format(out, "delete %s\r\n", held[i].id);
  return (size_t)count;
}

static bool starts(const char *data, size_t length, const char *word) {
  return length >= strlen(word) && memcmp(data, word, strlen(word)) == 0;
}

static size_t reply(const char *data, size_t length) {
  size_t line = bench_line(data, length);
  if (line == 0 || !starts(data, length, "RESERVED ")) return line;
  char *end;
  strtoul(data + strlen("RESERVED "), &end, 10);
  size_t whole = line + strtoul(end, NULL, 10) + 2;
  return length >= whole ? whole : 0;
}

static bool accepted(const char *reply, size_t length) {
  const char *yes[] = {"INSERTED ", "RESERVED ", "DELETED", "TIMED_OUT"};
  for (size_t i = 0; i < sizeof yes / sizeof *yes; i++)
    if (starts(reply, length, yes[i])) return true;
  return false;
}

static int leased(const char *reply, size_t length, struct held *held, int room) {
  if (room == 0 || !starts(reply, length, "RESERVED ")) return 0;
  const char *id = reply + strlen("RESERVED ");
  size_t digits = strspn(id, "0123456789");
  if (digits >= sizeof held->id) bench_refuse("an id of %zu digits", digits);
  memcpy(held->id, id, digits);
  held->id[digits] = 0;
  return 1;
}

const struct protocol bench_beanstalk = {"beanstalk", enqueue, bulk, lease, complete, reply, accepted, leased};
