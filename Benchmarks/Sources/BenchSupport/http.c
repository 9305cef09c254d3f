// jobq: HTTP/1.1 with keep-alive, docs/openapi.yaml.
#include "bench.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void post(struct bytes *out, const char *path, const char *type, const char *body, size_t length) {
  bytes_format(
      out, "POST %s HTTP/1.1\r\nHost: jobq\r\nContent-Type: %s\r\nContent-Length: %zu\r\n\r\n", path, type, length);
  bytes_add(out, body, length);
}

static size_t enqueue(struct bytes *out, const char *queue, const char *job) {
  (void)queue;  // It is in the job.
  post(out, "/v1/jobs", "application/json", job, strlen(job));
  return 1;
}

static size_t bulk(struct bytes *out, const char *queue, const char *job, long count) {
  (void)queue;
  struct bytes body = {0};
  for (long i = 0; i < count; i++) bytes_format(&body, "%s\n", job);
  post(out, "/v1/jobs", "application/x-ndjson", body.at, body.length);
  free(body.at);
  return 1;
}

static size_t lease(struct bytes *out, const char *queue, const char *worker, int max) {
  char path[128], body[160];
  snprintf(path, sizeof path, "/v1/queues/%s/lease", queue);
  snprintf(
      body, sizeof body, "{\"worker\":\"%s\",\"max\":%d,\"lease_seconds\":60,\"wait_seconds\":0}", worker, max);
  post(out, path, "application/json", body, strlen(body));
  return 1;
}

static size_t complete(struct bytes *out, const char *worker, const struct held *held, int count) {
  (void)worker;
  struct bytes body = {0};
  bytes_format(&body, "{\"complete\":[");
  for (int i = 0; i < count; i++)
    bytes_format(
        &body, "%s{\"id\":%s,\"lease\":%s,\"result\":null}", i ? "," : "", held[i].id, held[i].token);
  bytes_format(&body, "]}");
  post(out, "/v1/leases", "application/json", body.at, body.length);
  free(body.at);
  return 1;
}

static size_t reply(const char *data, size_t length) {
  const char *blank = memmem(data, length, "\r\n\r\n", 4);
  if (!blank) return 0;
  size_t head = (size_t)(blank - data) + 4, body = 0;
  for (const char *line = data; line < blank; line += bench_line(line, head - (size_t)(line - data)))
    if (strncasecmp(line, "content-length:", 15) == 0) body = strtoul(line + 15, NULL, 10);
  return length >= head + body ? head + body : 0;
}

static bool accepted(const char *reply, size_t length) {
  return length > 12 && memcmp(reply, "HTTP/1.1 2", 10) == 0;
}

/// Copies the JSON value after `key` as it stands, quotes and all, and gives where it ends; NULL where the key is not there.
static const char *value(const char *from, const char *end, const char *key, char *into, size_t room) {
  const char *at = memmem(from, (size_t)(end - from), key, strlen(key));
  if (!at) return NULL;
  at += strlen(key);
  size_t length = strcspn(at, ",}]");
  if (length >= room) bench_refuse("%s has %zu bytes", key, length);
  memcpy(into, at, length);
  into[length] = 0;
  return at + length;
}

static int leased(const char *reply, size_t length, struct held *held, int room) {
  const char *at = reply, *end = reply + length;
  for (int count = 0; count < room; count++) {
    // A job begins with its id; the lease is a field of the same job, and no field between the two is called so.
    if (!(at = value(at, end, "\"id\":", held[count].id, sizeof held->id))) return count;
    if (!(at = value(at, end, "\"lease\":", held[count].token, sizeof held->token))) bench_refuse("a job without lease");
  }
  return room;
}

const struct protocol bench_http = {"http", enqueue, bulk, lease, complete, reply, accepted, leased};
