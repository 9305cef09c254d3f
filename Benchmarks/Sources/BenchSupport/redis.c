// Redis as a reliable queue: LPUSH, LMOVE to a list of work under way, LREM when done. https://redis.io/docs/latest/commands/lmove/
#include "bench.h"

#include <stdlib.h>
#include <string.h>

static void word(struct bytes *out, const char *text) { bytes_format(out, "$%zu\r\n%s\r\n", strlen(text), text); }

static size_t enqueue(struct bytes *out, const char *queue, const char *job) {
  bytes_format(out, "*3\r\n");
  word(out, "LPUSH"), word(out, queue), word(out, job);
  return 1;
}

static size_t bulk(struct bytes *out, const char *queue, const char *job, long count) {
  for (long i = 0; i < count; i++) enqueue(out, queue, job);
  return (size_t)count;
}

static size_t lease(struct bytes *out, const char *queue, const char *worker, int max) {
  for (int i = 0; i < max; i++) {
    bytes_format(out, "*5\r\n");
    word(out, "LMOVE"), word(out, queue), word(out, worker), word(out, "RIGHT"), word(out, "LEFT");
  }
  return (size_t)max;
}

static size_t complete(struct bytes *out, const char *worker, const struct held *held, int count) {
  for (int i = 0; i < count; i++) {
    bytes_format(out, "*4\r\n");
    word(out, "LREM"), word(out, worker), word(out, "1"), word(out, held[i].token);
  }
  return (size_t)count;
}

static size_t reply(const char *data, size_t length) {
  size_t line = bench_line(data, length);
  if (line == 0 || data[0] != '$') return line;
  long body = strtol(data + 1, NULL, 10);
  if (body < 0) return line;
  size_t whole = line + (size_t)body + 2;
  return length >= whole ? whole : 0;
}

static bool accepted(const char *reply, size_t length) { return length > 0 && reply[0] != '-'; }

static int leased(const char *reply, size_t length, struct held *held, int room) {
  size_t line = bench_line(reply, length);
  if (room == 0 || reply[0] != '$' || reply[1] == '-') return 0;
  size_t body = length - line - 2;
  if (body >= sizeof held->token) bench_refuse("a payload of %zu bytes", body);
  memcpy(held->token, reply + line, body);
  held->token[body] = 0;
  return 1;
}

const struct protocol bench_redis = {"redis", enqueue, bulk, lease, complete, reply, accepted, leased};
