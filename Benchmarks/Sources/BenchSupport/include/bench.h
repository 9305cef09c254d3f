/// What the clients and the limits share: time, sockets, percentiles, and the wire forms of jobq and of the queues beside it.
#ifndef BENCH_H
#define BENCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// MARK: Time and failure

/// CLOCK_MONOTONIC in nanoseconds: the clock that the timed job stamps with, so the two can be subtracted.
uint64_t bench_now(void);

/// Ends the program with `what` and errno's text.
_Noreturn void bench_fail(const char *what);

/// Ends the program with the message, for what no errno explains.
_Noreturn void bench_refuse(const char *format, ...) __attribute__((format(printf, 1, 2)));

/// A whole number above zero, or the end of the program.
long bench_number(const char *text, const char *option);

/// Sorts `values` and prints `"p50_ns":…,"p90_ns":…,"p99_ns":…` without braces.
void bench_print_percentiles(uint64_t *values, size_t count);

// MARK: Bytes that grow

struct bytes {
  char *at;
  size_t length, capacity;
};

void bytes_add(struct bytes *bytes, const char *data, size_t length);
void bytes_format(struct bytes *bytes, const char *format, ...) __attribute__((format(printf, 2, 3)));
/// Drops the first `length` bytes.
void bytes_drop(struct bytes *bytes, size_t length);

// MARK: Sockets

/// A blocking connection to "unix:PATH" or "tcp:PORT" (loopback), without Nagle's delay.
int bench_connect(const char *address);
void bench_write(int fd, const char *data, size_t length);
/// Reads once, at least a byte, or ends the program.
void bench_read(int fd, struct bytes *into);

// MARK: Protocols

/// A job that a client holds: what its queue wants to hear again when it is done.
struct held {
  char id[48];
  char token[128];
};

enum { max_held = 64 };

/// How one kind of queue is spoken to. Requests are appended to `out`; each gives the number of replies that it brings.
struct protocol {
  const char *name;
  /// One durable enqueue of `job`: for jobq the request's JSON, for the others the payload.
  size_t (*enqueue)(struct bytes *out, const char *queue, const char *job);
  /// `count` jobs in the form that the queue takes fastest.
  size_t (*bulk)(struct bytes *out, const char *queue, const char *job, long count);
  /// Asks for up to `max` jobs without waiting.
  size_t (*lease)(struct bytes *out, const char *queue, const char *worker, int max);
  /// Says that the jobs held are done.
  size_t (*complete)(struct bytes *out, const char *worker, const struct held *held, int count);
  /// The length of the first whole reply in `data`; 0 where more is to come.
  size_t (*reply)(const char *data, size_t length);
  /// Whether the reply is the queue's yes.
  bool (*accepted)(const char *reply, size_t length);
  /// The jobs that a lease's reply hands over, at most `room`.
  int (*leased)(const char *reply, size_t length, struct held *held, int room);
};

/// "http" (jobq), "redis" or "beanstalk"; ends the program for another name.
const struct protocol *bench_protocol(const char *name);

extern const struct protocol bench_http, bench_redis, bench_beanstalk;

/// Sends what `out` holds and reads until `replies` replies came; ends the program where one is no yes. Empties `out`.
void bench_exchange(int fd, const struct protocol *protocol, struct bytes *out, size_t replies);

/// The length of the first line with its CR LF, or 0.
size_t bench_line(const char *data, size_t length);

#endif
