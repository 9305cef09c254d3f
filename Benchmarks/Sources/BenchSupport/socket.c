#include "bench.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

static int connect_unix(const char *path) {
  struct sockaddr_un to = {.sun_family = AF_UNIX};
  if (strlen(path) >= sizeof to.sun_path) bench_refuse("%s: too long for a socket's path", path);
  strcpy(to.sun_path, path);
  int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd < 0 || connect(fd, (struct sockaddr *)&to, sizeof to) < 0) bench_fail(path);
  return fd;
}

static int connect_loopback(long port) {
  struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
  to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd < 0 || connect(fd, (struct sockaddr *)&to, sizeof to) < 0) bench_fail("connect");
  int on = 1;
  setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  return fd;
}

int bench_connect(const char *address) {
  if (strncmp(address, "unix:", 5) == 0) return connect_unix(address + 5);
  if (strncmp(address, "tcp:", 4) == 0) return connect_loopback(bench_number(address + 4, "port"));
  bench_refuse("%s: neither unix:PATH nor tcp:PORT", address);
}

void bench_write(int fd, const char *data, size_t length) {
  while (length > 0) {
    ssize_t written = write(fd, data, length);
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) bench_fail("write");
    data += written;
    length -= (size_t)written;
  }
}

void bench_read(int fd, struct bytes *into) {
  char part[16384];
  ssize_t count;
  do count = read(fd, part, sizeof part);
  while (count < 0 && errno == EINTR);
  if (count < 0) bench_fail("read");
  if (count == 0) bench_refuse("the server closed the connection");
  bytes_add(into, part, (size_t)count);
}

void bench_exchange(int fd, const struct protocol *protocol, struct bytes *out, size_t replies) {
  struct bytes in = {0};
  bench_write(fd, out->at, out->length);
  out->length = 0;
  while (replies > 0) {
    size_t length = in.length ? protocol->reply(in.at, in.length) : 0;
    if (length == 0) {
      bench_read(fd, &in);
      continue;
    }
    if (!protocol->accepted(in.at, length)) bench_refuse("refused: %.*s", (int)length, in.at);
    bytes_drop(&in, length);
    replies--;
  }
  free(in.at);
}
