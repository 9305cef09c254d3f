#include "bench.h"

#include <string.h>

const struct protocol *bench_protocol(const char *name) {
  const struct protocol *all[] = {&bench_http, &bench_redis, &bench_beanstalk};
  for (size_t i = 0; i < sizeof all / sizeof *all; i++)
    if (strcmp(all[i]->name, name) == 0) return all[i];
  bench_refuse("%s: none of http, redis, beanstalk", name);
}

size_t bench_line(const char *data, size_t length) {
  const char *end = memmem(data, length, "\r\n", 2);
  return end ? (size_t)(end - data) + 2 : 0;
}
