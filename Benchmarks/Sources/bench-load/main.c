// Clients in a closed loop: each has one request under way and sends the next when its reply has come.
//
// One thread serves all of them, so that sixteen clients cost the two cores of a small machine little more than one. The same loop speaks to jobq
// and to its peers, so that no one's client is the better one.
#include "bench.h"

#include <errno.h>
#include <getopt.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

enum mode { mode_enqueue, mode_bulk, mode_lease };

struct client {
  int fd;
  struct bytes in, out;
  size_t sent;
  /// Replies still to come; 0 and `finished` when there is nothing more to ask.
  size_t awaited;
  bool finished, completing;
  struct held held[max_held];
  int holds;
  char worker[32];
};

struct load {
  const struct protocol *protocol;
  enum mode mode;
  const char *queue, *job;
  int max;
  long count;
  uint64_t deadline;
  long asked, done;
};

static bool may_go_on(const struct load *load) {
  if (load->count) return load->asked < load->count;
  return bench_now() < load->deadline;
}

/// Writes the client's next request, or marks it finished.
static void ask(struct load *load, struct client *client) {
  const struct protocol *protocol = load->protocol;
  client->out.length = client->sent = 0;
  if (client->holds > 0) {
    client->completing = true;
    client->awaited = protocol->complete(&client->out, client->worker, client->held, client->holds);
  } else if (!may_go_on(load)) {
    client->finished = true;
  } else if (load->mode == mode_enqueue) {
    load->asked++;
    client->awaited = protocol->enqueue(&client->out, load->queue, load->job);
  } else if (load->mode == mode_bulk) {
    load->asked += load->count;
    client->awaited = protocol->bulk(&client->out, load->queue, load->job, load->count);
  } else {
    load->asked += load->max;
    client->awaited = protocol->lease(&client->out, load->queue, client->worker, load->max);
  }
}

/// All replies to the last request are here.
static void answered(struct load *load, struct client *client) {
  if (load->mode == mode_lease) {
    if (client->completing) {
      load->done += client->holds;
      client->holds = 0;
      client->completing = false;
    } else if (client->holds == 0) {
      client->finished = true;  // The queue is empty.
      return;
    }
  } else {
    load->done += load->mode == mode_bulk ? load->count : 1;
  }
  ask(load, client);
}

static void push(struct client *client) {
  while (client->sent < client->out.length) {
    ssize_t count = send(client->fd, client->out.at + client->sent, client->out.length - client->sent, MSG_DONTWAIT);
    if (count < 0 && errno == EAGAIN) return;
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) bench_fail("send");
    client->sent += (size_t)count;
  }
}

static void take(struct load *load, struct client *client) {
  bench_read(client->fd, &client->in);
  size_t used = 0;
  while (client->awaited > 0 && used < client->in.length) {
    const char *reply = client->in.at + used;
    size_t length = load->protocol->reply(reply, client->in.length - used);
    if (length == 0) break;
    if (!load->protocol->accepted(reply, length)) bench_refuse("refused: %.*s", (int)length, reply);
    if (load->mode == mode_lease && !client->completing)
      client->holds +=
          load->protocol->leased(reply, length, client->held + client->holds, max_held - client->holds);
    used += length;
    client->awaited--;
  }
  bytes_drop(&client->in, used);
  if (client->awaited == 0) {
    answered(load, client);
    push(client);
  }
}

static void run(struct load *load, struct client *clients, int count) {
  struct pollfd *polled = calloc((size_t)count, sizeof *polled);
  for (int i = 0; i < count; i++) {
    ask(load, &clients[i]);
    push(&clients[i]);
  }
  for (;;) {
    int open = 0;
    for (int i = 0; i < count; i++) {
      struct client *client = &clients[i];
      polled[i].fd = client->finished ? -1 : client->fd;
      polled[i].events = POLLIN | (client->sent < client->out.length ? POLLOUT : 0);
      open += !client->finished;
    }
    if (open == 0) break;
    // A client alone needs no one to tell it whose turn it is: it blocks in read.
    if (count == 1 && polled[0].events == POLLIN) {
      take(load, &clients[0]);
      continue;
    }
    if (poll(polled, (nfds_t)count, -1) < 0 && errno != EINTR) bench_fail("poll");
    for (int i = 0; i < count; i++) {
      if (polled[i].revents & POLLOUT) push(&clients[i]);
      if (polled[i].revents & (POLLIN | POLLHUP | POLLERR)) take(load, &clients[i]);
    }
  }
  free(polled);
}

int main(int argc, char **argv) {
  struct load load = {.queue = "default", .max = 1};
  const char *address = NULL;
  long clients = 1, seconds = 0;
  const struct option options[] = {
      {"protocol", required_argument, NULL, 'p'}, {"address", required_argument, NULL, 'a'},
      {"clients", required_argument, NULL, 'c'},  {"seconds", required_argument, NULL, 's'},
      {"count", required_argument, NULL, 'n'},    {"queue", required_argument, NULL, 'q'},
      {"job", required_argument, NULL, 'j'},      {"max", required_argument, NULL, 'm'},
      {0}};
  for (int option; (option = getopt_long(argc, argv, "", options, NULL)) != -1;) switch (option) {
      case 'p': load.protocol = bench_protocol(optarg); break;
      case 'a': address = optarg; break;
      case 'c': clients = bench_number(optarg, "--clients"); break;
      case 's': seconds = bench_number(optarg, "--seconds"); break;
      case 'n': load.count = bench_number(optarg, "--count"); break;
      case 'q': load.queue = optarg; break;
      case 'j': load.job = optarg; break;
      case 'm': load.max = (int)bench_number(optarg, "--max"); break;
      default: return 64;
    }
  const char *mode = optind < argc ? argv[optind] : "";
  if (strcmp(mode, "enqueue") == 0) load.mode = mode_enqueue;
  else if (strcmp(mode, "bulk") == 0) load.mode = mode_bulk;
  else if (strcmp(mode, "lease") == 0) load.mode = mode_lease;
  else load.protocol = NULL;
  if (!load.protocol || !address || (load.count == 0) == (seconds == 0) || (load.mode != mode_lease && !load.job)
      || load.max > max_held || (load.mode == mode_bulk && load.count == 0)) {
    fprintf(
        stderr,
        "usage: bench-load --protocol http|redis|beanstalk --address unix:PATH|tcp:PORT (--count N | --seconds N)\n"
        "                  [--clients N] [--queue NAME] (enqueue|bulk) --job TEXT | lease [--max N]\n");
    return 64;
  }

  struct client *all = calloc((size_t)clients, sizeof *all);
  for (long i = 0; i < clients; i++) {
    all[i].fd = bench_connect(address);
    snprintf(all[i].worker, sizeof all[i].worker, "worker-%ld", i);
  }
  uint64_t start = bench_now();
  load.deadline = start + (uint64_t)seconds * 1000000000u;
  run(&load, all, (int)clients);
  double elapsed = (double)(bench_now() - start) / 1e9;
  printf("{\"done\":%ld,\"seconds\":%.6f,\"per_second\":%.3f}\n", load.done, elapsed, (double)load.done / elapsed);
}
